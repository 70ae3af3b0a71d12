"""What settlement registers: its jobs and sweeps, its promises, what it is behind with, its routes."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import flask
from sqlalchemy.orm import Session

from marketplace.core import clock, config, db, hooks, jobs
from payouts.settlement import (
    accounts,
    api_funding,
    api_payout_account,
    api_webhooks,
    bank_leg,
    checkouts,
    events,
    freeze,
    payout_models,
    promises,
    rounds,
    views_payout_account,
)
from payouts.settlement.stripe_gateway import configured

__all__ = ["blueprints", "payout_models", "register"]


def handle_one(event_id: str) -> None:
    """Handle one event now; a nudge."""
    gateway = configured()
    if gateway is not None:
        events.handle(gateway, UUID(event_id), clock.now)


def handle_events() -> int:
    """Handle the events that are due."""
    gateway = configured()
    return events.handle_due(gateway, clock.now) if gateway else 0


def repair_fundings() -> int:
    """Open pages whose answer was lost and ask about those whose webhook was."""
    gateway = configured()
    return checkouts.repair(gateway, config.current().base_url, clock.now) if gateway else 0


def follow_bank() -> int:
    """Ask for the payouts to the bank of accounts where money is on its way."""
    gateway = configured()
    if gateway is None:
        return 0
    with db.transaction(point="bank.due") as session:
        waiting = bank_leg.accounts_to_check(session, clock.now())
    return rounds.each("bank", waiting, lambda account: bank_leg.check(gateway, account, clock.now))


def look_at_accounts() -> int:
    """Fetch accounts that nobody looked at for long."""
    gateway = configured()
    if gateway is None:
        return 0
    with db.transaction(point="accounts.unseen") as session:
        waiting = accounts.unseen(session, clock.now())
    return rounds.each(
        "accounts", waiting, lambda one: bool(accounts.refresh(gateway, one[0], one[1], clock.now))
    )


def webhooks_pending(_session: Session, _now: datetime) -> int:
    """Return how many webhooks the sandbox still has to deliver; 0 at Stripe itself, which does not tell."""
    address = config.current().stripe_api_base
    if not address:
        return 0
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", "/_sandbox/state")
        return int(json.loads(connection.getresponse().read())["webhooks_pending"])
    except OSError:
        # Whoever can't be asked may still hold some, so this is not a rest.
        return 1
    finally:
        connection.close()


def register() -> None:
    """Register jobs, sweeps, promises and lags. Safe to call twice."""
    jobs.job(events.JOB)(handle_one)
    jobs.sweep("settlement.events", every=5)(handle_events)
    jobs.sweep("settlement.fundings", every=20)(repair_fundings)
    jobs.sweep("settlement.bank", every=30)(follow_bank)
    jobs.sweep("settlement.accounts", every=60)(look_at_accounts)
    hooks.invariant("payouts_equal_their_lines", "payouts", promises.payouts_equal_lines)
    hooks.invariant("in_transit_equals_open_payouts", "minor units", promises.in_transit_equals_open)
    hooks.invariant("connected_equals_paid_payouts", "minor units", promises.connected_equals_paid)
    hooks.invariant("one_live_transfer_per_payout", "payouts", promises.one_live_transfer)
    hooks.lag("events_unhandled", promises.events_unhandled)
    hooks.lag("payouts_due", promises.payouts_due)
    hooks.lag("fundings_unasked", promises.fundings_unasked)
    hooks.lag("webhooks_pending", webhooks_pending)
    hooks.command("freeze-payouts", freeze.run)


def blueprints() -> Iterable[flask.Blueprint | Any]:
    """Return the routes of settlement."""
    return (
        api_funding.blueprint,
        api_payout_account.blueprint,
        api_webhooks.blueprint,
        views_payout_account.blueprint,
    )
