"""Indexes by which many orders are decided about again at once, and by which people read their orders at a million.

Locks: SHARE on `touch` and `touch_screening` while an index is built, about a second for a million touches; clicks are
shipped again after that.
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEXES = (
    # The last touch of a visitor before an order, from the index alone.
    "CREATE INDEX ix_touch_shop_id_visitor_id_ts ON touch (shop_id, visitor_id, ts, id) INCLUDE (link_id)"
    " WHERE visitor_id IS NOT NULL",
    # What the edge refused is little; who asks about many touches reads only that.
    "CREATE INDEX ix_touch_screening_refused ON touch_screening (touch_id) WHERE verdict <> 'qualified'",
)
BEFORE = (
    "CREATE INDEX ix_touch_shop_id_visitor_id ON touch (shop_id, visitor_id) WHERE visitor_id IS NOT NULL"
)


def upgrade() -> None:
    """Build the indexes, and drop the one that the first replaces."""
    for index in INDEXES:
        op.execute(index)
    op.execute("DROP INDEX ix_touch_shop_id_visitor_id")


def downgrade() -> None:
    """Put the earlier index back."""
    op.execute(BEFORE)
    for index in INDEXES:
        op.execute("DROP INDEX " + index.split()[2])
