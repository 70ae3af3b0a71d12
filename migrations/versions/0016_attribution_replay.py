"""Indexes by which many orders are decided about again at once, and by which the sweep finds the undecided ones.

Locks: SHARE on `touch`, `touch_screening` and `attribution` while an index is built, about a second for a million rows
each; orders and clicks are written again after that.
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
    # Every order has a first decision, made at intake; whether a later one stands is then asked of two indexes alone.
    "CREATE INDEX ix_attribution_intake ON attribution (order_id, n)"
    " WHERE state = 'provisional' AND decided_by = 'intake'",
    "CREATE INDEX ix_attribution_waiting ON attribution (order_id, n)"
    " WHERE state = 'provisional' AND decided_by = 'worker'",
)
BEFORE = (
    "CREATE INDEX ix_touch_shop_id_visitor_id ON touch (shop_id, visitor_id) WHERE visitor_id IS NOT NULL",
    "CREATE INDEX ix_attribution_provisional ON attribution (order_id, n) WHERE state = 'provisional'",
)


def upgrade() -> None:
    """Build the indexes, and drop those that they replace."""
    for index in INDEXES:
        op.execute(index)
    for index in BEFORE:
        op.execute("DROP INDEX " + index.split()[2])


def downgrade() -> None:
    """Put the earlier indexes back."""
    for index in BEFORE:
        op.execute(index)
    for index in INDEXES:
        op.execute("DROP INDEX " + index.split()[2])
