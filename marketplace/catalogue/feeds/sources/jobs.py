"""The jobs of sources: fetch a feed that is due, and find the feeds that nobody fetches."""

from __future__ import annotations

import datetime as dt
import tempfile
import uuid
from functools import partial

from sqlalchemy.orm import Session

from marketplace.catalogue.feeds.jobs import READ, queue_answers
from marketplace.catalogue.feeds.sources import fetching
from marketplace.core import clock, config, jobs
from marketplace.core.db import after_commit, transaction

FETCH = "feeds.fetch"


def register() -> None:
    """Register the job and the sweep; safe to call twice."""
    jobs.job(FETCH)(fetch_source)
    jobs.sweep("feed_sources", every=5)(fetch_due_sources)


def fetch_source(source_id: str) -> None:
    """Fetch one source when it is due; safe to run twice and at once."""
    fetch(uuid.UUID(source_id))


def fetch_due_sources() -> int:
    """Find sources that are due and have them fetched; returns how many were fetched here.

    While Valkey answers this only repeats the hint: strangers are slow, and other sweeps would wait for them.
    """
    with transaction() as session:
        waiting = fetching.due(session, clock.now(), clock.wall())
    if waiting and queue_answers():
        for source_id in waiting:
            jobs.enqueue(FETCH, str(source_id))
        return 0
    return sum(fetch(source_id) for source_id in waiting)


def fetch(source_id: uuid.UUID) -> bool:
    """Fetch a source and line its feed up; False when it wasn't due or was taken over meanwhile."""
    with transaction() as session:
        claimed = fetching.claim(session, source_id, now=clock.now(), wall=clock.wall())
    if claimed is None:
        return False
    with tempfile.TemporaryFile() as file:
        found = fetching.fetch(claimed, config.current(), file)
        with transaction() as session:
            ended = fetching.finish(session, claimed, found, file, now=clock.now())
            if ended is not None and ended.feed_id is not None:
                after_commit(session, partial(jobs.enqueue, READ, str(ended.feed_id)))
    return ended is not None


def lag(session: Session, now: dt.datetime) -> int:
    """Return how many sources are due or being fetched."""
    return fetching.waiting(session, now)
