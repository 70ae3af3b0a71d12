"""Papers: the same bytes for the same facts, in two languages, and what somebody wrote is never markup."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from marketplace.core import paper, wording
from marketplace.core.money import Money
from payouts.statements import pdf
from payouts.statements.carried import Carried
from tracking.links import sheet

AT = dt.datetime(2026, 11, 18, 9, 41, tzinfo=dt.UTC)
# Each of these would stop the making of the paper, or show something else, if it were read as markup.
HOSTILE = [
    '#panic("read")',
    '#import "../x"',
    "$ x",
    "*b",
    "_i",
    "#let",
    "]",
    "@ref",
    "<label",
    '"',
    "\\",
    "`",
    "//",
    "=",
]


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def order(number: int, shop: str = "Bergkoffie") -> dict[str, Any]:
    return {
        "shop_id": "0193-1", "shop": shop, "order_ref": f"BK-{number}", "ordered_at": "2026-09-01T10:00:00Z",
        "terms_version": 3, "earned": money("12.60"), "refunds": [{"amount": money("-2.10")}], "in_this_payout": money("10.50"),
        "postings": [{"at": "2026-10-01T10:00:00Z"}],
    }  # fmt: skip


def told(orders: int = 2, adviser: str = "Kees", shop: str = "Bergkoffie") -> pdf.Facts:
    document = {
        "number": "S-2026-0007-0003", "run": "R-2026-0007", "issued_at": "2026-11-18T09:41:12Z",
        "total": money("28.00"), "by_shop": [{"shop_id": "0193-1", "amount": money("28.00")}],
        "orders": [order(number, shop) for number in range(orders)],
        "other": [{"shop_id": "0193-1", "at": "2026-10-01T10:00:00Z", "kind": "booked", "amount": money("7.00")}],
    }  # fmt: skip
    left = Carried(Money(1148, "EUR"), Money(200, "EUR"))
    return pdf.Facts(document, "ab" * 32, adviser, "NL", None, left)


def card(text: str = "Beans") -> sheet.Card:
    return sheet.Card("https://aan.example/t/k3v9", text, "bergkoffie.example", text, "3K7 W9C")


def test_a_statement_is_the_same_bytes_for_the_same_facts_and_others_for_others() -> None:
    first = pdf.pdf(told(), "nl_NL")
    assert first.startswith(b"%PDF-1.")
    assert first == pdf.pdf(told(), "nl_NL")
    others = [pdf.pdf(told(), "en_NL"), pdf.pdf(told(3), "nl_NL"), pdf.pdf(told(adviser="Stan"), "nl_NL")]
    assert len({first, *others}) == 4
    assert pdf.name(told()) == "aanrader-S-2026-0007-0003.pdf"


def test_a_statement_tells_both_parties_the_period_and_each_order_of_each_shop() -> None:
    with wording.use("nl_NL"):
        given = pdf.composed(told(), AT)
    assert [party["lines"] for party in given["parties"]] == [
        ["Aanrader", "namens de winkels hieronder"],
        ["Kees", "Nederland"],
    ]
    assert ["Periode", "1 september 2026 – 1 oktober 2026"] in given["meta"]
    assert ["Tijdzone", "Europe/Amsterdam"] in given["meta"]
    assert given["total"] == {"label": "Totaal uitbetaald", "amount": "€\N{NO-BREAK SPACE}28,00"}
    [shop] = given["shops"]
    assert (shop["name"], shop["amount"]) == ("Bergkoffie", "€\N{NO-BREAK SPACE}28,00")
    euro = "€\N{NO-BREAK SPACE}"
    assert shop["rows"][0] == [
        "BK-0",
        "1 september 2026",
        "versie 3",
        f"{euro}12,60",
        f"−{euro}2,10",
        f"{euro}10,50",
    ]
    assert shop["rows"][2][::5] == ["Correctie", f"{euro}7,00"]
    assert given["sha256"] == "ab" * 32
    assert [row[1] for row in given["carried"]["rows"]] == [f"{euro}11,48", f"{euro}2,00", f"{euro}13,48"]


def test_names_of_others_are_never_read_as_markup_on_a_statement() -> None:
    everything = " ".join(HOSTILE)
    facts = told(adviser=everything, shop=everything)
    facts.document["orders"][0]["order_ref"] = everything
    hostile = dataclasses.replace(
        facts, document=dict(facts.document) | {"number": everything, "run": everything}
    )
    assert pdf.pdf(hostile, "en_NL").startswith(b"%PDF-1.")
    with pytest.raises(paper.PaperFailed):
        paper.pdf("statement", {"number": "and nothing else"}, AT)


def test_cards_are_the_same_bytes_and_names_of_others_are_never_read_as_markup() -> None:
    cards = [card() for _ in range(9)]
    assert sheet.pdf(cards, "nl_NL", AT) == sheet.pdf(cards, "nl_NL", AT)
    assert sheet.pdf(cards, "nl_NL", AT) != sheet.pdf(cards, "en_NL", AT)
    assert sheet.pdf([card(" ".join(HOSTILE[:5])), card(" ".join(HOSTILE[5:]))], "en_NL", AT).startswith(
        b"%PDF-1."
    )
    assert sheet.pdf([], "nl_NL", AT).startswith(b"%PDF-1.")
