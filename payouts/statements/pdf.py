"""A statement on paper: both parties, the period, each order by its shop, the total once, and the hash of all that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.accounts import advisers
from marketplace.core import formats, paper, wording
from marketplace.core.actor import Actor
from marketplace.core.money import Money
from marketplace.core.wording import _
from payouts.settlement.payout_models import Payout
from payouts.statements import carried, service
from payouts.statements.carried import Carried

ZONE = "Europe/Amsterdam"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a statement on paper tells: the document as it was issued, its hash, and who was paid."""

    document: Mapping[str, Any]
    sha256: str
    adviser: str
    country: str
    vat: str | None
    carried: Carried | None = None


def facts(session: Session, actor: Actor, statement_id: UUID) -> Facts:
    """Return the facts of a statement: the acting adviser's own, or any to the platform. Raises NotFound."""
    statement = service.get(session, actor, statement_id)
    adviser = advisers.get(session, statement.adviser_id)
    left = carried.of(session, session.get_one(Payout, statement.payout_id))
    return Facts(
        statement.document, statement.sha256, adviser.display_name, adviser.country, adviser.vat_no, left
    )


def pdf(told: Facts, locale: str) -> bytes:
    """Return a statement as PDF in a locale such as "nl_NL"; the same bytes for the same facts."""
    with wording.use(locale):
        at = dt.datetime.fromisoformat(told.document["issued_at"])
        return paper.pdf("statement", composed(told, at), at)


def name(told: Facts) -> str:
    """Return the file name of a statement: letters, digits and hyphens only."""
    return f"aanrader-{told.document['number']}.pdf"


def composed(told: Facts, at: dt.datetime) -> dict[str, Any]:
    """Return all words and amounts of a statement for its template, in the locale that is spoken now."""
    document = told.document
    there = at.astimezone(formats.ZONE)
    total = _money(document["total"])
    return {
        "language": wording.language(),
        "day": [there.year, there.month, there.day],
        "title": _("Payout statement"),
        "number": document["number"],
        "sha256": told.sha256,
        "note": _("Not an invoice"),
        "words": {"page": _("Page"), "of": _("of")},
        "parties": [
            {"label": _("Paid by"), "lines": ["Aanrader", _("for the shops named below")]},
            {
                "label": _("Paid to"),
                "lines": [one for one in (told.adviser, _country(told.country), told.vat) if one],
            },
        ],
        "meta": [
            [_("Issued"), formats.instant(at)],
            [_("Period"), _period(document, at)],
            [_("Time zone"), ZONE],
            [_("Payout run"), document["run"]],
        ],
        "total": {"label": _("Total paid out"), "amount": formats.money(total)},
        "carried": _carried(told.carried),
        "columns": [_("Order"), _("Ordered"), _("Terms"), _("Earned"), _("Refunds"), _("In this payout")],
        "shops": [_shop(one, document) for one in document["by_shop"]],
        "explained": [
            _("Amounts are commissions without VAT. This is a statement of a payout, not an invoice."),
            _("What is on hold, or under your payout threshold, is carried forward to a later payout."),
            _(
                "The hash below is of the statement as it was issued; the same statement always has the same one."
            ),
        ],
    }


def _carried(left: Carried | None) -> dict[str, Any]:
    """Return what stayed behind for later payouts, as rows of a table; no rows when that is not known."""
    rows = (
        [
            [_("On hold, until its return window closes"), formats.money(left.on_hold)],
            [_("Approved, and not in this payout"), formats.money(left.approved)],
            [_("Carried forward"), formats.money(left.on_hold + left.approved)],
        ]
        if left is not None
        else []
    )
    return {"title": _("Carried forward to later payouts"), "rows": rows}


def _period(document: Mapping[str, Any], at: dt.datetime) -> str:
    """Return from which day to which the orders and corrections of a statement are."""
    told = [order["ordered_at"] for order in document["orders"]] + [one["at"] for one in document["other"]]
    told += [posting["at"] for order in document["orders"] for posting in order["postings"]]
    found = sorted(dt.datetime.fromisoformat(one) for one in told) or [at]
    return f"{formats.long_day(found[0])} \N{EN DASH} {formats.long_day(found[-1])}"


def _shop(one: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    shop_id = one["shop_id"]
    orders = [order for order in document["orders"] if order["shop_id"] == shop_id]
    corrections = [posting for posting in document["other"] if posting["shop_id"] == shop_id]
    return {
        "name": orders[0]["shop"] if orders else _("Shop %(code)s", code=shop_id[-8:]),
        "amount": formats.money(_money(one["amount"])),
        "rows": [_order(order) for order in orders] + [_correction(posting) for posting in corrections],
    }


def _order(order: Mapping[str, Any]) -> list[str]:
    refunds = [_money(one["amount"]) for one in order["refunds"]]
    refunded = sum((one.minor for one in refunds), 0)
    version = order["terms_version"]
    return [
        order["order_ref"],
        formats.long_day(dt.datetime.fromisoformat(order["ordered_at"])),
        "" if version is None else _("version %(number)s", number=version),
        formats.money(_money(order["earned"])),
        formats.money((refunded, refunds[0].currency)) if refunds else "",
        formats.money(_money(order["in_this_payout"])),
    ]


def _correction(posting: Mapping[str, Any]) -> list[str]:
    when = formats.long_day(dt.datetime.fromisoformat(posting["at"]))
    return [
        _("Correction"),
        when,
        posting["kind"].replace("_", " "),
        "",
        "",
        formats.money(_money(posting["amount"])),
    ]


def _country(code: str) -> str:
    return str(wording.locale().territories.get(code, code))


def _money(told: Mapping[str, str]) -> Money:
    return Money.parse(told["amount"], told["currency"])
