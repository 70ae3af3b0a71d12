"""What the kernel itself hangs up: the mail sender, the worker process, and what they still have to do."""

from __future__ import annotations

from collections.abc import Sequence

import flask

from marketplace.core import config, db, hooks, jobs, mail, mail_sending, operations, queue_watch, views


def register() -> None:
    """Register the mail sender, the worker command and the lags of core. Safe to call twice."""
    mail_sending.register()
    queue_watch.register()
    hooks.command("worker", _work, every_room=True)
    hooks.lag("mail", mail.unsent)
    hooks.lag("jobs", lambda _session, _now: jobs.waiting())


def blueprints() -> tuple[flask.Blueprint, ...]:
    """Return the blueprints of core: health, and in demo and test the clock and the lag."""
    return (*operations.blueprints(config.current()), views.blueprint)


def _work(_arguments: Sequence[str]) -> int:
    settings = config.current()
    db.init(settings.database_url, pool_size=4, clock_moves=settings.clock_moves, limit=900)
    db.refuse_powerful_start()
    return jobs.work()
