"""Attacks by people who are somebody, on what belongs to somebody else (31, 32, 39, 44, 48).

The walk over every route, actor and owner stands in tests/walk; here each attack is made once as an attacker would.
"""

from __future__ import annotations

import copy
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urljoin

import pytest

from marketplace.core import fetch
from marketplace.core.config import Settings
from tests.integration.bad_input.conftest import siege, unmoved
from tests.integration.bad_input.sample_bodies import sample_bodies
from tests.integration.bad_input.siege import PASSWORD, SECRET_NAMES, Siege, assert_refused, describe
from tests.integration.bad_input.test_bad_requests import TAKES_BYTES, calls

__all__ = ["siege", "unmoved"]

NOBODYS = "01890000-0000-7000-8000-000000000000"


def test_attack_31_anothers_id_is_answered_exactly_as_one_that_nobody_has(unmoved: Siege) -> None:
    bodies = {(method, path): body for (method, path), (_, body) in sample_bodies(unmoved).items()}
    tried = 0
    for call in calls(unmoved):
        names = list(call.rule.replace(">", "<").split("<")[1::2])
        mine = [name.partition(":")[2] for name in names]
        if (
            call.guard.public
            or "anonymous" in call.guard.marks
            or call.rule.startswith("/api/v1/follows/")
            or len(mine) != 1
            or mine[0] not in unmoved.others
            or mine[0] in ("offer_id", "product_id", "order_ref")
        ):
            # Offers and products are published, and a reference is each shop's own word for its own order.
            continue
        template = call.rule.replace(f"<{names[0]}>", f"{{{mine[0]}}}").removeprefix("/api/v1")
        body = bodies.get((call.method, template), {}) if call.method != "GET" else None
        for name in ("owner", "shop_key", "adviser", "adviser_key"):
            person = unmoved.people[name]
            if not call.allows(person) or (mine[0] == "adviser_id" and call.method == "GET"):
                continue
            answers = []
            for theirs in (unmoved.others[mine[0]], NOBODYS):
                path = call.path.replace(unmoved.things[mine[0]], theirs)
                answers.append(unmoved.ask(call.method, path, person, json=body))
                assert not any(word in answers[-1].text for word in SECRET_NAMES), describe(answers[-1])
            theirs_, nobodys = answers
            assert_refused(theirs_, nobodys.status_code)
            assert theirs_.status_code in (404, 422), describe(theirs_)
            assert theirs_.text.replace(unmoved.others[mine[0]], NOBODYS) == nobodys.text
            tried += 1
    assert tried > 20


FOREIGN_FIELDS: dict[str, Any] = {
    "id": NOBODYS, "role": "admin", "roles": ["admin"], "shop_id_": NOBODYS, "user_id": NOBODYS, "balance": "9.00",
    "balance_minor": 900, "status": "paid", "state": "approved", "commission": "9.00", "amount_minor": 900,
    "payment_session": "x", "is_admin": True, "fee_bp": 0, "created_by": NOBODYS, "approved_by": NOBODYS,
    "approved_at": "2026-01-01T00:00:00Z", "email_verified_at": "2026-01-01T00:00:00Z", "suspended_at": None,
    "password_hash": "x", "session_key": "x", "totp_secret": "x", "key_hash": "x", "destination": "acct_1",
    "stripe_account_id": "acct_1", "effective_from_": "2020-01-01T00:00:00Z", "percent": 1, "__proto__": {"role": "admin"},
    "_method": "DELETE", "csrf_token": "x",
}  # fmt: skip


def test_attack_32_no_call_takes_a_field_that_it_does_not_declare(unmoved: Siege) -> None:
    tried, draw = 0, random.Random(32)
    for (method, template), (name, body) in sample_bodies(unmoved).items():
        path = template.format_map(unmoved.things)
        foreign = {field: value for field, value in FOREIGN_FIELDS.items() if field not in body}
        singles = draw.sample(sorted(foreign), 2)
        for more in (foreign, *({field: foreign[field]} for field in singles)):
            answer = unmoved.ask(method, path, unmoved.people[name], json=body | more)
            assert_refused(answer, 403, 422)
            if answer.status_code == 422:
                assert set(more) <= answer.get_json()["errors"].keys(), describe(answer)
            tried += len(more)
        # Inside lists and objects too.
        for inner, part in body.items():
            if isinstance(part, list) and part and isinstance(part[0], dict):
                changed = copy.deepcopy(body)
                changed[inner][0]["role"] = "admin"
                assert_refused(unmoved.ask(method, path, unmoved.people[name], json=changed), 422)
    assert tried > 800


def signed_in(siege: Siege) -> tuple[str, str]:
    """Sign the owner in as a browser; return cookie and CSRF token."""
    owner = siege.mine.world.owner.user_id
    [row] = siege.mine.rows("SELECT email FROM user_account WHERE id = :i", i=owner)
    body = {"email": row["email"], "password": PASSWORD, "session": True}
    answer = siege.ask("POST", "/accounts/sign-in", json=body)
    assert answer.status_code == 200, describe(answer)
    return answer.headers["Set-Cookie"].split(";")[0], answer.get_json()["csrf_token"]


def test_attack_39_another_site_can_make_a_browser_change_nothing(siege: Siege) -> None:
    cookie, _ = signed_in(siege)
    _, others = signed_in(siege)
    before = siege.fingerprint()
    unsafe = [call for call in calls(siege) if call.method != "GET" and not call.rule.startswith("/webhooks")]
    open_to_all = {call.rule for call in unsafe if call.guard.public or "anonymous" in call.guard.marks}
    tried = 0
    for call in unsafe:
        if not call.allows(siege.people["owner"]) or call.rule in open_to_all:
            continue
        for token in (None, "", "x", others):
            headers = {"Cookie": cookie, "Origin": "https://evil.example"}
            headers |= {} if token is None else {"X-CSRF-Token": token}
            assert_refused(
                siege.ask(call.method, call.path, headers=headers, json={}), 403, code="csrf_refused"
            )
        form = siege.ask(call.method, call.path, headers={"Cookie": cookie}, data={"csrf_token": others})
        assert_refused(form, 403, code="csrf_refused")
        plain = {"Cookie": cookie, "Content-Type": "text/plain"}
        assert_refused(siege.ask(call.method, call.path, headers=plain, data=b"{}"), 403)
        tried += 1
    assert tried > 15
    assert siege.fingerprint() == before


def test_attack_39_nothing_changes_by_get_and_no_method_is_smuggled_in(unmoved: Siege) -> None:
    readable = {call.rule for call in calls(unmoved) if call.method == "GET"}
    for call in calls(unmoved):
        person = unmoved.people["owner"]
        if call.rule not in readable:
            # An order's reference may hold a slash, so a verb after it is a reference that nobody has.
            assert_refused(unmoved.ask("GET", call.path, person), 404 if "order_ref" in call.rule else 405)
        if call.method == "GET":
            for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
                answer = unmoved.ask("GET", f"{call.path}?{call.query}", person, headers={name: "DELETE"})
                # A receipt that nobody has is 422; nothing changes by any of these.
                assert answer.status_code in (200, 401, 403, 404, 422), describe(answer)


def test_attack_48_no_answer_to_somebody_may_be_kept_by_a_cache(siege: Siege) -> None:
    cookie, csrf = signed_in(siege)
    checked = 0
    for call in calls(siege):
        for headers in ({"Cookie": cookie, "X-CSRF-Token": csrf}, siege.people["finance"].headers, {}):
            if call.method != "GET" and call.rule not in TAKES_BYTES:
                answer = siege.ask(call.method, call.path, headers=headers, json={"no_such_field": 1})
            elif call.method == "GET":
                answer = siege.ask("GET", f"{call.path}?{call.query}", headers=headers)
            else:
                continue
            assert answer.headers["Cache-Control"] == "no-store", describe(answer)
            assert "Cookie" in ", ".join(answer.headers.getlist("Vary")), describe(answer)
            assert "Authorization" in ", ".join(answer.headers.getlist("Vary")), describe(answer)
            checked += 1
    assert checked > 200
    for path in ("/api/openapi.json", "/no/such/page"):
        assert siege.ask("GET", path, headers={"Cookie": cookie}).headers["Cache-Control"] == "no-store"


class _Site(BaseHTTPRequestHandler):
    """A site of ours that must never be asked."""

    asked = 0

    def do_GET(self) -> None:
        _Site.asked += 1
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


HOPS = (
    "http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "https://localhost/", "https://169.254.169.254/latest/meta-data",
    "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://0/", "https://2130706433/", "https://0x7f.1/", "//127.0.0.1/",
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/", "https://inside.example/",
)  # fmt: skip


@pytest.mark.parametrize("hop", ["at once", "after a redirect"])
def test_attack_44_no_address_leads_inside_at_once_or_by_a_redirect(
    hop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=inside.serve_forever, daemon=True)
    thread.start()
    _Site.asked = 0
    names = {"inside.example": ["10.0.0.7"], "www.public.example": ["93.184.216.34"]}

    def resolve(host: str, _deadline: int) -> list[str]:
        return names.get(host.strip("[]"), [host.strip("[]")])

    hops, judge = fetch._hop, fetch._judge
    live = Settings(mode="production")
    try:
        for target in HOPS:
            address = target.format(port=inside.server_port)
            if hop == "at once":
                with pytest.raises((fetch.FetchRefused, fetch.FetchFailed)):
                    fetch.get(address, live, 1000, resolve=resolve)
                continue
            judged: list[str] = []

            def judging(url: str, *rest: Any, seen: list[str] = judged) -> Any:
                seen.append(url)
                return judge(url, *rest)

            def redirecting(
                target: Any, url: str, *rest: Any, to: str = address, seen: list[str] = judged
            ) -> Any:
                # Only the first hop is played: a public site that sends us on. The next is judged by the real code.
                return urljoin(url, to) if len(seen) == 1 else hops(target, url, *rest)

            monkeypatch.setattr(fetch, "_judge", judging)
            monkeypatch.setattr(fetch, "_hop", redirecting)
            with pytest.raises((fetch.FetchRefused, fetch.FetchFailed)):
                fetch.get("https://www.public.example/", live, 1000, resolve=resolve)
            assert judged == ["https://www.public.example/", urljoin("https://www.public.example/", address)]
            monkeypatch.undo()
    finally:
        inside.shutdown()
        inside.server_close()
        thread.join()
    assert _Site.asked == 0


def test_attack_44_a_name_is_resolved_once_and_the_connection_goes_where_that_said() -> None:
    """DNS rebinding: the second answer of the attacker's name server says 127.0.0.1, and nobody asks a second time."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]
    target = fetch._judge("https://rebind.example/x", Settings(mode="production"), lambda *_: answers.pop(0))
    assert target.url == "https://93.184.216.34/x"
    assert answers == [["127.0.0.1"]]
    with pytest.raises(fetch.FetchRefused):
        fetch._judge("https://rebind.example/x", Settings(mode="production"), lambda *_: answers.pop(0))


def test_attack_44_a_shop_can_prove_no_domain_that_lies_inside(siege: Siege) -> None:
    owner, reached = siege.people["owner"], 0
    for host in (
        "127.0.0.1",
        "localhost",
        "169.254.169.254",
        "[::1]",
        "2130706433",
        "0x7f.1",
        "inside",
        "10.0.0.1.nip.io",
    ):
        answer = siege.ask("POST", "/domains", owner, json={"host": host, "shop_id": siege.things["shop_id"]})
        if answer.status_code == 201:
            proved = siege.ask(
                "POST", f"/domains/{answer.get_json()['id']}/verify", owner, json={"proof": "file"}
            )
            assert_refused(proved, 409, 422)
            reached += 1
    assert reached <= 1
