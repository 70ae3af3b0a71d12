"""A day of clicks that two shippers make in the same moment, or a late click finds half: what is missing is made.

Asking `to_regclass` again after the wait was not enough: a session keeps what it once found missing until it takes a
lock on a table. First clicks are kept for two days and clicks for ninety, so a click that an edge kept longer than
two days found its own day and no day of first clicks, and held up all that came behind it. Locks: none; a function is
replaced.
"""

from __future__ import annotations

import importlib

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_BEFORE: str = importlib.import_module("migrations.versions.0005_links_touches").ENSURE_DAYS
ENSURE_DAYS = _BEFORE.replace(
    "'CREATE TABLE %I PARTITION OF click ", "'CREATE TABLE IF NOT EXISTS %I PARTITION OF click "
).replace(
    "CONTINUE WHEN to_regclass('public.click_p' || stamp) IS NOT NULL;",
    "CONTINUE WHEN to_regclass('public.click_p' || stamp) IS NOT NULL"
    " AND to_regclass('public.click_pf' || stamp) IS NOT NULL;",
)


def _replacing(function: str) -> str:
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


def upgrade() -> None:
    """Let a day be there already."""
    op.execute(_replacing(ENSURE_DAYS))


def downgrade() -> None:
    """Put the function back as it was."""
    op.execute(_replacing(_BEFORE))
