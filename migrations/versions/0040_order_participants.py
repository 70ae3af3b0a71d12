"""Who took part in an order, decision by decision: who won it, and who lost it by which rule.

Advisers' orders were found by reading the receipts of all decisions, because PostgreSQL uses no index for a jsonb
operator below a policy. A trigger writes the same as rows, in the statement that writes the decision. So the policies of
orders and decisions ask by key, and an adviser's lists are read newest first from an index.

Locks: SHARE ROW EXCLUSIVE on `attribution` (and for an instant on `adviser` and `shop`) while the rows of all decisions
are written, some 10 s for a million decisions; then ACCESS EXCLUSIVE on `attribution` and `shop_order` for an instant.
"""

from __future__ import annotations

import importlib
from typing import Any

from alembic import op

from migrations.grants import append_only, grant
from migrations.row_security import ADVISER, adviser, either, enable, permit, role, shop

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE order_participant (
  order_id uuid NOT NULL,
  adviser_id uuid NOT NULL,
  n bigint NOT NULL,
  shop_id uuid NOT NULL,
  result text NOT NULL,
  ordered_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL)
"""
# Made once the table is full: keys of a million rows are then checked at once and not one by one.
KEYS = """
ALTER TABLE order_participant
  ADD CONSTRAINT pk_order_participant PRIMARY KEY (order_id, adviser_id, n),
  ADD CONSTRAINT fk_order_participant_order_id_attribution FOREIGN KEY (order_id, n)
    REFERENCES attribution (order_id, n),
  ADD CONSTRAINT fk_order_participant_adviser_id_adviser FOREIGN KEY (adviser_id) REFERENCES adviser (id),
  ADD CONSTRAINT fk_order_participant_shop_id_shop FOREIGN KEY (shop_id) REFERENCES shop (id);
CREATE INDEX ix_order_participant_received ON order_participant (adviser_id, received_at, order_id);
CREATE INDEX ix_order_participant_lost ON order_participant (adviser_id, ordered_at, order_id) WHERE result <> 'won'
"""
# What the receipts of some decisions say.
NAMED = """
INSERT INTO order_participant (order_id, adviser_id, n, shop_id, result, ordered_at, received_at)
SELECT d.order_id, t.adviser_id, d.n, d.shop_id, t.result, o.ordered_at, o.received_at
  FROM {decisions} d
  {with_orders}
  CROSS JOIN LATERAL (
    SELECT d.adviser_id, 'won' WHERE d.adviser_id IS NOT NULL
    UNION ALL
    SELECT CAST(x ->> 'adviser_id' AS uuid), x ->> 'reason' FROM jsonb_array_elements(d.receipt -> 'others') x
  ) t (adviser_id, result)
"""
ALL_AT_ONCE = "JOIN shop_order o ON o.id = d.order_id"
# By key, whatever the planner believed of that table when the session began.
BY_KEY = "CROSS JOIN LATERAL (SELECT s.ordered_at, s.received_at FROM shop_order s WHERE s.id = d.order_id OFFSET 0) o"
TRIGGER = f"""
CREATE FUNCTION order_participant_named() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
  {NAMED.format(decisions="new_decision", with_orders=BY_KEY).strip()};
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION order_participant_named() FROM PUBLIC;
CREATE TRIGGER order_participant_named AFTER INSERT ON attribution REFERENCING NEW TABLE AS new_decision
  FOR EACH STATEMENT EXECUTE FUNCTION order_participant_named();
ALTER TABLE attribution ENABLE ALWAYS TRIGGER order_participant_named
"""
# A commission is opened only for somebody who won a decision, so nothing else has to be asked.
TOOK_PART = """
CREATE OR REPLACE FUNCTION adviser_took_part(an_order uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  me uuid := CAST(nullif(current_setting('app.adviser_id', true), '') AS uuid);
BEGIN
  RETURN EXISTS (SELECT FROM order_participant p WHERE p.order_id = an_order AND p.adviser_id = me);
END $$
"""
PLATFORM = role("finance", "admin", "watch")
OF_SHOP = either(shop(), PLATFORM)
OF_BOTH = either(shop(), adviser(), PLATFORM)
PARTICIPANT = (
    f"{ADVISER} IS NOT NULL AND EXISTS"
    f" (SELECT FROM order_participant p WHERE p.order_id = {{column}} AND {adviser('p.adviser_id')})"
)
# Who took part in an order sees the order and all decisions about it: also the one that stands and names them no more.
SEEN = {"shop_order": "shop_order.id", "attribution": "attribution.order_id"}


def _of(name: str) -> Any:
    return importlib.import_module(f"migrations.versions.{name}")


def upgrade() -> None:
    """Write who took part in every order, from now on with each decision, and let advisers see orders by it."""
    op.execute(TABLE)
    # From here on no decision is made until the end, so that none is left out.
    op.execute(TRIGGER)
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.execute(NAMED.format(decisions="attribution", with_orders=ALL_AT_ONCE))
    op.execute(KEYS)
    append_only(op, "order_participant")
    grant(op, "app", "SELECT", "order_participant")
    grant(op, "worker", "SELECT", "order_participant")
    enable(op, "order_participant")
    permit(op, "order_participant", "app", "select", OF_BOTH)
    permit(op, "order_participant", "worker", "all", "true")
    op.execute(TOOK_PART)
    for table, column in SEEN.items():
        using = either(OF_SHOP, PARTICIPANT.format(column=column))
        op.execute(f"ALTER POLICY {table}_app_select ON {table} USING ({using})")


def downgrade() -> None:
    """Find out who took part from receipts again; they hold all of it."""
    before = _of("0012_row_level_security")
    used = {table: using for table, kind, using, _ in before.APP if kind == "select"}
    for table in SEEN:
        op.execute(f"ALTER POLICY {table}_app_select ON {table} USING ({used[table]})")
    took_part = before.ADVISERS_ORDERS.split("CREATE FUNCTION adviser_sees_refund")[0]
    op.execute(took_part.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    op.execute("DROP TRIGGER order_participant_named ON attribution")
    op.execute("DROP FUNCTION order_participant_named()")
    op.execute("DROP TABLE order_participant")
