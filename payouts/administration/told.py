"""What an admin may know of mail and of Stripe's events (migration 0035): how far each is, never what is in it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import audit, db, jobs
from marketplace.core.actor import Actor
from marketplace.core.db import UtcDateTime
from marketplace.core.errors import Conflict, NotFound
from payouts.settlement import events


def _view(name: str, moments: str, texts: str, numbers: str, ids: str) -> sa.TableClause:
    typed: list[tuple[str, Any]] = [
        (moments, UtcDateTime), (texts, sa.Text()), (numbers, sa.Integer()), (ids, sa.Uuid()),
    ]  # fmt: skip
    return sa.table(name, *(sa.column(one, kind) for names, kind in typed for one in names.split()))


MAIL = _view(
    "mail_told",
    "queued_at next_attempt_at sent_at",
    "template locale last_error dropped_as",
    "attempts",
    "id user_id",
)
EVENT = _view(
    "stripe_event_told", "received_at next_try_at handled_at", "source event_id type account object_id outcome note",
    "tries", "id",
)  # fmt: skip
# What an event can be asked for: `unhandled` has not come to an end; the others are how it ended.
STATES = ("unhandled", "parked", "alarm", "done", "ignored")
_AGAIN = sa.text("SELECT stripe_event_again(:wanted, :at)")
_ADDRESS = re.compile(r"[^\s@'\"<>(){}\[\],;:]+@[^\s@'\"<>(){}\[\],;:]+")


class EventEnded(Conflict):
    """An event came to its end; handling it again would change nothing."""

    code = "event_ended"
    title = "This event came to its end"
    detail = "Event {event_id} ended as {outcome}."
    next = "Only events that wait or were parked are handled again."


def unsent(session: Session, limit: int = 50) -> Sequence[Any]:
    """Return mails that were tried and did not go out, the oldest first; addresses in errors are left out."""
    query = sa.select(MAIL).where(MAIL.c.sent_at.is_(None), MAIL.c.dropped_as.is_(None), MAIL.c.attempts > 0)
    return session.execute(query.order_by(MAIL.c.queued_at).limit(limit)).all()


def without_addresses(text: str | None) -> str:
    """Return an error of a mail server without the addresses that it names: readers have no account to look up."""
    return _ADDRESS.sub("\N{HORIZONTAL ELLIPSIS}@\N{HORIZONTAL ELLIPSIS}", text or "")


def listed(
    session: Session, state: str | None, kind: str | None, *, after: UUID | None = None, limit: int = 50
) -> Sequence[Any]:
    """Return up to limit + 1 events of Stripe, newest first; kind: the beginning of the type, such as "payout."."""
    query = sa.select(EVENT).order_by(EVENT.c.id.desc()).limit(limit + 1)
    if state == "unhandled":
        query = query.where(EVENT.c.handled_at.is_(None))
    elif state is not None:
        query = query.where(EVENT.c.outcome == state)
    if kind is not None:
        query = query.where(EVENT.c.type.startswith(kind, autoescape=True))
    if after is not None:
        query = query.where(EVENT.c.id < after)
    return session.execute(query).all()


def counts(session: Session) -> dict[str, int]:
    """Return how many events are in each state."""
    state = sa.func.coalesce(EVENT.c.outcome, "unhandled")
    return {name: int(n) for name, n in session.execute(sa.select(state, sa.func.count()).group_by(state))}


def again(session: Session, actor: Actor, event_id: UUID, now: dt.datetime) -> Any:
    """Have an event handled once more, at once; handling fetches the object anew and records it once.

    Returns the event. Raises NotFound, and EventEnded for one that is done, ignored, or rang an alarm.
    """
    found = session.execute(sa.select(EVENT).where(EVENT.c.id == event_id)).one_or_none()
    if found is None:
        raise NotFound("event", event_id)
    if not session.execute(_AGAIN, {"wanted": event_id, "at": now}).scalar_one():
        raise EventEnded(event_id=found.event_id, outcome=found.outcome)
    facts = {"event_id": found.event_id, "type": found.type}
    audit.record(session, actor, "stripe_event.again", "stripe_event", event_id, facts, now=now)
    db.after_commit(session, lambda: jobs.enqueue(events.JOB, str(event_id)))
    return found
