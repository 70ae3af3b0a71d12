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
    hooks.invariant(
        "evidence_state_equals_history",
        "pieces of evidence",
        _counted(
            "SELECT count(*) FROM influence_evidence e WHERE e.state IS DISTINCT FROM (SELECT v.state"
            " FROM influence_evidence_event v WHERE v.evidence_id = e.id ORDER BY v.n DESC LIMIT 1)",
            "SELECT count(*) FROM influence_evidence",
        ),
    )
    # A badge rests on a row of public_evidence; so each of those was verified by who may, and never by the adviser.
    hooks.invariant(
        "badges_rest_on_verified_evidence",
        "pieces of evidence",
        _counted(
            "SELECT count(*) FROM influence_evidence e JOIN adviser a ON a.id = e.adviser_id"
            " WHERE e.state = 'verified' AND NOT EXISTS (SELECT FROM influence_evidence_event v"
            " WHERE v.evidence_id = e.id AND v.state = 'verified' AND v.by_user_id <> a.user_id"
            " AND v.by_role = CASE e.kind WHEN 'user' THEN 'shop' ELSE 'admin' END)",
            "SELECT count(*) FROM influence_evidence WHERE state = 'verified'",
        ),
    )
