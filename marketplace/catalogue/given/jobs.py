"""The jobs of pages: look at those of a host that are due, and find the pages that nobody looks at."""

from __future__ import annotations

import datetime as dt
import time

from sqlalchemy.orm import Session

from marketplace.catalogue.feeds.jobs import queue_answers
from marketplace.catalogue.given import refreshing
from marketplace.catalogue.pages import looking
from marketplace.core import clock, config, jobs
from marketplace.core.db import transaction

LOOK = "pages.look"
# Other jobs wait meanwhile; what is left of a host with many pages is found by the next sweep.
LOOK_SECONDS = 20


def register() -> None:
    """Register the job and the sweep; safe to call twice."""
    jobs.job(LOOK)(look_at_host)
    jobs.sweep("product_pages", every=5)(look_at_due_pages)


def look_at_due_pages() -> int:
    """Find pages of products that are due and have them looked at, host by host; returns how many were, here."""
    with transaction() as session:
        hosts = refreshing.due_hosts(session, clock.now(), clock.wall())
    if hosts and queue_answers():
        for host in hosts:
            jobs.enqueue(LOOK, host)
        return 0
    return sum(look_at_host(host) for host in hosts)


def look_at_host(host: str) -> int:
    """Look at the due pages of one host, one after the other and not too fast; returns how many were looked at.

    Safe to run twice and at once. Ends after LOOK_SECONDS.
    """
    settings, until, done = config.current(), time.monotonic() + LOOK_SECONDS, 0
    apart = refreshing.pace(host, settings)
    while time.monotonic() < until:
        with transaction() as session:
            claimed = refreshing.claim(session, host, apart, now=clock.now(), wall=clock.wall())
        if claimed is None:
            break
        if isinstance(claimed, dt.timedelta):
            time.sleep(claimed.total_seconds())
            continue
        seen = looking.look(claimed.url, settings)
        with transaction() as session:
            done += refreshing.finish(session, claimed, seen, now=clock.now())
    return done


def lag(session: Session, now: dt.datetime) -> int:
    """Return how many pages are due or being looked at."""
    return refreshing.waiting(session, now)
