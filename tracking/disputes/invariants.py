"""Promises about disputes that can be checked on live data at any moment."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import hooks
from marketplace.core.hooks import Finding
from tracking.disputes import reading, rules, service
from tracking.disputes.models import Dispute, DisputeEvent, DisputePolicy
from tracking.disputes.rules import Event

CHECKED = 5_000

_REINSTATED = sa.text(
    """
    SELECT count(*) FILTER (WHERE m.id IS NULL OR d.id IS NULL OR d.outcome <> 'adviser'
                               OR m.cause <> 'dispute:' || d.id OR m.delta_minor <> d.reinstated_minor), count(*)
      FROM (SELECT * FROM commission_move WHERE kind = 'reinstated') m
      FULL JOIN (SELECT * FROM dispute WHERE money = 'reinstated') d ON d.commission_id = m.commission_id
    """
)
_DECLINED = sa.text(
    """
    SELECT count(*) FILTER (WHERE m.id IS NULL OR d.amount_minor <> -m.delta_minor OR d.opened_at < m.at
                               OR c.shop_id <> d.shop_id OR c.adviser_id <> d.adviser_id), count(*)
      FROM dispute d JOIN commission c ON c.id = d.commission_id
      LEFT JOIN commission_move m ON m.commission_id = d.commission_id AND m.kind = 'declined'
    """
)


def register() -> None:
    """Register the promises. Safe to call twice."""
    hooks.invariant("reinstated_moves_have_a_won_dispute", "moves", reinstated_by_a_won_dispute)
    hooks.invariant("disputes_rest_on_a_decline", "disputes", rest_on_a_decline)
    hooks.invariant("disputes_follow_their_events", "disputes", follow_their_events)


def reinstated_by_a_won_dispute(session: Session) -> Finding:
    """Count moves that reinstate without a dispute that was won by it, and won disputes without the move they name."""
    return _figure(session, _REINSTATED)


def rest_on_a_decline(session: Session) -> Finding:
    """Count disputes about something that was not declined, or about another amount."""
    return _figure(session, _DECLINED)


def follow_their_events(session: Session) -> Finding:
    """Count the newest disputes that do not stand where their events lead, or in which somebody acted out of turn.

    Nobody acts after their term, and silence decides nothing before it.
    """
    policies = {one.id: service.terms_of(one) for one in session.scalars(sa.select(DisputePolicy))}
    disputes = list(session.scalars(sa.select(Dispute).order_by(Dispute.id.desc()).limit(CHECKED)))
    events = reading.events_of(session, [dispute.id for dispute in disputes])
    broken = 0
    for dispute in disputes:
        said = events[dispute.id]
        try:
            standing = rules.standing_of([_event(one) for one in said], policies[dispute.policy_id])
        except ValueError:
            broken += 1
            continue
        in_order = [one.seq for one in said] == list(range(1, dispute.last_seq + 1))
        broken += standing != service.standing_of(dispute) or not in_order
    return Finding(broken, len(disputes))


def _figure(session: Session, statement: sa.TextClause) -> Finding:
    broken, seen = session.execute(statement).one()
    return Finding(int(broken), int(seen))


def _event(row: DisputeEvent) -> Event:
    return Event(row.kind, row.party, row.at, row.outcome)  # type: ignore[arg-type]
