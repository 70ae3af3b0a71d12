"""Promises of this room that can be checked at any moment on live data."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.orm import Session

from marketplace.core import hooks
from marketplace.core.hooks import Finding


def _counted(figure: str, rows: str) -> Callable[[Session], Finding]:
    def check(session: Session) -> Finding:
        return Finding(session.execute(text(figure)).scalar_one(), session.execute(text(rows)).scalar_one())

    return check


def register() -> None:
    """Register the invariants of accounts."""
    hooks.invariant(
        "platform_people_hold_nothing_else",
        "people",
        _counted(
            "SELECT count(*) FROM user_account u WHERE u.role <> 'member' AND (EXISTS (SELECT FROM membership m"
            " WHERE m.user_id = u.id) OR EXISTS (SELECT FROM adviser a WHERE a.user_id = u.id))",
            "SELECT count(*) FROM user_account",
        ),
    )
    hooks.invariant(
        "every_shop_has_an_owner",
        "shops",
        _counted(
            "SELECT count(*) FROM shop s WHERE NOT EXISTS (SELECT FROM membership m WHERE m.shop_id = s.id"
            " AND m.role = 'owner' AND m.removed_at IS NULL)",
            "SELECT count(*) FROM shop",
        ),
    )
    hooks.invariant(
        "adviser_state_equals_history",
        "advisers",
        _counted(
            "SELECT count(*) FROM adviser a WHERE a.state IS DISTINCT FROM (SELECT s.state FROM adviser_state s"
            " WHERE s.adviser_id = a.id ORDER BY s.from_at DESC, s.id DESC LIMIT 1)",
            "SELECT count(*) FROM adviser",
        ),
    )
