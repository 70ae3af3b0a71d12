"""Settlement: a payout's lease ends by the wall's clock or with its holder, and no second key without two looks at Stripe.

Locks: `payout` and `payout_attempt` for an instant; the columns are empty and the check reads only abandoned attempts.
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

CHECK = "ck_payout_attempt_looked_up_twice"


def upgrade() -> None:
    """Add the lease and the check."""
    op.execute("ALTER TABLE payout ADD COLUMN leased_until timestamptz, ADD COLUMN leased_by text")
    op.execute(
        f"ALTER TABLE payout_attempt ADD CONSTRAINT {CHECK} CHECK (outcome <> 'abandoned' OR look_ups >= 2)"
    )


def downgrade() -> None:
    """Take both away; a lease that is running then goes by business time again."""
    op.execute(f"ALTER TABLE payout_attempt DROP CONSTRAINT {CHECK}")
    op.execute("ALTER TABLE payout DROP COLUMN leased_until, DROP COLUMN leased_by")
