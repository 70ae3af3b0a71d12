"""How an open offer is joined, for everybody who was sent the link to its terms.

Locks: `public_terms` ACCESS EXCLUSIVE for an instant (a view that is replaced), ACCESS SHARE on what it reads.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant

revision = "0043"
down_revision = "0041"
branch_labels = None
depends_on = None

COLUMNS = (
    "t.id, t.offer_id, t.version, t.currency, t.effective_from, t.document, t.window_days, t.hold_days,"
    " o.code AS offer_code, o.name AS offer_name, o.description, o.notice_days, s.id AS shop_id,"
    " s.code AS shop_code, s.name AS shop_name, s.country"
)
# As migration 0034 reads it: open offers of live shops, with the versions that come.
READ = (
    "FROM commission_terms t JOIN offer o ON o.id = t.offer_id JOIN shop s ON s.id = o.shop_id"
    " WHERE o.state = 'open' AND s.state = 'live'"
)


def upgrade() -> None:
    """Tell how advisers come in beside the terms."""
    op.execute(
        f"CREATE OR REPLACE VIEW public_terms WITH (security_barrier) AS SELECT {COLUMNS}, o.joining {READ}"
    )


def downgrade() -> None:
    """Tell the terms alone."""
    op.execute("DROP VIEW public_terms")
    op.execute(f"CREATE VIEW public_terms WITH (security_barrier) AS SELECT {COLUMNS} {READ}")
    grant(op, "app", "SELECT", "public_terms")
