"""What accrual registers: its job and sweeps, its promises, what it is behind with, its routes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import flask

from marketplace.core import clock, hooks, jobs
from payouts.accrual import api_earnings, api_funding, api_ledger, checks, figures, isolation, models, news

JOB: Final = "accrual.post"
# Written and read in SQL only; named here so that the models know all tables that the migrations make.
TABLES: Final = (models.AccrualSetAside, models.AccrualDue)
RECENT: Final = dt.timedelta(minutes=10)


def post_all() -> int:
    """Post every move that is due, however old it is: what a shop's payment freed may be from last month."""
    return isolation.post_everything()


def post_recent() -> int:
    """Post the moves of the last minutes; looks at few rows, so it runs often."""
    milliseconds = int((clock.wall() - RECENT).timestamp() * 1000)
    # Ids of moves are UUIDs version 7, which begin with the time at which they were made.
    return isolation.post_everything(since=UUID(int=milliseconds << 80))


def register() -> None:
    """Register the job, the sweeps, the promises and the lag. Safe to call twice."""
    jobs.job(JOB)(post_all)
    figures.register()
    jobs.sweep("accrual.recent", every=2)(post_recent)
    jobs.sweep("accrual.all", every=15)(post_all)
    jobs.sweep("accrual.nearly_used", every=30)(news.nearly_used)
    hooks.invariant("accrual_equals_moves", "moves", checks.moves_are_posted_as_they_are)
    hooks.invariant("accrual_equals_entries", "moves", checks.entries_say_what_moves_say)
    hooks.invariant("adviser_pending_is_unmatured", "minor units", checks.pending_is_unmatured)
    hooks.invariant("fees_follow_standing", "commissions", checks.fees_follow_standing)
    hooks.invariant("no_move_forgotten", "moves", checks.no_move_is_forgotten)
    hooks.invariant("accrual_queue_is_whole", "moves", checks.queue_is_whole)
    hooks.invariant("no_commission_set_aside", "moves", checks.nothing_is_set_aside)
    hooks.lag("moves_unposted", checks.moves_unposted)
    hooks.lag("moves_set_aside", checks.moves_set_aside)
    hooks.command("retry-set-aside", isolation.command)


def blueprints() -> Iterable[flask.Blueprint | Any]:
    """Return the routes of accrual, and those that show funding and the ledger."""
    return (api_earnings.blueprint, api_funding.blueprint, api_ledger.blueprint)
