"""What callers read about a claim: where it stands, who may do what, what was said, what the rules gave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from marketplace.core.money import Money
from marketplace.core.schemas import dump_instant, dump_money
from tracking.claims import outcomes, reading, rules, service
from tracking.claims.models import Claim, ClaimEvent
from tracking.claims.outcomes import Outcome

NOTE: Final = (
    "A claim credits nothing. An order that the shop reports for it goes through attribution like any other, with the"
    " time at which it was placed and the clicks and codes that came before it."
)


def claim_answers(session: Session, claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """Return claims as callers read them."""
    events = reading.events_of(session, [claim.id for claim in claims])
    found = outcomes.of(session, claims)
    return [_claim(claim, events[claim.id], found.get(claim.id)) for claim in claims]


def amount_of(claim: Claim) -> Money | None:
    """Return about how much the purchase was, when the adviser said so."""
    return None if claim.amount_minor is None else Money(claim.amount_minor, str(claim.currency))


def _claim(claim: Claim, events: Sequence[ClaimEvent], outcome: Outcome | None) -> dict[str, Any]:
    amount, standing = amount_of(claim), service.standing_of(claim)
    return {
        "id": str(claim.id),
        "shop_id": str(claim.shop_id),
        "adviser_id": str(claim.adviser_id),
        "bought_on": claim.bought_on.isoformat(),
        "amount": dump_money(amount) if amount else None,
        "order_ref": claim.order_ref,
        "state": claim.state,
        "claimed_at": dump_instant(claim.claimed_at),
        "answer_by": dump_instant(claim.answer_by),
        "ended_by": claim.ended_by,
        "ended_at": _instant(claim.ended_at),
        "order": _order(claim, outcome) if outcome else None,
        "next": [{"who": party, "action": verb} for party, verb in rules.may(standing)],
        "events": [_event(event) for event in events],
        "note": NOTE,
    }


def _order(claim: Claim, outcome: Outcome) -> dict[str, Any]:
    return {
        "order_ref": claim.found_ref,
        "ordered_at": _instant(claim.ordered_at),
        "reported_at": _instant(claim.reported_at),
        "result": outcome.state,
        "rule": outcome.reason,
        "commission_id": str(outcome.commission_id) if outcome.commission_id else None,
        "is_provisional": outcome.is_open,
    }


def _event(event: ClaimEvent) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "kind": event.kind,
        "by": event.party,
        "reason": event.reason,
        "statement": event.statement,
        "until": _instant(event.until),
        "at": dump_instant(event.at),
    }


def _instant(value: dt.datetime | None) -> str | None:
    return None if value is None else dump_instant(value)
