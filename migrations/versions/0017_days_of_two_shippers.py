"""A day of clicks that two shippers make in the same moment: the second finds it made.

Asking `to_regclass` again after the wait was not enough: a session keeps what it once found missing until it takes a
lock on a table. Locks: none; a function is replaced.
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
)


def _replacing(function: str) -> str:
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


def upgrade() -> None:
    """Let a day be there already."""
    op.execute(_replacing(ENSURE_DAYS))


def downgrade() -> None:
    """Put the function back as it was."""
    op.execute(_replacing(_BEFORE))
