"""What the ledger registers: its tables and its promises."""

from __future__ import annotations

from marketplace.core import hooks
from payouts.ledger import checks, models

__all__ = ["blueprints", "models", "register"]


def register() -> None:
    """Register the promises of the ledger. Safe to call twice."""
    hooks.invariant("ledger_sums_to_zero", "minor units", checks.sums_to_zero)
    hooks.invariant("ledger_entries_balance", "entries", checks.entries_balance)
    hooks.invariant("ledger_balances_are_postings", "accounts", checks.balances_are_postings)
    hooks.invariant("ledger_floors", "balances", checks.floors_hold)
    hooks.invariant("ledger_reversals_within", "accounts", checks.reversals_within)
    hooks.invariant("ledger_history_closed", "open doors", checks.history_is_closed)


def blueprints() -> tuple[()]:
    """Return no routes: the ledger knows nothing of the web; accrual shows it."""
    return ()
