"""Feeds as shops really send them: how each was read, where it broke, and the history of prices.

Locks: `feed_job`, `feed_staged` and `product` for an instant each: columns without default, a constraint dropped, an
empty table without WAL, a trigger. The history begins with one read of `product`, under the lock that the triggers take:
a second for a million products.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant
from migrations.row_security import enable, permit

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# Written by the trigger below and by nobody else, so no foreign key asks row by row what the trigger has just read.
TABLE = """
CREATE TABLE product_price (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_product_price PRIMARY KEY,
  product_id uuid NOT NULL, shop_id uuid NOT NULL,
  price_minor bigint NOT NULL, sale_price_minor bigint, currency char(3) NOT NULL,
  from_at timestamptz NOT NULL
);
CREATE INDEX ix_product_price_product_id_from_at ON product_price (product_id, from_at)
"""
# Once a statement, whoever changes products and however many. Plans outlive the statement that they were made for, and
# one that was made for a single product must not be kept for a hundred thousand: therefore no nested loops.
NOTE = """
CREATE FUNCTION product_price_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_nestloop = off AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO product_price (product_id, shop_id, price_minor, sale_price_minor, currency, from_at)
    SELECT n.id, n.shop_id, n.price_minor, n.sale_price_minor, n.currency, n.updated_at FROM new_product n;
  ELSE
    INSERT INTO product_price (product_id, shop_id, price_minor, sale_price_minor, currency, from_at)
    SELECT n.id, n.shop_id, n.price_minor, n.sale_price_minor, n.currency, n.updated_at
      FROM new_product n JOIN old_product o ON o.id = n.id
     WHERE (o.price_minor, o.currency, o.sale_price_minor)
           IS DISTINCT FROM (n.price_minor, n.currency, n.sale_price_minor);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER product_price_begun AFTER INSERT ON product REFERENCING NEW TABLE AS new_product
  FOR EACH STATEMENT EXECUTE FUNCTION product_price_note();
CREATE TRIGGER product_price_changed AFTER UPDATE ON product
  REFERENCING OLD TABLE AS old_product NEW TABLE AS new_product
  FOR EACH STATEMENT EXECUTE FUNCTION product_price_note();
ALTER TABLE product ENABLE ALWAYS TRIGGER product_price_begun, ENABLE ALWAYS TRIGGER product_price_changed
"""


def upgrade() -> None:
    """Add how feeds were read, let staged rows be written without WAL, and keep prices from now on."""
    op.execute(
        "ALTER TABLE feed_job ADD COLUMN charset text, ADD COLUMN read_as jsonb,"
        " ADD COLUMN failure_line bigint, ADD COLUMN failure_column bigint"
    )
    # Rows of a feed under way are read anew after a crash, and ids are told apart before they come here.
    op.execute("ALTER TABLE feed_staged DROP CONSTRAINT uq_feed_staged_job_id_sku")
    op.execute("ALTER TABLE feed_staged SET UNLOGGED")
    op.execute(TABLE)
    op.execute(NOTE)
    op.execute("REVOKE ALL ON FUNCTION product_price_note() FROM PUBLIC")
    op.execute(
        "INSERT INTO product_price (product_id, shop_id, price_minor, sale_price_minor, currency, from_at)"
        " SELECT id, shop_id, price_minor, sale_price_minor, currency, updated_at FROM product"
    )
    append_only(op, "product_price")
    grant(op, "app", "SELECT", "product_price")
    grant(op, "worker", "SELECT", "product_price")
    enable(op, "product_price")
    # Whoever sees the product sees its prices.
    permit(
        op,
        "product_price",
        "app",
        "select",
        "EXISTS (SELECT FROM product p WHERE p.id = product_price.product_id)",
    )
    permit(op, "product_price", "worker", "all", "true")


def downgrade() -> None:
    """Forget the prices of the past and how feeds were read."""
    op.execute("DROP TRIGGER product_price_begun ON product")
    op.execute("DROP TRIGGER product_price_changed ON product")
    op.execute("DROP FUNCTION product_price_note()")
    op.execute("DROP TABLE product_price")
    op.execute("ALTER TABLE feed_staged SET LOGGED")
    op.execute("ALTER TABLE feed_staged ADD CONSTRAINT uq_feed_staged_job_id_sku UNIQUE (job_id, sku)")
    op.execute(
        "ALTER TABLE feed_job DROP COLUMN charset, DROP COLUMN read_as,"
        " DROP COLUMN failure_line, DROP COLUMN failure_column"
    )
