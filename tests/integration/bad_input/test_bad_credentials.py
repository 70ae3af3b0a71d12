"""Forged, foreign, revoked and garbled credentials, tokens and signatures: refused, and no row moves."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import time

import pytest

from marketplace.core import clock, ids
from tests.integration.bad_input.siege import PASSWORD, Person, Siege, assert_refused, describe, line
from tests.integration.payouts.sandbox.sandbox_process import SECRETS
from tracking.touches import tokens

GARBLED = (
    "", "Bearer", "Bearer ", "bearer x", "Basic b3duZXI6cGVlcg==", "Bearer {key}x", "Bearer {key} {key}", "Token {key}",
    "{key}", "Bearer aan_live_", "Bearer aan_test_{tail}", "Bearer AAN_LIVE_{tail}", "Bearer \xe9", "Bearer \x00",
    "Bearer " + "x" * 9000, "Bearer ' OR 1=1 --", "Bearer null", "Digest username=x", "Bearer {key}\xa0x",
)  # fmt: skip


@pytest.mark.parametrize("header", GARBLED)
def test_a_garbled_authorization_is_401_even_beside_a_good_cookie(unmoved: Siege, header: str) -> None:
    key = unmoved.people["shop_key"].bearer
    tail = key.removeprefix("aan_live_")
    filled = header.replace("{key}", key).replace("{tail}", tail)
    for method, path in (("GET", "/me"), ("GET", "/orders"), ("POST", "/orders")):
        assert_refused(unmoved.ask(method, path, headers={"Authorization": filled}), 401)


def test_a_revoked_key_is_401_everywhere(siege: Siege) -> None:
    key = siege.key(siege.mine.world.owner, "shop")
    person = Person("revoked", key)
    assert siege.ask("GET", "/orders", person).status_code == 200
    siege.mine.execute("UPDATE api_key SET revoked_at = now() WHERE key_hash = :h", h=ids.digest(key))
    before = siege.fingerprint()
    for method, path in (("GET", "/orders"), ("POST", "/orders"), ("GET", "/me"), ("POST", "/offers")):
        assert_refused(siege.ask(method, path, person, json={} if method == "POST" else None), 401)
    assert siege.fingerprint() == before


def test_a_key_of_the_wrong_kind_or_without_the_scope_is_403(unmoved: Siege) -> None:
    order = unmoved.mine.order("K-1")
    for name in ("owner", "adviser", "adviser_key", "finance", "admin"):
        assert_refused(unmoved.ask("POST", "/orders", unmoved.people[name], json=order), 403)
    for path in ("/runs", "/reconciliation/import"):
        for name in ("owner", "shop_key", "test_key", "adviser_key", "admin"):
            assert_refused(unmoved.ask("POST", path, unmoved.people[name], json={}), 403)
    for path in ("/funding", "/api-keys", "/invitations", "/payout-account", "/domains"):
        for name in ("shop_key", "adviser_key"):
            assert_refused(unmoved.ask("POST", path, unmoved.people[name], json={}), 403)


def test_a_key_with_few_scopes_does_only_those(siege: Siege) -> None:
    answer = siege.ask(
        "POST",
        "/api-keys",
        siege.people["owner"],
        json={"name": "reader", "scopes": ["orders:read"], "bound_to": "shop"},
    )
    reader = Person("reader", answer.get_json()["key"])
    assert siege.ask("GET", "/orders", reader).status_code == 200
    before = siege.fingerprint()
    for path in ("/orders", "/offers", "/codes", "/feeds"):
        assert_refused(siege.ask("POST", path, reader, json={}), 403)
    assert siege.fingerprint() == before


def test_a_test_key_sees_and_changes_no_live_order(unmoved: Siege) -> None:
    ref, test_key = unmoved.things["order_ref"], unmoved.people["test_key"]
    assert_refused(unmoved.ask("GET", f"/orders/{ref}", test_key), 404)
    assert_refused(unmoved.ask("GET", f"/orders/{ref}?mode=live", test_key), 404)
    assert_refused(unmoved.ask("POST", f"/orders/{ref}/cancel?mode=live", test_key, json={}), 404)
    assert_refused(unmoved.ask("POST", f"/orders/{ref}/lines", test_key, json={"lines": [line("9")]}), 404)


def test_a_session_cookie_without_its_csrf_token_changes_nothing(siege: Siege) -> None:
    email = siege.mine.rows("SELECT email FROM user_account WHERE id = :i", i=siege.mine.world.owner.user_id)[
        0
    ]["email"]
    body = {"email": email, "password": PASSWORD, "session": True}
    answer = siege.ask("POST", "/accounts/sign-in", json=body)
    assert answer.status_code == 200, describe(answer)
    cookie, csrf = answer.headers["Set-Cookie"].split(";")[0], answer.get_json()["csrf_token"]
    assert siege.ask("GET", "/me", headers={"Cookie": cookie}).status_code == 200
    before = siege.fingerprint()
    other = siege.ask("POST", "/accounts/sign-in", json=body).get_json()["csrf_token"]
    before = siege.fingerprint()
    for token in (None, "", "x", other, csrf[:-1], csrf.upper() + "0", "\xe9" * 64):
        headers = {"Cookie": cookie} | ({} if token is None else {"X-CSRF-Token": token})
        for path in (
            "/offers",
            "/shops",
            "/accounts/revoke-everywhere",
            f"/offers/{siege.things['offer_id']}/close",
        ):
            assert_refused(siege.ask("POST", path, headers=headers, json={}), 403, code="csrf_refused")
        form = siege.ask("POST", "/accounts/sign-out", headers=headers, data={"csrf_token": token or ""})
        assert_refused(form, 403)
    assert siege.fingerprint() == before
    # A bearer beside somebody's cookie is judged by the bearer alone.
    bad = {"Cookie": cookie, "Authorization": "Bearer nonsense"}
    assert_refused(siege.ask("POST", "/offers", headers=bad, json={}), 401)
    good = {"Cookie": cookie, "X-CSRF-Token": csrf}
    assert siege.ask("POST", "/offers", headers=good, json={"name": "with the token"}).status_code == 201


def forged_tokens(siege: Siege) -> list[str]:
    """Return click tokens that prove nothing: of nobody's key, altered, cut, stretched, another shop's."""
    good = siege.mine.token(siege.mine.anne)
    strange = ((1, b"x" * 32),)
    link, now = siege.mine.anne.link.id, clock.now()
    return [
        tokens.sign(strange, link, ids.new_id(), now),
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good[:-4],
        good + "A",
        good.upper(),
        good[:10] + "\u00e9" + good[11:],
        "", " ", "null", "=" * 100, "x" * 2000, "\x00", "\ud800", "1.2.3", "%00",
        base64.urlsafe_b64encode(b"\x01" * 64).decode(),
        siege.theirs.token(siege.theirs.anne),
    ]  # fmt: skip


def test_forged_click_tokens_never_fail_an_order_and_earn_nobody_anything(siege: Siege) -> None:
    for number, token in enumerate(forged_tokens(siege)):
        body = json.dumps(siege.mine.order(f"F-{number}", token)).encode()
        answer = siege.post_raw("/orders", body, siege.people["shop_key"])
        assert answer.status_code == 201, describe(answer)
        order = answer.get_json()
        assert order["commissions"] == []
        assert order["attribution"]["winner"] is None
        assert order["attribution"]["tokens"][0]["result"] in ("token_invalid", "token_of_other_shop")


def test_a_token_of_the_future_or_of_long_ago_earns_nobody_anything(siege: Siege) -> None:
    ahead = siege.mine.token(siege.mine.anne, ago=dt.timedelta(days=-2))
    old = siege.mine.token(siege.mine.anne, ago=dt.timedelta(days=400))
    for ref, token in (("T-1", ahead), ("T-2", old)):
        answer = siege.ask("POST", "/orders", siege.people["shop_key"], json=siege.mine.order(ref, token))
        assert answer.status_code == 201, describe(answer)
        assert answer.get_json()["commissions"] == []


def event(**changes: object) -> bytes:
    body: dict[str, object] = {
        "id": "evt_forged", "object": "event", "type": "checkout.session.completed", "livemode": False,
        "data": {"object": {"id": "cs_1", "object": "checkout.session", "amount_total": 10**15}},
    }  # fmt: skip
    return json.dumps(body | changes).encode()


def signed(secret: str, body: bytes, stamp: int) -> str:
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


@pytest.mark.parametrize("source", ["account", "connect"])
def test_a_forged_stale_or_foreign_webhook_is_400_and_leaves_no_row(unmoved: Siege, source: str) -> None:
    body, now = event(), int(time.time())
    secret, other = SECRETS[source], SECRETS["connect" if source == "account" else "account"]
    good = signed(secret, body, now)
    forged = (
        None, "", "x", good.replace("v1", "v0"), good.replace("v1=", "v1=\xe9"), good.split(",")[0], good.split(",")[1],
        signed(other, body, now), signed("", body, now), signed("whsec_x", body, now), signed(secret, body, now - 301),
        signed(secret, body + b" ", now), signed(secret, b"", now), f"t={'9' * 5000},v1=0", "t=-1,v1=0", "t=1e9,v1=0",
        "t=\uff11,v1=0".encode().decode("latin-1"), "," * 9000, "=" * 9000, "t=NaN,v1=", "v1=0,t=",
    )  # fmt: skip
    for header in forged:
        headers = {} if header is None else {"Stripe-Signature": header}
        assert_refused(unmoved.ask("POST", f"/webhooks/stripe/{source}", data=body, headers=headers), 400)
    huge = event(padding="x" * 1_000_001)
    headers = {"Stripe-Signature": signed(secret, huge, now)}
    assert_refused(unmoved.ask("POST", f"/webhooks/stripe/{source}", data=huge, headers=headers), 413)


def test_signed_rubbish_is_400_and_leaves_no_row(unmoved: Siege) -> None:
    now = int(time.time())
    rubbish = (
        b"", b"[]", b"{}", b"null", b"\xff", b"[" * 9000, b'{"id": 5}', event(id=None), event(id="x" * 9000), event(id="\x00"),
        event(type=7), event(type="\ud800"), event(livemode=True), event(data={"object": {"id": 5}}),
        event(account=[1]), event(account="\x00"), event(object="charge"),
    )  # fmt: skip
    for body in rubbish:
        headers = {"Stripe-Signature": signed(SECRETS["account"], body, now)}
        answer = unmoved.ask("POST", "/webhooks/stripe/account", data=body, headers=headers)
        assert_refused(answer, 400)
