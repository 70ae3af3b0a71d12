"""What a token proves stands beside it: when its touch was, by which link, of which visitor.

Deciding again about many orders then needs `touch` only for each visitor's last one. The copies are made by a trigger,
from rows that never change. Locks: ACCESS EXCLUSIVE on `order_token` while all its rows are written once more (some
10 s for a million), SHARE on `shop_order` while an index is built (about a second for a million rows).
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# A token of another shop's touch proves nothing to this one.
PROVED = """
SELECT t.link_id, t.ts, t.visitor_id FROM touch t JOIN shop_order o ON o.shop_id = t.shop_id
WHERE t.id = {touch_id} AND o.id = {order_id}"""
FUNCTION = f"""
CREATE FUNCTION order_token_proves() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  {PROVED.format(touch_id="NEW.touch_id", order_id="NEW.order_id")} INTO NEW.link_id, NEW.ts, NEW.visitor_id;
  RETURN NEW;
END $$
"""
CUSTOMER = """
CREATE INDEX ix_shop_order_customer ON shop_order (shop_id, mode, customer_key, ordered_at{more})
WHERE customer_key IS NOT NULL"""


def upgrade() -> None:
    """Add the copies, fill them, keep them filled; let a customer's earlier orders be found in the index alone."""
    op.execute("ALTER TABLE order_token ADD link_id uuid, ADD ts timestamptz, ADD visitor_id bytea")
    op.execute("ALTER TABLE order_token DISABLE TRIGGER order_token_append_only")
    op.execute(
        "UPDATE order_token k SET link_id = t.link_id, ts = t.ts, visitor_id = t.visitor_id"
        " FROM touch t, shop_order o WHERE t.id = k.touch_id AND o.id = k.order_id AND o.shop_id = t.shop_id"
    )
    op.execute("ALTER TABLE order_token ENABLE ALWAYS TRIGGER order_token_append_only")
    op.execute(FUNCTION)
    op.execute("REVOKE ALL ON FUNCTION order_token_proves() FROM PUBLIC")
    op.execute(
        "CREATE TRIGGER order_token_proves BEFORE INSERT ON order_token"
        " FOR EACH ROW EXECUTE FUNCTION order_token_proves()"
    )
    op.execute("ALTER TABLE order_token ENABLE ALWAYS TRIGGER order_token_proves")
    op.execute("DROP INDEX ix_shop_order_customer")
    op.execute(CUSTOMER.format(more=", id"))


def downgrade() -> None:
    """Take the copies away, and id out of the index."""
    op.execute("DROP INDEX ix_shop_order_customer")
    op.execute(CUSTOMER.format(more=""))
    op.execute("DROP TRIGGER order_token_proves ON order_token")
    op.execute("DROP FUNCTION order_token_proves()")
    op.execute("ALTER TABLE order_token DROP link_id, DROP ts, DROP visitor_id")
