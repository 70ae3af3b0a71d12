"""Stores with the advisers who work there, sales in a store, and codes that can be said aloud.

Locks: `shop_order` ACCESS EXCLUSIVE for an instant (a column without a value), then SHARE ROW EXCLUSIVE while its foreign
key is made and its index built, which reads the table once: some seconds for ten million orders, during which none is
taken in. `discount_code` the same for a column and an index. `shop` and `adviser` SHARE ROW EXCLUSIVE for an instant.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant
from migrations.row_security import adviser, either, enable, permit, role, shop

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

PLATFORM = role("finance", "admin", "watch")
STORE = """
CREATE TABLE store (
  id uuid NOT NULL CONSTRAINT pk_store PRIMARY KEY,
  shop_id uuid NOT NULL CONSTRAINT fk_store_shop_id_shop REFERENCES shop,
  code text NOT NULL CONSTRAINT ck_store_code CHECK (code ~ '^[A-Z0-9]{2,12}$'),
  name text NOT NULL,
  street text NOT NULL, postcode text NOT NULL, city text NOT NULL, country char(2) NOT NULL,
  latitude numeric(8, 6) CONSTRAINT ck_store_latitude CHECK (latitude BETWEEN -90 AND 90),
  longitude numeric(9, 6) CONSTRAINT ck_store_longitude CHECK (longitude BETWEEN -180 AND 180),
  phone text,
  opening_hours jsonb NOT NULL,
  state text NOT NULL DEFAULT 'open' CONSTRAINT ck_store_state CHECK (state IN ('open', 'closed')),
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_store_shop_id_code UNIQUE (shop_id, code),
  CONSTRAINT uq_store_id_shop_id UNIQUE (id, shop_id),
  CONSTRAINT ck_store_closed_at CHECK ((state = 'closed') = (closed_at IS NOT NULL) AND closed_at >= opened_at),
  CONSTRAINT ck_store_place CHECK ((latitude IS NULL) = (longitude IS NULL))
)
"""
STORE_ADVISER = """
CREATE TABLE store_adviser (
  id uuid NOT NULL CONSTRAINT pk_store_adviser PRIMARY KEY,
  store_id uuid NOT NULL,
  shop_id uuid NOT NULL,
  adviser_id uuid NOT NULL CONSTRAINT fk_store_adviser_adviser_id_adviser REFERENCES adviser,
  from_at timestamptz NOT NULL,
  until_at timestamptz CONSTRAINT ck_store_adviser_until_at CHECK (until_at >= from_at),
  CONSTRAINT fk_store_adviser_store_id_store FOREIGN KEY (store_id, shop_id) REFERENCES store (id, shop_id)
)
"""
OPEN = "state = 'open' AND EXISTS (SELECT FROM public_shop s WHERE s.id = store.shop_id AND s.state = 'live')"


def upgrade() -> None:
    """Make stores, tie orders to them, and mark the codes that we made ourselves."""
    op.execute(STORE)
    op.execute(STORE_ADVISER)
    op.execute(
        "CREATE UNIQUE INDEX uq_store_adviser_present ON store_adviser (store_id, adviser_id) WHERE until_at IS NULL"
    )
    op.execute("CREATE INDEX ix_store_adviser_adviser_id ON store_adviser (adviser_id)")
    op.execute(
        "ALTER TABLE shop_order ADD COLUMN store_id uuid,"
        " ADD CONSTRAINT fk_shop_order_store_id_store FOREIGN KEY (store_id, shop_id) REFERENCES store (id, shop_id),"
        " ADD CONSTRAINT ck_shop_order_store_id CHECK (store_id IS NULL OR (channel = 'pos' AND store_ref IS NOT NULL))"
    )
    op.execute(
        "CREATE INDEX ix_shop_order_store_id_ordered_at ON shop_order (store_id, ordered_at)"
        " WHERE store_id IS NOT NULL"
    )
    op.execute("ALTER TABLE discount_code ADD COLUMN is_spoken boolean NOT NULL DEFAULT false")
    op.execute(
        "CREATE UNIQUE INDEX uq_discount_code_spoken ON discount_code (offer_id, adviser_id)"
        " WHERE is_spoken AND revoked_at IS NULL"
    )
    grant(op, "app", "SELECT, INSERT", "store", "store_adviser")
    grant(
        op,
        "app",
        "UPDATE (name, street, postcode, city, country, latitude, longitude, phone, opening_hours, state, closed_at)",
        "store",
    )
    grant(op, "app", "UPDATE (until_at)", "store_adviser")
    grant(op, "worker", "SELECT", "store", "store_adviser")
    enable(op, "store", "store_adviser")
    permit(op, "store", "app", "select", either(shop(), PLATFORM, OPEN))
    permit(op, "store", "app", "insert", None, shop())
    permit(op, "store", "app", "update", shop())
    permit(op, "store_adviser", "app", "select", either(shop(), adviser(), PLATFORM))
    permit(op, "store_adviser", "app", "insert", None, shop())
    permit(op, "store_adviser", "app", "update", shop())
    for table in ("store", "store_adviser"):
        permit(op, table, "worker", "all", "true")


def downgrade() -> None:
    """Forget stores; orders keep the store_ref that the shop sent."""
    op.execute("DROP INDEX uq_discount_code_spoken")
    op.execute("ALTER TABLE discount_code DROP COLUMN is_spoken")
    op.execute("ALTER TABLE shop_order DROP COLUMN store_id")
    op.execute("DROP TABLE store_adviser")
    op.execute("DROP TABLE store")
