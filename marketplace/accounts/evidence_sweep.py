"""Evidence runs out by business time: the worker looks for it, and the rows are the queue."""

from __future__ import annotations

import datetime as dt

import structlog
from sqlalchemy.orm import Session

from marketplace.accounts import evidence
from marketplace.core import clock, db, hooks, jobs

log = structlog.get_logger(__name__)
MOST_COUNTED = 10_000


def register() -> None:
    """Register the sweep and what is due. Safe to call twice."""
    jobs.sweep("expire_evidence", every=60)(expire_due)
    hooks.lag("evidence_expired_due", due)


def expire_due() -> int:
    """Let all evidence run out whose time is over, each in a transaction of its own; return how many."""
    with db.session() as session:
        found = evidence.expired(session, clock.now())
    done = 0
    for evidence_id in found:
        done += db.run_in_transaction(
            lambda session, one=evidence_id: evidence.expire(session, one, clock.now()),  # type: ignore[misc]
            point="evidence.expire",
        )
    return done


def due(session: Session, now: dt.datetime) -> int:
    """Return how much evidence counts as verified although its time is over."""
    return len(evidence.expired(session, now, MOST_COUNTED))
