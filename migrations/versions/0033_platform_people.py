"""What colleagues of the platform are called, for each other: who made a run, who approved it, who asked to lift.

Row-level security shows finance only their own account, and must: it holds the hash of a password. This view shows
names of finance and admin to finance, admin and the worker, and nothing else. Locks: none.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

VIEW = """
CREATE VIEW platform_person WITH (security_barrier) AS
  SELECT id, name, role FROM user_account
  WHERE role IN ('finance', 'admin')
    AND (SELECT current_setting('app.role', true)) IN ('finance', 'admin')
"""


def upgrade() -> None:
    """Let colleagues of the platform read each other's names."""
    op.execute(VIEW)
    grant(op, "app", "SELECT", "platform_person")


def downgrade() -> None:
    """Forget the names."""
    op.execute("DROP VIEW platform_person")
