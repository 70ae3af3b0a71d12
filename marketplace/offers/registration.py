"""What offers hang on the rest of the application."""

from __future__ import annotations

from typing import Any

from marketplace.core import hooks, jobs
from marketplace.offers import checks, pauses


def register() -> None:
    """Register the invariants and the sweep that tells of pauses; safe to call twice."""
    jobs.sweep("offer_pauses", every=60)(pauses.tell_due)
    hooks.invariant("terms_equal_their_hash", "versions", checks.terms_unchanged)
    hooks.invariant("terms_numbered_without_gaps", "offers", checks.terms_numbered)
    hooks.invariant("partnership_equals_history", "partnerships", checks.partnership_history)


def blueprints() -> list[Any]:
    """Return the routes of offers."""
    from marketplace.offers import api_offers, api_partnerships, views, views_announced

    return [api_offers.blueprint, api_partnerships.blueprint, views.blueprint, views_announced.blueprint]
