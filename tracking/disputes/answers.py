"""What callers read about a dispute: where it stands, who may do what until when, what was said, what was moved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from marketplace.core.schemas import dump_instant, dump_money
from tracking.commissions.models import CommissionMove
from tracking.disputes import reading, rules, service
from tracking.disputes.models import Dispute, DisputeEvent, DisputePolicy
from tracking.disputes.reading import Row
from tracking.disputes.rules import Standing, Terms

NOTE: Final = (
    "Nothing is reserved while a dispute runs. If it is won, the commission is booked then like a sale: from the"
    " shop's budget, or, when that doesn't reach, awaiting the shop."
)
_WHY: Final = {
    "running": "The dispute is not decided.",
    "lost": "The commission stays declined.",
    "due": "Won; the commission stands again within seconds, once no earlier clicks can arrive any more.",
    "reinstated": "The commission stands again with what the order earns now; refunds since then counted.",
    "nothing_remains": "Won, but everything of the order came back meanwhile, so nothing is left to be earned.",
    "attributed_to_somebody_else": "Won, but the order is attributed to another adviser now, so it can't stand again.",
}


def dispute_answers(session: Session, rows: Sequence[Row], now: dt.datetime) -> list[dict[str, Any]]:
    """Return disputes as callers read them at business time `now`."""
    events = reading.events_of(session, [dispute.id for dispute, _, _ in rows])
    declines = _declines(session, rows)
    policies = {dispute.policy_id for dispute, _, _ in rows}
    found = session.scalars(sa.select(DisputePolicy).where(DisputePolicy.id.in_(policies)))
    terms = {policy.id: service.terms_of(policy) for policy in found}
    return [
        _dispute(row, events[row[0].id], declines[row[1].id], terms[row[0].policy_id], now) for row in rows
    ]


def _dispute(
    row: Row, events: Sequence[DisputeEvent], decline: CommissionMove, terms: Terms, now: dt.datetime
) -> dict[str, Any]:
    dispute, commission, order = row
    standing, amount = service.standing_of(dispute), Money(dispute.amount_minor, dispute.currency)
    return {
        "id": str(dispute.id),
        "commission_id": str(commission.id),
        "order_ref": order.order_ref,
        "shop_id": str(dispute.shop_id),
        "adviser_id": str(dispute.adviser_id),
        "mode": commission.mode,
        "state": dispute.state,
        "outcome": dispute.outcome,
        "ended_by": dispute.ended_by,
        "amount": dump_money(amount),
        "declined": {
            "reason": decline.cause,
            "note": decline.detail.get("note"),
            "at": dump_instant(decline.at),
        },
        "opened_at": dump_instant(dispute.opened_at),
        "answer_by": dump_instant(dispute.answer_by),
        "escalate_by": _instant(dispute.escalate_by),
        "ended_at": _instant(dispute.ended_at),
        "silence": "adviser" if terms.silence_decides(amount) else "platform",
        "next": _next(standing, now),
        "money": _money(dispute),
        "events": [_event(event) for event in events],
        "note": NOTE,
    }


def _next(standing: Standing, now: dt.datetime) -> list[dict[str, Any]]:
    """Return who may do what; withdrawing has the time of the others, because after it silence decides."""
    return [
        {"who": party, "action": verb, "until": _instant(standing.acts_by)}
        for party, verb in rules.may(standing, now)
    ]


def _money(dispute: Dispute) -> dict[str, Any]:
    state = dispute.money or {None: "running", "shop": "lost", "adviser": "due"}[dispute.outcome]
    return {
        "state": state,
        "reinstated": dump_money(Money(dispute.reinstated_minor or 0, dispute.currency)),
        "why": _WHY[state],
        "at": _instant(dispute.settled_at),
    }


def _event(event: DisputeEvent) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "kind": event.kind,
        "by": event.party,
        "outcome": event.outcome,
        "reason": event.reason,
        "statement": event.statement,
        "links": event.links,
        "at": dump_instant(event.at),
    }


def _instant(value: dt.datetime | None) -> str | None:
    return None if value is None else dump_instant(value)


def _declines(session: Session, rows: Sequence[Row]) -> dict[Any, CommissionMove]:
    query = sa.select(CommissionMove).where(
        CommissionMove.commission_id.in_([commission.id for _, commission, _ in rows]),
        CommissionMove.kind == "declined",
    )
    return {move.commission_id: move for move in session.scalars(query)}
