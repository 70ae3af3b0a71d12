"""What dialogue hangs up: its routes, its jobs and sweeps, its promise and its lags."""

from __future__ import annotations

from typing import Any

from marketplace.community import answering, invariants, reviewing, telling
from marketplace.core import hooks, jobs


def register() -> None:
    """Register jobs, sweeps, the promise and lags. Safe to call twice."""
    jobs.job(answering.TELL)(telling.tell_due)
    jobs.job(reviewing.PROVE)(reviewing.prove_due)
    jobs.sweep("community", every=20)(telling.tell_due)
    jobs.sweep("reviews", every=20)(reviewing.prove_due)
    hooks.lag("answers_untold", telling.untold)
    hooks.lag("reviews_unproved", reviewing.unproved)
    invariants.register()


def blueprints() -> list[Any]:
    """Return the routes of dialogue."""
    from marketplace.community import (
        api_questions,
        api_readers,
        views_desk,
        views_finding,
        views_reading,
        views_reports,
        views_topics,
        views_twin,
    )

    return [
        views_reading.blueprint,
        views_topics.blueprint,
        views_finding.blueprint,
        views_desk.blueprint,
        views_twin.blueprint,
        api_questions.blueprint,
        api_questions.saved_answers,
        api_readers.votes,
        api_readers.follows,
        api_readers.reviews,
        api_readers.reports,
        views_reports.blueprint,
    ]
