"""How a shop answers claims, for advisers who choose among offers: a median and a count, of three claims or more."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import hooks
from marketplace.offers import market

# A function of the owner (migration 0041): it counts over everybody's claims of a year.
_RECORD = sa.text("SELECT * FROM claim_record(CAST(:shops AS uuid[]), :now)")


def records(
    session: Session, shop_ids: Sequence[uuid.UUID], now: dt.datetime
) -> dict[uuid.UUID, market.ClaimRecord]:
    """Return how each shop answers claims; shops with fewer than three that were due an answer are absent."""
    rows = session.execute(_RECORD, {"shops": list(shop_ids), "now": now})
    return {row.shop_id: market.ClaimRecord(row.claims, row.median_days, row.unanswered) for row in rows}


def register() -> None:
    """Hang up the figures. Safe to call twice."""
    hooks.figures[market.CLAIMS] = records
