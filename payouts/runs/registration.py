"""What payout runs register: the job that carries a run out, the sweeps that continue it, the routes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import flask

from marketplace.core import clock, jobs
from payouts.runs import api, execution, service
from payouts.settlement.stripe_gateway import configured


def execute_run(run_id: str) -> None:
    """Carry out what is due in one run now; a nudge."""
    gateway = configured()
    if gateway is not None:
        execution.work(gateway, UUID(run_id), clock.now)


def continue_runs() -> int:
    """Continue every run that has something due."""
    gateway = configured()
    return execution.sweep(gateway, clock.now) if gateway else 0


def resume_funded() -> int:
    """Let payouts that wait for money go on when there is enough."""
    gateway = configured()
    return execution.resume_funded(gateway, clock.now) if gateway else 0


def register() -> None:
    """Register the job and the sweeps. Safe to call twice."""
    jobs.job(service.JOB)(execute_run)
    jobs.sweep("runs.continue", every=5)(continue_runs)
    jobs.sweep("runs.resume_funded", every=30)(resume_funded)


def blueprints() -> Iterable[flask.Blueprint | Any]:
    """Return the routes of payout runs."""
    return (api.blueprint,)
