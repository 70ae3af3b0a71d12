"""Attacks through pages and forms: foreign sites, open redirects, moved links, scripts and SQL in filters (20, 39-43)."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

from marketplace.core import db, jobs, policy
from marketplace.core import pages as pages_of_product
from tests.attacks.test_access import signed_in
from tests.integration.bad_input.conftest import siege, unmoved
from tests.integration.bad_input.siege import SECRET_NAMES, Person, Siege, describe
from tests.integration.bad_input.test_bad_requests import API, Call

__all__ = ["siege", "unmoved"]

NOT_PAGES = (*API, "/api/", "/static/", "/_dev/", "/health", "/pictures/")
HTML = {"Accept": "text/html", "Accept-Language": "en"}
FILTERS = (
    "q", "state", "status", "shop_id", "adviser_id", "offer_id", "kind", "currency", "account", "amount", "period",
    "days", "from", "to", "since", "until", "cursor", "sort", "page", "tab", "topic", "link_id", "format", "hl",
)  # fmt: skip
INJECTIONS = (
    "' OR '1'='1", "1; DROP TABLE posting; --", "1 UNION SELECT password_hash FROM user_account", "%", "_%", "\\",
    "') OR pg_sleep(5)--", "{{7*7}}", "${7*7}", "%(x)s", "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>",
    "=cmd|'/c calc'!A0", "NaN", "-1", "99999999999999999999", "2026-13-45", "\u202e", "A" * 5000,
)  # fmt: skip
TENANTS = ("owner", "adviser", "shop_key", "test_key", "adviser_key")
HOSTILE_ADDRESSES = (
    "//evil.example", "/\\evil.example", "\\/evil.example", "https:evil.example", "https://evil.example/",
    "javascript:alert(1)", "data:text/html,x", "//user@evil.example", "/%0d%0aSet-Cookie:x=1\r\nX: y", "///evil.example",
    "\t//evil.example", "https://xn--e1aybc.example", "/" + "a" * 8192 + "\n",
)  # fmt: skip


def pages(siege: Siege, method: str) -> Iterator[Call]:
    """Yield every page or form of the product that its owner's own things can fill in."""
    for rule in siege.app.url_map.iter_rules():
        if rule.rule.startswith(NOT_PAGES) or method not in (rule.methods or set()):
            continue
        path = rule.rule
        for name in rule.arguments:
            for kind in ("uuid:", "path:", "int:", ""):
                path = path.replace(f"<{kind}{name}>", siege.things.get(name, "1"))
        guard = policy.rule_of(siege.app.view_functions[rule.endpoint])
        assert guard is not None
        yield Call(method, rule.rule, path, guard)


def ask(siege: Siege, method: str, path: str, who: Person | None = None, **options: Any) -> TestResponse:
    """Send a request to a page as a browser would."""
    jobs.connection().flushall()
    headers = {**HTML, **(who.headers if who else {}), **options.pop("headers", {})}
    answer = Client(siege.app, TestResponse, use_cookies=False).open(
        path, method=method, headers=headers, **options
    )
    answer.data  # noqa: B018 - the body is read before the client goes
    return answer


def told(answer: TestResponse) -> str:
    """Return what an answer says in letters; pictures and papers say nothing."""
    return answer.text if answer.mimetype.startswith("text/") else ""


def test_attack_39_no_form_counts_that_another_site_made_a_browser_send(siege: Siege) -> None:
    cookie, _ = signed_in(siege)
    _, others = signed_in(siege)
    before = siege.fingerprint()
    tried = 0
    for call in pages(siege, "POST"):
        if not call.allows(siege.people["owner"]) or call.guard.public or "anonymous" in call.guard.marks:
            continue
        for given in ({}, {"csrf_token": ""}, {"csrf_token": others}):
            answer = ask(siege, "POST", call.path, data=given, headers={"Cookie": cookie})
            assert answer.status_code == 403, describe(answer)
        tried += 1
    assert tried > 10
    assert siege.fingerprint() == before


@pytest.mark.parametrize("wanted", HOSTILE_ADDRESSES)
def test_attack_40_no_form_leads_to_another_site(siege: Siege, wanted: str) -> None:
    answer = ask(siege, "POST", "/preferences", data={"theme": "dark", "next": wanted})
    there = answer.headers.get("Location", "/")
    assert there.startswith("/")
    assert not there.startswith(("//", "/\\"))
    assert "evil" not in there
    assert "Set-Cookie: x" not in str(answer.headers)


def test_attack_41_a_live_link_never_leads_elsewhere(siege: Siege) -> None:
    link = siege.things["link_id"]
    before = siege.mine.rows("SELECT target_url FROM tracked_link WHERE id = :i", i=link)
    scope = db.Scope(adviser_id=uuid.UUID(siege.things["adviser_id"]))
    refused = pytest.raises(sa.exc.DBAPIError, match="permission denied")
    with db.use_scope(scope), refused, db.transaction() as session:
        session.execute(
            sa.text("UPDATE tracked_link SET target_url = 'https://evil.example' WHERE id = :i"), {"i": link}
        )
    theirs = siege.others["link_id"]
    for method in ("PUT", "PATCH"):
        answer = siege.ask(
            method, f"/links/{link}", siege.people["adviser"], json={"url": "https://evil.example"}
        )
        assert answer.status_code == 405
    assert siege.ask("POST", f"/links/{theirs}/disable", siege.people["adviser"], json={}).status_code == 404
    assert siege.mine.rows("SELECT target_url FROM tracked_link WHERE id = :i", i=link) == before


def test_attack_42_texts_of_strangers_are_shown_as_text_on_every_page(siege: Siege) -> None:
    payload = "\"'><script>alert(42)</script><img src=x onerror=alert(42)>"
    shop, adviser = siege.things["shop_id"], siege.things["adviser_id"]
    for statement in (
        "UPDATE shop SET name = :p WHERE id = :s",
        "UPDATE adviser SET display_name = :p WHERE id = :a",
        "UPDATE offer SET name = :p, description = :p WHERE shop_id = :s",
        "UPDATE tracked_link SET placement = :p WHERE shop_id = :s",
        "UPDATE product SET title = :p, brand = :p, description = :p WHERE shop_id = :s",
        "UPDATE store SET name = :p, street = :p WHERE shop_id = :s",
    ):
        values = {"p": payload} | ({"s": shop} if ":s" in statement else {"a": adviser})
        siege.mine.execute(statement, **values)
    shown = 0
    for call in pages(siege, "GET"):
        for person in siege.people.values():
            if not (call.guard.public or call.allows(person)):
                continue
            answer = ask(siege, "GET", call.path, person)
            text = told(answer)
            assert answer.status_code < 500, f"{call.rule}: {answer.status_code} {text[:300]}"
            assert "<script>alert(42)" not in text, describe(answer)
            assert "<img src=x" not in text, describe(answer)
            shown += "alert(42)" in text
            break
    assert shown > 3


FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", '=HYPERLINK("//evil.example")')


def test_attack_42_no_cell_of_a_list_runs_as_a_formula(siege: Siege) -> None:
    with siege.app.test_request_context("/"):
        answer = pages_of_product.csv(FORMULAS, [("what", lambda one: one), ("same", str)], "list")
    read = list(csv.reader(io.StringIO(answer.get_data(as_text=True))))[1:]
    assert [cell.lstrip("'") for row in read for cell in row] == [one for one in FORMULAS for _ in range(2)]
    assert all(cell.startswith("'") for row in read for cell in row)


@pytest.mark.slow
def test_attack_42_no_list_of_a_page_can_be_opened_into_a_formula(siege: Siege) -> None:
    for statement in (
        "UPDATE shop SET name = :p",
        "UPDATE adviser SET display_name = :p",
        "UPDATE offer SET name = :p",
        "UPDATE tracked_link SET placement = :p",
        "UPDATE product SET title = :p, brand = :p",
    ):
        siege.mine.execute(statement, p=FORMULAS[0])
    lists = 0
    for call in pages(siege, "GET"):
        for person in siege.people.values():
            if not (call.guard.public or call.allows(person)):
                continue
            answer = ask(siege, "GET", call.path, person, query_string={"format": "csv"})
            if answer.mimetype != "text/csv":
                continue
            cells = [cell for row in csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))) for cell in row]
            assert [one for one in cells if one.startswith(("=", "@", "\t", "\r"))] == [], call.rule
            lists += any(FORMULAS[0] in one for one in cells)
            break
    assert lists > 1


def test_attack_43_no_filter_of_a_page_reaches_the_database_as_words_of_its_own(unmoved: Siege) -> None:
    tried = 0
    for call in pages(unmoved, "GET"):
        person = next((one for one in unmoved.people.values() if call.guard.public or call.allows(one)), None)
        for payload in INJECTIONS if tried < 12 else INJECTIONS[tried % 7 :: 7]:
            answer = ask(unmoved, "GET", call.path, person, query_string=dict.fromkeys(FILTERS, payload))
            text = told(answer)
            assert answer.status_code < 500, f"{call.rule} {payload!r}: {answer.status_code} {text[:300]}"
            for word in ("psycopg", "sqlalchemy", "syntax error"):
                assert word not in text, describe(answer)
            if answer.mimetype == "text/html":
                # What was asked for is told again on many pages.
                assert "<script>alert(1)" not in text, describe(answer)
                assert "<img src=x" not in text, describe(answer)
            # Offers that are open are there for every adviser to find, and the platform sees everybody.
            if person is not None and person.name in TENANTS and not call.rule.startswith("/adviser/offers"):
                assert not any(name in text for name in SECRET_NAMES), describe(answer)
        tried += 1
    assert tried > 30
