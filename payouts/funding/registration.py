"""What funding registers: its tables and its promises."""

from __future__ import annotations

from marketplace.core import hooks
from payouts.funding import checks, models

__all__ = ["blueprints", "models", "register"]


def register() -> None:
    """Register the promises of funding. Safe to call twice."""
    hooks.invariant("funding_is_booked_once", "payments", checks.payments_are_booked)
    hooks.invariant("shops_owe_what_waits", "minor units", checks.shops_owe_what_waits)


def blueprints() -> tuple[()]:
    """Return no routes: paying in is opened by settlement, and shown by accrual."""
    return ()
