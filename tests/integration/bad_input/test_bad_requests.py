"""Every route of the application with requests that can't be right, by everybody who may call it and who may not."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from marketplace.core import policy
from tests.drawn import chance
from tests.integration.bad_input.siege import Person, Siege, assert_refused, describe

JSON = "application/json"
# Bodies that no call takes, with their kind and the statuses that they may get.
BODIES: tuple[tuple[bytes, str, tuple[int, ...]], ...] = (
    (b'{"no_such_field": 1}', JSON, (422,)),
    (b"[]", JSON, (422,)),
    (b"null", JSON, (422,)),
    (b'"text"', JSON, (422,)),
    (b"1e999", JSON, (422,)),
    (b"{", JSON, (400,)),
    (b"\xff\xfe{}", JSON, (400,)),
    (b'{"a": NaN}', JSON, (422,)),
    (b'{"a": ' + b"9" * 5000 + b"}", JSON, (422,)),
    (b'{"a":' * 100 + b"1" + b"}" * 100, JSON, (422,)),
    (b'{"a": 1, "a": 1}', JSON, (422,)),
    (b'{"\\ud800": 1}', JSON, (422,)),
    (b'{"' + b"k" * 500 + b'": 1}', JSON, (422,)),
    (b'{"no_such_field": 1}', "text/plain", (415,)),
    (b'{"no_such_field": 1}', "", (415,)),
    (b"no_such_field=1", "application/x-www-form-urlencoded", (415,)),
    (b"--x\r\n\r\n", "multipart/form-data; boundary=x", (415,)),
)
# Those that cost their reader time are sent to a few calls only.
HEAVY: tuple[tuple[bytes, tuple[int, ...]], ...] = (
    (b"[" * 999_999, (422,)),
    (b'{"a":' * 150_000, (422,)),
    (b'{"' + b"k" * 900_000 + b'": 1}', (422,)),
    (b'{"a": "' + b"\\" * 900_000 + b'"}', (422,)),
    (b'{"a": [' + b"1," * 450_000 + b"1]}", (422,)),
    (b'{"a": -' + b"9" * 900_000 + b"}", (422,)),
    (b" " * 1_000_001, (413,)),
)
QUERIES = ("no_such_name=1", "limit=0", "limit=101", "limit=1e2", "limit=%EF%BC%91", "limit=1&limit=2", "cursor=%00",
           "cursor=////", "cursor=bnVsbA", "shop_id=1", "%FF=1", "a[]=1")  # fmt: skip
# These take bytes of any kind and have tests of their own.
TAKES_BYTES = frozenset(
    {"/api/v1/feeds", "/api/v1/pictures", "/webhooks/stripe/account", "/webhooks/stripe/connect"}
)
# What a query must hold before anything is answered at all: the code that both shops have given to somebody.
NEEDED = {
    "/api/v1/codes/resolve": "code=PEER10",
    "/api/v1/page-reports/receipt": "receipt=ABCDEFGH2345",
    "/api/v1/pictures": "kind=page",
}
# Pages for people have tests of their own (tests/attacks/test_pages.py); all else is the API.
API = ("/api/v1/", "/webhooks/")


@dataclass(frozen=True)
class Call:
    """A method on a route, the path that its owner would use, and the row of the matrix that guards it."""

    method: str
    rule: str
    path: str
    guard: policy.Rule

    @property
    def query(self) -> str:
        """What its query must hold, none for nearly all: `name=value&`."""
        needed = NEEDED.get(self.rule) if self.method == "GET" else None
        return f"{needed}&" if needed else ""

    def allows(self, person: Person) -> bool:
        marks = self.guard.marks
        columns = {
            "anonymous": ["anonymous"],
            "owner": ["member", "owner"],
            "adviser": ["member", "adviser"],
            "finance": ["member", "finance"],
            "checker": ["member", "finance"],
            "admin": ["member", "admin"],
            "shop_key": ["shop_key"],
            "test_key": ["shop_key"],
            "adviser_key": ["adviser_key"],
        }[person.name]
        found = {marks[column] for column in columns if column in marks}
        if person.name == "test_key" and not self.guard.test_keys:
            return False
        return bool(found) and not (found == {"2"} and "key" in person.name)


def calls(siege: Siege) -> Iterator[Call]:
    """Yield every method of every route of the API."""
    for rule in siege.app.url_map.iter_rules():
        # A paper is its statement in another form; the statement is asked for everything that it is asked for.
        if not rule.rule.startswith(API) or rule.rule.endswith(".pdf"):
            continue
        guard = policy.rule_of(siege.app.view_functions[rule.endpoint])
        assert guard is not None
        path = rule.rule
        for name in rule.arguments:
            path = path.replace(f"<uuid:{name}>", siege.things[name]).replace(
                f"<path:{name}>", siege.things[name]
            )
        assert "<" not in path, path
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Call(method, rule.rule, path, guard)


def allowed(siege: Siege, call: Call) -> list[Person]:
    return [person for person in siege.people.values() if call.allows(person)]


def test_the_description_names_every_route_of_the_api(siege: Siege) -> None:
    paths = siege.ask("GET", "/api/openapi.json").get_json()["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    for call in calls(siege):
        template = call.rule.replace("<uuid:", "{").replace("<path:", "{").replace(">", "}")
        assert (call.method, template) in described


# How many of the bodies or queries each call gets; the fast tests draw them, so that a call gets others each run.
EACH = (5, pytest.param(None, marks=pytest.mark.slow))


@pytest.mark.parametrize("each", EACH)
def test_a_body_that_no_call_takes_is_refused_by_every_call(unmoved: Siege, each: int | None) -> None:
    draw = chance()
    for call in calls(unmoved):
        if call.method == "GET" or call.rule in TAKES_BYTES:
            continue
        first, *rest = allowed(unmoved, call)
        some = draw.sample(BODIES, each or len(BODIES))
        for person, bodies in ((first, some), *((person, BODIES[:1]) for person in rest)):
            for body, kind, statuses in bodies:
                headers = {"Content-Type": kind} if kind else {}
                answer = unmoved.ask(call.method, call.path, person, data=body, headers=headers)
                assert_refused(answer, *statuses)
                assert len(answer.data) < 2000, "a refusal gives back what was sent"


@pytest.mark.parametrize("path", ["/orders", "/accounts/sign-up", "/offers/{offer_id}/open"])
def test_a_heavy_body_is_refused_quickly(unmoved: Siege, path: str) -> None:
    person = unmoved.people["shop_key" if path == "/orders" else "owner"]
    began = time.process_time()
    for body, statuses in HEAVY:
        assert_refused(unmoved.post_raw(path.format_map(unmoved.things), body, person), *statuses)
    assert time.process_time() - began < 10


def test_an_unreadable_report_is_refused_and_kept_in_mind_without_its_number(unmoved: Siege) -> None:
    shop, reports = unmoved.things["shop_id"], "SELECT code, order_ref FROM shop_report WHERE shop_id = :s"
    before = unmoved.mine.rows(reports, s=shop)
    for body, statuses in HEAVY[:-1]:
        assert_refused(unmoved.post_raw("/orders", body, unmoved.people["shop_key"]), *statuses)
    kept = unmoved.mine.rows(reports + " ORDER BY id", s=shop)[len(before) :]
    assert [(one["code"], one["order_ref"]) for one in kept] == [("invalid_input", None)] * (len(HEAVY) - 1)


@pytest.mark.parametrize("each", EACH)
def test_a_query_that_no_call_takes_is_refused_by_every_call(unmoved: Siege, each: int | None) -> None:
    draw = chance()
    for call in calls(unmoved):
        if call.rule.startswith("/webhooks"):
            continue
        first = allowed(unmoved, call)[0]
        for query in draw.sample(QUERIES, each or len(QUERIES)):
            answer = unmoved.ask(call.method, f"{call.path}?{call.query}{query}", first)
            assert_refused(answer, 400 if query == "%FF=1" else 422)


def test_who_may_not_is_refused_before_the_body_is_looked_at(unmoved: Siege) -> None:
    refused = 0
    for call in calls(unmoved):
        for person in unmoved.people.values():
            if call.guard.public or call.allows(person):
                continue
            answer = unmoved.ask(call.method, call.path, person, data=b"{", content_type=JSON)
            assert_refused(answer, 403 if person.bearer else 401)
            refused += 1
    assert refused > 200


def test_a_method_that_no_route_takes_is_405_with_the_right_ones(unmoved: Siege) -> None:
    for call in calls(unmoved):
        for method in ("PUT", "DELETE", "TRACE", "PROPFIND", "X" * 300):
            answer = unmoved.ask(method, call.path, unmoved.people["owner"])
            assert_refused(answer, 405)
            assert call.method in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/orders", "/shops", "/accounts/sign-in", "/offers/{offer_id}/open"])
def test_a_body_of_undeclared_length_is_413_at_the_limit_and_never_cut_off(unmoved: Siege, path: str) -> None:
    person = unmoved.people["shop_key" if path == "/orders" else "owner"]

    # What the first megabyte holds is a body that counts, so that cutting it off would pass unseen.
    for size, statuses in ((1_000_000, (413,)), (5_000_000, (413,)), (999_999, (200, 401, 422))):
        stream = io.BytesIO(
            b'{"no_such_field": 1}'.ljust(size) if size > 999_999 else b" " * (size - 2) + b"{}"
        )
        surroundings = {
            "wsgi.input": stream,
            "wsgi.input_terminated": True,
            "HTTP_TRANSFER_ENCODING": "chunked",
        }
        answer = unmoved.ask(
            "POST", path.format_map(unmoved.things), person, content_type=JSON, environ_overrides=surroundings
        )
        assert answer.status_code in statuses, describe(answer)


ADDRESSES = (
    "/api/v1/orders/\x00",
    "/api/v1/orders/a\x00b/refunds", "/api/v1/orders/\xff\xfe", "/api/v1/orders/\xed\xa0\x80/refunds",
    "/api/v1/orders/a\x7fb", "/api/v1/orders/\x1b[31m/cancel", "/api/v1/orders//x", "/api/v1/orders/a//b", "/api/v1//orders",
    "/api/v1/orders/../me", "/api/v1/orders/" + "x" * 101, "/api/v1/orders/%20/cancel".replace("%20", " "),
    "/api/v1/offers/1", "/api/v1/offers/\xef\xbc\x91", "/api/v1/shops/' OR 1=1 --", "/api/v1/shops/{}", "/api/v1/" + "y" * 9000,
    "/api/v1/advisers/00000000-0000-0000-0000-00000000000g", "/api/v1/runs/null", "/../etc/passwd", "/static/../wsgi.py",
    "/static/..%2fwsgi.py", "/static/\x00",
)  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_that_no_route_has_is_refused_in_the_one_shape(unmoved: Siege, method: str) -> None:
    body = {
        "refund_ref": "r",
        "refunded_at": unmoved.mine.order()["ordered_at"],
        "reason": "r",
        "shipping": {"net": {"amount": "1.00", "currency": "EUR"}},
    }
    for path in ADDRESSES:
        for who in ("shop_key", "anonymous"):
            answer = unmoved.ask(
                method, "/api/", unmoved.people[who], json=body, environ_overrides={"PATH_INFO": path}
            )
            assert_refused(answer, 400, 401, 403, 404, 405, 422)


HEADERS: tuple[dict[str, Any], ...] = (
    {"Host": ""}, {"Host": ".."}, {"Host": "x" * 300}, {"Host": "[::1"}, {"Host": "\xe9"}, {"Host": "a b"},
    {"Cookie": "remember_token=x|\xe9"}, {"Cookie": "remember_token=1|" + "0" * 128}, {"Cookie": 'session="\\000\\377"'},
    {"Cookie": "session=.eJx\xff; aanrader=\x01; =; ;;"}, {"X-CSRF-Token": "\xe9"}, {"Accept": "\xff"},
    {"Accept-Language": "x" * 9000}, {"X-Forwarded-For": "not an address"}, {"User-Agent": "\xff" * 500},
    {"If-None-Match": '"'}, {"Range": "bytes=-"}, {"Content-Encoding": "gzip"}, {"X-HTTP-Method-Override": "DELETE"},
)  # fmt: skip


def test_broken_headers_never_hide_who_asks_nor_answer_with_an_error_of_ours(unmoved: Siege) -> None:
    owner = unmoved.people["owner"]
    for headers in HEADERS:
        answer = unmoved.ask("GET", "/me", owner, headers=headers)
        if answer.status_code != 200:
            assert "Host" in headers, describe(answer)
            assert_refused(answer, 400)
        assert_refused(unmoved.ask("GET", "/me", headers=headers), 400, 401)
