"""What reconciliation registers: the import as job and sweep, the certificate as a promise, the routes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import flask

from marketplace.core import clock, db, hooks, jobs
from payouts.reconciliation import api, api_freeze, bookings, importing, promises
from payouts.settlement.stripe_gateway import configured


def run_one(import_id: str) -> None:
    """Carry out one import now; a nudge."""
    gateway = configured()
    if gateway is not None:
        importing.run(gateway, UUID(import_id), clock.now)


def run_due() -> int:
    """Carry out an import when it is time for one."""
    gateway = configured()
    if gateway is None:
        return 0
    with db.transaction(point="reconciliation.due") as session:
        now = clock.now()
        if not promises.import_is_due(session, now):
            return 0
        wanted = importing.ask(session, "sweep", now).id
    return int(bool(importing.run(gateway, wanted, clock.now)))


def book_transfers() -> int:
    """Book the lost transfers that two people explained."""
    return bookings.work(clock.now())


def nudged() -> None:
    """Do what finance has just asked for: book a transfer, import anew."""
    book_transfers()
    run_due()


def register() -> None:
    """Register job, sweep, promises and lag. Safe to call twice."""
    jobs.job(api.JOB)(run_one)
    jobs.job(api.SWEEP_JOB)(nudged)
    jobs.sweep("reconciliation", every=15)(run_due)
    jobs.sweep("reconciliation.bookings", every=15)(book_transfers)
    hooks.invariant("certificate_difference", "minor units", promises.certificate_difference)
    hooks.invariant("movements_make_up_the_balance", "minor units", promises.movements_are_whole)
    hooks.invariant("transfers_equal_paid_payouts", "minor units", promises.transfers_equal_payouts)
    hooks.lag("imports_due", promises.imports_due)
    hooks.lag("bookings_unposted", promises.bookings_unposted)


def blueprints() -> Iterable[flask.Blueprint | Any]:
    """Return the routes of reconciliation."""
    return (api.blueprint, api_freeze.blueprint)
