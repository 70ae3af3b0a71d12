"""What touches hang up: the shipper, the daily sweep, their lags, and the promise that counts are rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from marketplace.core import clock, config, db, hooks, jobs
from tracking.touches import counts, news, own, retention, segments, service, shipper


def register() -> None:
    """Register command, sweep, lags and invariant. Safe to call twice."""
    hooks.command("shipper", shipper.run)
    hooks.lag("segment_bytes", _segment_bytes)
    hooks.lag("clicks_unwritten", lambda _session, _now: _alarms()["unwritten"])
    hooks.lag("edges", lambda session, _now: service.edges(session, clock.wall()))
    hooks.invariant("clicks_find_room_on_disk", "clicks", _clicks_on_disk)
    hooks.invariant("click_tally_equals_clicks", "links and days", counts.tally_differences)
    jobs.sweep("click_days", every=3600)(_keep_days)
    jobs.sweep("first_clicks", every=15)(news.first_clicks)


def blueprints() -> Iterable[Any]:
    """Return what notices advisers at work; touches have no routes of their own."""
    return (own.blueprint,)


def _keep_days() -> int:
    with db.transaction(point="touches.keep_days") as session:
        return retention.keep_days(session, clock.now())


def _alarms() -> dict[str, int]:
    folder = config.current().segments_dir
    return segments.alarms(Path(folder)) if folder else {"unwritten": 0, "lost": 0, "sync_failures": 0}


def _clicks_on_disk(_session: Session) -> hooks.Finding:
    """Count clicks that edges on this machine answered and could not write; what was lost stays until a restart."""
    found = _alarms()
    folder = config.current().segments_dir
    return hooks.Finding(
        found["unwritten"] + found["lost"], len(segments.slots(Path(folder))) if folder else 0
    )


def _segment_bytes(_session: Session, _now: dt.datetime) -> int:
    folder = config.current().segments_dir
    if not folder:
        return 0
    return sum(segments.waiting_bytes(Path(folder) / slot) for slot in segments.slots(Path(folder)))
