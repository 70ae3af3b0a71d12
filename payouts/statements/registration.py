"""What statements register: the sweep that issues them, their promise, the routes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import flask
from sqlalchemy.orm import Session

from marketplace.core import clock, hooks, jobs
from payouts.statements import api, service, views, views_pdf


def issue_due() -> int:
    """Issue the statements that are due."""
    return service.issue_due(clock.now)


def statements_hold(session: Session) -> hooks.Finding:
    """Count the statements that no longer match their hash or their payout."""
    wrong, seen = service.differing(session)
    return hooks.Finding(wrong, seen)


def statements_due(session: Session, _now: dt.datetime) -> int:
    """Return how many payouts were sent and have no statement yet."""
    return len(service.unissued(session))


def register() -> None:
    """Register the sweep, the promise and the lag. Safe to call twice."""
    jobs.sweep("statements", every=15)(issue_due)
    hooks.invariant("statements_equal_payouts", "statements", statements_hold)
    hooks.lag("statements_due", statements_due)


def blueprints() -> Iterable[flask.Blueprint | Any]:
    """Return the routes of statements."""
    return (api.blueprint, views.blueprint, views.statement_blueprint, views_pdf.blueprint)
