"""What goes on in disputes without anybody asking: silence decides, what was won stands again, the other side is told.

The rows are the queue: `due_at` says when, so the sweep is safe to run twice and by two workers at once.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from marketplace.core import clock, db
from marketplace.core.money import Money
from tracking.commissions import reinstatement
from tracking.commissions.models import Commission
from tracking.disputes import news, rules, service
from tracking.disputes.models import Dispute, DisputePolicy
from tracking.disputes.service import Said
from tracking.orders.models import ShopOrder

log = structlog.get_logger(__name__)

BATCH = 500
MOST_COUNTED = 10_000

# What was won waits while clicks from before the order may still arrive: deciding about the order is due first.
_DUE = sa.text(
    """
    SELECT id FROM (
      SELECT d.id, d.due_at FROM dispute d
       WHERE d.due_at <= :now AND (d.outcome IS NULL OR (
               SELECT a.state FROM commission c JOIN attribution a ON a.order_id = c.order_id
                WHERE c.id = d.commission_id ORDER BY a.n DESC LIMIT 1) <> 'provisional')
      UNION
      SELECT d.id, d.due_at FROM dispute d WHERE d.told_seq < d.last_seq) found
     ORDER BY due_at NULLS LAST, id LIMIT :limit
    """
)


def due(session: Session, now: dt.datetime, limit: int = BATCH) -> list[UUID]:
    """Return the disputes in which something is to be done at business time `now`, the longest due first."""
    return list(session.scalars(_DUE, {"now": now, "limit": limit}))


def disputes_due(session: Session, now: dt.datetime) -> int:
    """Return in how many disputes silence should have decided, something should stand again, or mail is to be sent."""
    return len(due(session, now, MOST_COUNTED))


def go_on(dispute_id: str) -> None:
    """Do what is to be done in one dispute, as the worker."""
    db.run_in_transaction(
        lambda session: proceed(session, UUID(dispute_id), clock.now()), point="disputes.go_on"
    )


def go_on_due() -> int:
    """Do what is to be done in every dispute; return how much it was. One that fails keeps no other waiting."""
    with db.session() as session:
        found = due(session, clock.now())
    done = 0
    for dispute_id in found:
        try:
            done += db.run_in_transaction(
                lambda session, one=dispute_id: proceed(session, one, clock.now()),  # type: ignore[misc]
                point="disputes.sweep",
            )
        except Exception as error:
            log.error("dispute_sweep_failed", dispute=str(dispute_id), error=repr(error), exc_info=True)
    return done


def proceed(session: Session, dispute_id: UUID, now: dt.datetime) -> int:
    """Do what is to be done in a dispute at business time `now` and return how many things it was; 0 the second time.

    Locks order before dispute before commission, as everybody does who locks more than one of them.
    """
    known = session.get_one(Dispute, dispute_id)
    commission = session.get_one(Commission, known.commission_id)
    order = session.scalars(
        sa.select(ShopOrder).where(ShopOrder.id == commission.order_id).with_for_update()
    ).one()
    dispute = service.locked(session, dispute_id)
    done = _by_silence(session, order, commission, dispute, now)
    if dispute.outcome == "adviser" and dispute.money is None:
        done += _stand_again(session, order, dispute, now)
    return done + news.tell(session, dispute, order, now)


def _by_silence(
    session: Session, order: ShopOrder, commission: Commission, dispute: Dispute, now: dt.datetime
) -> int:
    standing = service.standing_of(dispute)
    if not standing.is_overdue(now):
        return 0
    terms = service.terms_of(session.get_one(DisputePolicy, dispute.policy_id))
    # Lines may have been added since the decline: silence never gives more than its limit.
    declined = Money(dispute.amount_minor, dispute.currency)
    stake = max(declined, reinstatement.would_stand(session, order, commission))
    event = rules.by_the_clock(standing, stake, terms, now)
    if event is None:
        return 0
    service.step(session, dispute, event, Said())
    return 1


def _stand_again(session: Session, order: ShopOrder, dispute: Dispute, now: dt.datetime) -> int:
    """Reinstate what a dispute won, or write down why nothing stands again; later while clicks may still arrive."""
    if not reinstatement.last_look(session, order, now):
        return 0
    found = reinstatement.reinstate(session, order, dispute.commission_id, f"dispute:{dispute.id}", now)
    dispute.money, dispute.settled_at, dispute.due_at = found.result, now, None
    dispute.reinstated_minor = found.amount.minor or None
    session.flush()
    return 1
