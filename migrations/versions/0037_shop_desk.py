"""What stands on a shop's desk: why it parted from an adviser, and the reports of its program that we refused.

A shop that refuses an adviser, or ends with one, says why; who was refused before has no reason. Of what a shop's
program sends, orders and refunds are kept where they belong; what was refused, or came twice, left no trace and now has
a line of its own: when, what about, and why, without any value that was sent but the order's number.

Locks: `partnership` and `partnership_event` ACCESS EXCLUSIVE for an instant (columns without a value); `shop` SHARE ROW
EXCLUSIVE for an instant (a foreign key).
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant
from migrations.row_security import either, enable, permit, role, shop

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_REASONS = "('no_fit', 'place_unknown', 'enough', 'terms_broken', 'not_disclosed', 'other')"
REPORT = """
CREATE TABLE shop_report (
  id uuid NOT NULL CONSTRAINT pk_shop_report PRIMARY KEY,
  shop_id uuid NOT NULL CONSTRAINT fk_shop_report_shop_id_shop REFERENCES shop,
  mode text NOT NULL CONSTRAINT ck_shop_report_mode CHECK (mode IN ('live', 'test')),
  kind text NOT NULL CONSTRAINT ck_shop_report_kind CHECK (kind IN ('order', 'lines', 'refund', 'cancel')),
  order_ref text CONSTRAINT ck_shop_report_order_ref CHECK (length(order_ref) <= 100),
  outcome text NOT NULL CONSTRAINT ck_shop_report_outcome CHECK (outcome IN ('refused', 'repeated')),
  code text,
  fields jsonb NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT ck_shop_report_code CHECK ((outcome = 'refused') = (code IS NOT NULL))
)
"""


def upgrade() -> None:
    """Keep why a shop parted from an adviser, and what of its reports was refused or came twice."""
    for table in ("partnership", "partnership_event"):
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN reason text CONSTRAINT ck_{table}_reason CHECK (reason IN {_REASONS}),"
            " ADD COLUMN note text"
        )
    grant(op, "app", "UPDATE (reason, note)", "partnership")
    op.execute(REPORT)
    op.execute("CREATE INDEX ix_shop_report_shop_id_at ON shop_report (shop_id, at, id)")
    grant(op, "app", "SELECT, INSERT", "shop_report")
    grant(op, "worker", "SELECT, DELETE", "shop_report")
    enable(op, "shop_report")
    permit(op, "shop_report", "app", "select", either(shop(), role("finance", "admin", "watch")))
    permit(op, "shop_report", "app", "insert", None, shop())
    permit(op, "shop_report", "worker", "all", "true")


def downgrade() -> None:
    """Forget the reasons and the lines."""
    op.execute("DROP TABLE shop_report")
    for table in ("partnership", "partnership_event"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN reason, DROP COLUMN note")
