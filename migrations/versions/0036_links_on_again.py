"""A link that was switched off may be switched on again; when it was off is kept, and who switched it off.

What a click earned is decided by what was true at its instant, now and whenever the decision is replayed: so the times
in which a link was off stay on record when it is on again. A link that an admin switched off is not the adviser's to
switch on. Locks: `tracked_link` ACCESS EXCLUSIVE for an instant (a column without a value) and SHARE ROW EXCLUSIVE with
`shop` and `adviser` for another (foreign keys).
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant
from migrations.row_security import adviser, either, enable, permit, role, shop

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

REST = """
CREATE TABLE link_rest (
  id uuid NOT NULL CONSTRAINT pk_link_rest PRIMARY KEY,
  link_id uuid NOT NULL CONSTRAINT fk_link_rest_link_id_tracked_link REFERENCES tracked_link,
  shop_id uuid NOT NULL CONSTRAINT fk_link_rest_shop_id_shop REFERENCES shop,
  adviser_id uuid NOT NULL CONSTRAINT fk_link_rest_adviser_id_adviser REFERENCES adviser,
  from_at timestamptz NOT NULL,
  to_at timestamptz NOT NULL,
  CONSTRAINT ck_link_rest_to_at CHECK (to_at >= from_at)
)
"""


def upgrade() -> None:
    """Keep when links were off, and who switched one off."""
    op.execute(
        "ALTER TABLE tracked_link ADD COLUMN disabled_by text"
        " CONSTRAINT ck_tracked_link_disabled_by CHECK (disabled_by IN ('adviser', 'admin'))"
    )
    grant(op, "app", "UPDATE (disabled_by)", "tracked_link")
    op.execute(REST)
    op.execute("CREATE INDEX ix_link_rest_link_id_from_at ON link_rest (link_id, from_at)")
    grant(op, "app", "SELECT, INSERT", "link_rest")
    grant(op, "worker", "SELECT", "link_rest")
    enable(op, "link_rest")
    seen = either(shop(), adviser(), role("finance", "admin", "watch"))
    permit(op, "link_rest", "app", "select", seen)
    permit(op, "link_rest", "app", "insert", None, either(adviser(), role("admin")))
    permit(op, "link_rest", "worker", "all", "true")


def downgrade() -> None:
    """Forget when links were off that are on again."""
    op.execute("DROP TABLE link_rest")
    op.execute("ALTER TABLE tracked_link DROP COLUMN disabled_by")
