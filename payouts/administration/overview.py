"""What waits for an admin, the most urgent first: how much, since when, and where it is dealt with."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any

import redis
import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from marketplace.accounts import evidence_queue
from marketplace.accounts.models import InfluenceEvidence
from marketplace.community.models import PageReport
from marketplace.core import queue_watch
from marketplace.core.heartbeat import Heartbeat
from payouts.administration.told import EVENT, MAIL
from payouts.settlement import freeze
from tracking.claims.models import Claim
from tracking.disputes.models import Dispute

log = structlog.get_logger(__name__)
# An event or a mail that is tried for so long is somebody's business.
LATE = dt.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits: which kind, how many, the oldest since when, and whether people wait for an answer."""

    kind: str
    count: int
    since: dt.datetime | None = None
    by_people: bool = False


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the first page of an admin says; `queue_away`: Valkey does not answer."""

    waiting: tuple[Waiting, ...]
    frozen: freeze.PayoutFreeze | None
    silent: tuple[Heartbeat, ...]
    checked: queue_watch.Checked | None
    queue_away: bool

    @property
    def oldest(self) -> Waiting | None:
        """Return what people wait for longest; else what is broken longest; None when nothing waits."""
        found = sorted(
            (one for one in self.waiting if one.count),
            key=lambda one: (not one.by_people, one.since.timestamp() if one.since else math.inf),
        )
        return found[0] if found else None


def read(session: Session, now: dt.datetime, wall: dt.datetime) -> Overview:
    """Return what waits at business time `now`; wall: security time, in which processes report."""
    rows = {row.kind: row for row in session.execute(sa.union_all(*_counts(now)))}
    by_people = ("evidence", "reports", "disputes", "claims")
    waiting = [Waiting(name, int(row.n), row.since, name in by_people) for name, row in rows.items()]
    checked, failed, queue_away = None, 0, False
    try:
        checked, failed = queue_watch.checked(), queue_watch.how_many_failed()
    except redis.RedisError as error:
        log.warning("queue_away", error=repr(error))
        queue_away = True
    waiting.append(Waiting("jobs", failed))
    if checked is not None:
        waiting.append(Waiting("promises", len(checked.broken), checked.at))
    beats = session.scalars(sa.select(Heartbeat).order_by(Heartbeat.name)).all()
    silent = tuple(beat for beat in beats if wall - beat.seen_at > queue_watch.SILENT_AFTER)
    return Overview(tuple(waiting), freeze.standing(session), silent, checked, queue_away)


def _counts(now: dt.datetime) -> list[sa.Select[Any]]:
    def counted(name: str, since: Any, *conditions: Any) -> sa.Select[Any]:
        return sa.select(
            sa.literal(name).label("kind"), sa.func.count().label("n"), sa.func.min(since).label("since")
        ).where(*conditions)

    return [
        counted("disputes", Dispute.opened_at, Dispute.state == "escalated"),
        counted("claims", Claim.answer_by, Claim.state == "escalated"),
        counted("reports", PageReport.reported_at, PageReport.state == "received"),
        counted("evidence", InfluenceEvidence.stated_at, evidence_queue.WAITING),
        counted(
            "mails",
            MAIL.c.queued_at,
            MAIL.c.sent_at.is_(None),
            MAIL.c.dropped_as.is_(None),
            MAIL.c.attempts > 0,
        ),
        counted(
            "webhooks", EVENT.c.received_at, EVENT.c.handled_at.is_(None), EVENT.c.received_at < now - LATE
        ),
        counted("parked", EVENT.c.received_at, EVENT.c.outcome.in_(("parked", "alarm"))),
    ]
