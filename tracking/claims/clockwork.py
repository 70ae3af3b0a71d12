"""What goes on in claims without anybody asking: shops are reminded, silence is told, and what is reported settles.

The rows are the queue, so the sweep is safe to run twice and by two workers at once.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from marketplace.core import clock, db
from marketplace.core.actor import SYSTEM
from tracking.claims import news, reading, rules, service
from tracking.claims.models import Claim
from tracking.claims.rules import Event
from tracking.claims.service import Said
from tracking.orders.models import ShopOrder

log = structlog.get_logger(__name__)

BATCH = 500
MOST_COUNTED = 10_000

# The order that an open claim names, reported since, or before it and then with the adviser's part in it after all. It
# settles once clicks from before it can arrive no more, so that the mail can say what the rules gave.
_REPORTED = """
  SELECT {wanted} FROM claim c
    JOIN shop_order o ON o.shop_id = c.shop_id AND o.mode = 'live' AND o.order_ref = c.order_ref
   WHERE c.state IN ('open', 'escalated')
     AND (o.received_at >= c.claimed_at
          OR EXISTS (SELECT FROM commission e WHERE e.order_id = o.id AND e.adviser_id = c.adviser_id))
     AND (SELECT a.state FROM attribution a WHERE a.order_id = o.id ORDER BY a.n DESC LIMIT 1) <> 'provisional'
"""
_DUE = sa.text(
    f"""
    SELECT id FROM (
      SELECT c.id, c.due_at FROM claim c WHERE c.due_at <= :now
      UNION
      {_REPORTED.format(wanted="c.id, c.due_at")}) found
     ORDER BY due_at NULLS LAST, id LIMIT :limit
    """  # noqa: S608 - put together from constants.
)
_ORDER = sa.text(_REPORTED.format(wanted="o.id") + " AND c.id = :claim")


def due(session: Session, now: dt.datetime, limit: int = BATCH) -> list[UUID]:
    """Return the claims in which something is to be done at business time `now`, the longest due first."""
    return list(session.scalars(_DUE, {"now": now, "limit": limit}))


def claims_due(session: Session, now: dt.datetime) -> int:
    """Return in how many claims a shop should have been reminded, silence told, or a reported order found."""
    return len(due(session, now, MOST_COUNTED))


def go_on_due() -> int:
    """Do what is to be done in every claim; return how much it was. One that fails keeps no other waiting."""
    with db.session() as session:
        found = due(session, clock.now())
    done = 0
    for claim_id in found:
        try:
            done += db.run_in_transaction(
                lambda session, one=claim_id: proceed(session, one, clock.now()),  # type: ignore[misc]
                point="claims.sweep",
            )
        except Exception as error:
            log.error("claim_sweep_failed", claim=str(claim_id), error=repr(error), exc_info=True)
    return done


def proceed(session: Session, claim_id: UUID, now: dt.datetime) -> int:
    """Do what is to be done in a claim at business time `now` and return how many things it was; 0 the second time."""
    claim = service.locked(session, claim_id)
    if claim.state in rules.ENDED:
        return 0
    order_id = session.scalars(_ORDER, {"claim": claim_id}).one_or_none()
    if order_id is not None:
        order = session.get_one(ShopOrder, order_id)
        service.step(session, SYSTEM, claim, Event("found", "clock", now), Said(), order)
        return 1
    silence = rules.by_the_clock(service.standing_of(claim), now)
    if silence is not None:
        service.step(session, SYSTEM, claim, silence, Said())
        return 1
    return _remind(session, claim, now) if claim.due_at is not None and claim.due_at <= now else 0


def _remind(session: Session, claim: Claim, now: dt.datetime) -> int:
    claim.due_at = rules.looked_at(service.standing_of(claim), now)
    session.flush()
    return news.remind(session, claim, reading.events_of(session, [claim.id])[claim.id][0], now)
