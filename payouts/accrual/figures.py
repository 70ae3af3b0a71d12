"""What shops really did with advisers' orders, hung up for the pages of offers below."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import hooks
from marketplace.core.money import Money
from marketplace.offers import market
from marketplace.offers.models import Offer

# A function of the owner (migration 0032): it counts over everybody's orders and tells nothing of fewer than five.
_RECORD = sa.text("SELECT * FROM offer_record(CAST(:offers AS uuid[]), :now)")


def records(session: Session, offers: Sequence[Offer], now: dt.datetime) -> dict[uuid.UUID, market.Record]:
    """Return what each offer's shop did so far, as far as there is enough of it to tell."""
    currency = {offer.id: offer.currency for offer in offers}
    rows = session.execute(_RECORD, {"offers": list(currency), "now": now})
    return {
        row.offer_id: market.Record(
            row.decided,
            row.declined,
            row.paid,
            row.days_to_pay,
            Money(row.funded_minor, currency[row.offer_id]),
            now,
            row.code_rule or "override",
            row.guard_seconds or 0,
        )
        for row in rows
    }


def register() -> None:
    """Hang up the figures. Safe to call twice."""
    hooks.figures[market.RECORD] = records
