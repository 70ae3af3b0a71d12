"""Webhooks as hints: stored byte for byte at once, and answered by fetching the object that they speak of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import insert

from marketplace.core import db, ids, jobs
from marketplace.core.errors import AppError, NotFound, Unavailable
from payouts.settlement import accounts, bank_leg, checkouts
from payouts.settlement.gateway import Gateway, Rejected, WebhookEvent
from payouts.settlement.models import PayoutAccount, StripeEvent

log = structlog.get_logger(__name__)
Now = Callable[[], dt.datetime]

JOB = "settlement.event"
LEASE = dt.timedelta(seconds=30)
_FIRST_PAUSE = dt.timedelta(seconds=2)
_LONGEST_PAUSE = dt.timedelta(hours=1)


def receive(session: orm.Session, source: str, event: WebhookEvent, payload: bytes, now: dt.datetime) -> bool:
    """Store a verified event once and nudge the worker after the commit; False when it is here already."""
    made = session.execute(
        insert(StripeEvent)
        .values(
            id=ids.new_id(),
            source=source,
            event_id=event.event_id,
            type=event.type,
            account=event.account,
            object_id=event.object_id,
            payload=payload,
            received_at=now,
            next_try_at=now,
        )
        .on_conflict_do_nothing(index_elements=[StripeEvent.source, StripeEvent.event_id])
        .returning(StripeEvent.id)
    ).scalar_one_or_none()
    if made is None:
        return False
    db.after_commit(session, lambda: jobs.enqueue(JOB, str(made)))
    return True


def handle_due(gateway: Gateway, now: Now, limit: int = 200) -> int:
    """Handle the events that are due, oldest first; return how many came to an end."""
    with db.transaction(point="events.due") as session:
        due = list(
            session.scalars(
                sa.select(StripeEvent.id)
                .where(StripeEvent.handled_at.is_(None), StripeEvent.next_try_at <= now())
                .order_by(StripeEvent.id)
                .limit(limit)
            )
        )
    return sum(handle(gateway, event_id, now) for event_id in due)


def handle(gateway: Gateway, event_id: UUID, now: Now) -> bool:
    """Fetch what one event speaks of and record it; True when the event came to an end. Safe to run twice."""
    with db.transaction(point="events.take") as session:
        event = session.scalars(
            sa.select(StripeEvent)
            .where(StripeEvent.id == event_id, StripeEvent.handled_at.is_(None))
            .where(StripeEvent.next_try_at <= now())
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if event is None:
            return False
        event.tries += 1
        event.next_try_at = now() + LEASE
        account = None
        if event.account is not None:
            account = session.scalars(
                sa.select(PayoutAccount).where(PayoutAccount.stripe_account_id == event.account)
            ).one_or_none()
    try:
        outcome, note = _apply(gateway, event, account, now)
    except (NotFound, Rejected) as error:
        # Nothing of ours, or nothing that Stripe still knows: keep it where a person can see it.
        outcome, note = "parked", error.message()
    except Unavailable as error:
        log.warning("event_postponed", stripe_event=event.event_id, code=error.code)
        _postpone(event, now)
        return False
    except AppError as error:
        log.error("event_failed", stripe_event=event.event_id, code=error.code, facts=error.facts)
        _postpone(event, now)
        return False
    _finish(event, outcome, note, now)
    return True


def _apply(
    gateway: Gateway, event: StripeEvent, account: PayoutAccount | None, now: Now
) -> tuple[str, str | None]:
    subject = event.object_id or ""
    if event.source == "account" and event.type.startswith("checkout.session."):
        result = checkouts.confirm(gateway, subject, now)
        return ("alarm" if result == "alarm" else "done"), result
    if event.source != "connect":
        return "ignored", None
    if account is None:
        raise NotFound("payout account", event.account or "without an account")
    if event.type.startswith("payout."):
        moved = bank_leg.follow(gateway, account, subject, now)
        return "done", f"{moved} moved"
    if event.type.startswith(("account.", "capability.")):
        row = accounts.refresh(gateway, account.id, bank_leg.connected_id(account), now)
        return "done", row.state
    return "ignored", None


def _postpone(event: StripeEvent, now: Now) -> None:
    pause = min(_FIRST_PAUSE * 2 ** min(event.tries, 11), _LONGEST_PAUSE)
    with db.transaction(point="events.postpone") as session:
        session.execute(
            sa.update(StripeEvent)
            .where(StripeEvent.id == event.id, StripeEvent.handled_at.is_(None))
            .values(next_try_at=now() + pause)
        )


def _finish(event: StripeEvent, outcome: str, note: str | None, now: Now) -> None:
    with db.transaction(point="events.finish") as session:
        session.execute(
            sa.update(StripeEvent)
            .where(StripeEvent.id == event.id, StripeEvent.handled_at.is_(None))
            .values(outcome=outcome, handled_at=now(), note=note)
        )
