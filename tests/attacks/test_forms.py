"""Every form that a page shows, sent as no browser would send it: never an error of ours, and a refusal moves nothing.

The forms are found on the pages, as somebody finds them; each of their fields gets values drawn by the seed.
Say FORMS_SEED=n to draw the same again; the seed is printed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

import pytest
from lxml import html
from werkzeug.test import TestResponse

from tests.attacks.test_pages import ask, pages, told
from tests.integration.bad_input.conftest import siege
from tests.integration.bad_input.conftest import siege_of_its_own as standing_siege
from tests.integration.bad_input.siege import SECRET_NAMES, Person, Siege, describe

__all__ = ["siege", "standing_siege"]

NASTY = (
    "", "x", "a\0b", "\u202eabc", "A" * 600, "9" * 30, "-1", "1e9", "NaN", "\u0661\u0662", "1,234,5", "0001-01-01",
    "9999-12-31", "0000-00-00", "9999-12-31T23:59:59Z", "00000000-0000-0000-0000-000000000007", "{urn:uuid}",
    "<b>100%</b>", "100%s%(a)s", "{0.__class__}", "' OR pg_sleep(9)--", "http://[::1", "//evil.example",
    "javascript:alert(1)", "https://a\0.example/x", "a@b..c", "\x01\x7f", "a\r\nSet-Cookie: x=1", "9223372036854775808",
    '{"a":1}', "\u2028", "A" * 400_000,
)  # fmt: skip
# A sign-in takes an argon2 each time, and ends what the next form needs.
LEFT_OUT = (
    "/sign-in",
    "/sign-up",
    "/sign-out",
    "/confirm",
    "/account/password",
    "/account/sessions",
    "/forgot",
)
DRAWN = 2
REFUSED = (400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429)


@dataclass(frozen=True)
class Shown:
    """One form of a page: who saw it, where it leads, and its fields as a browser would send them."""

    who: Person
    action: str
    fields: tuple[tuple[str, str], ...]


def shown(siege: Siege) -> Iterator[Shown]:
    """Yield every kind of form that the owner's, adviser's, finance's and admin's pages show."""
    seen = set()
    for call in pages(siege, "GET"):
        for person in siege.people.values():
            if not (call.guard.public or call.allows(person)) or person.name.endswith("key"):
                continue
            answer = ask(siege, "GET", call.path, person)
            if answer.status_code != 200 or answer.mimetype != "text/html":
                continue
            for form in html.fromstring(answer.text).xpath("//form[@method='post']"):
                fields = tuple(_fields(form))
                action = form.get("action") or call.path
                kind = (action, frozenset(name for name, _ in fields))
                if kind not in seen and action.startswith("/") and not action.startswith(LEFT_OUT):
                    seen.add(kind)
                    yield Shown(person, action, fields)
            if not call.guard.public:
                break


def _fields(form: html.HtmlElement) -> Iterator[tuple[str, str]]:
    for one in form.xpath(".//input[@name] | .//select[@name] | .//textarea[@name] | .//button[@name]"):
        if one.get("name") == "csrf_token":
            continue
        value = one.get("value", "")
        if one.tag == "select":
            value = ([*one.xpath("option[@selected]/@value"), *one.xpath("option/@value")] or [""])[0]
        yield one.get("name"), one.text_content() if one.tag == "textarea" else value


def send(siege: Siege, form: Shown, fields: list[tuple[str, str]]) -> TestResponse:
    """Send a form with these fields, as bytes that a browser would make of them."""
    coded = "&".join(f"{quote_from_bytes(a.encode())}={quote_from_bytes(b.encode())}" for a, b in fields)
    kind = "application/x-www-form-urlencoded"
    return ask(siege, "POST", form.action, form.who, data=coded.encode(), content_type=kind)


@pytest.mark.slow
def test_no_form_breaks_whatever_stands_in_its_fields(siege: Siege) -> None:
    seed = int(os.environ.get("FORMS_SEED", random.randrange(2**32)))
    print(f"seed {seed}")
    draw, forms, refused, wrong = random.Random(seed), list(shown(siege)), 0, []
    for form in forms:
        names = list(dict.fromkeys(name for name, _ in form.fields))
        tries = [
            [(a, b) for a, b in form.fields if a != name] + [(name, value)]
            for name in names
            for value in draw.sample(NASTY, DRAWN)
        ]
        tries += [[], [*form.fields, ("role", "admin"), ("id", "1")], [(f"f{n}", "x") for n in range(200)]]
        tries += [[*form.fields, (name, "y"), (f"{name}.x", "y")] for name in names[:1]]
        for fields in tries:
            answer = send(siege, form, fields)
            text, where = told(answer), f"{form.action} {[(a, b[:40]) for a, b in fields][-2:]}"
            if answer.status_code >= 500 or "psycopg" in text or "<b>100%</b>" in text:
                wrong.append(f"{where}: {answer.status_code} {describe(answer)[:200]}")
            if "evil.example" in answer.headers.get("Location", "") or "Set-Cookie: x=1" in str(
                answer.headers
            ):
                wrong.append(f"{where}: leads elsewhere")
            if form.who.name in ("owner", "adviser") and any(name in text for name in SECRET_NAMES):
                wrong.append(f"{where}: shows another tenant")
            refused += answer.status_code in REFUSED
    print(f"{len(forms)} forms, {refused} refusals")
    assert not wrong, "\n".join(wrong)
    assert len(forms) > 40
    assert refused > 200


@pytest.mark.slow
def test_no_list_breaks_whatever_its_address_asks(siege: Siege) -> None:
    names = (
        "since", "until", "page", "cursor", "q", "receipt", "token", "t", "mode", "ids", "account", "amount", "state",
        "status", "language", "topics", "actor", "person", "code", "ref", "period", "days", "min_price", "handle",
    )  # fmt: skip
    for call in pages(siege, "GET"):
        person = next((one for one in siege.people.values() if call.guard.public or call.allows(one)), None)
        for value in ("a\0b", "9999-12-31", "0001-01-01"):
            answer = ask(siege, "GET", call.path, person, query_string=dict.fromkeys(names, value))
            assert answer.status_code < 500, (
                f"{call.rule} {value!r}: {answer.status_code} {told(answer)[:300]}"
            )
