"""Funding and accrual: shops' payments, and which moves of commissions are in the books.

Locks: none that anybody waits for; every table is new.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant, grant_execute

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE funding (
  id uuid NOT NULL CONSTRAINT pk_funding PRIMARY KEY,
  shop_id uuid NOT NULL CONSTRAINT fk_funding_shop_id_shop REFERENCES shop,
  amount_minor bigint NOT NULL CONSTRAINT ck_funding_amount CHECK (amount_minor > 0),
  currency char(3) NOT NULL,
  state text NOT NULL CONSTRAINT ck_funding_state CHECK (state IN ('planned', 'open', 'paid', 'expired', 'failed')),
  actor text NOT NULL,
  stripe_session_id text CONSTRAINT uq_funding_stripe_session_id UNIQUE,
  stripe_payment_intent text CONSTRAINT uq_funding_stripe_payment_intent UNIQUE,
  url text,
  entry_id bigint CONSTRAINT fk_funding_entry_id_entry REFERENCES entry,
  planned_at timestamptz NOT NULL, paid_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_funding_paid_is_posted CHECK ((state = 'paid') = (entry_id IS NOT NULL))
);
CREATE INDEX ix_funding_shop_id_id ON funding (shop_id, id);
CREATE TABLE accrual (
  move_id uuid NOT NULL CONSTRAINT pk_accrual PRIMARY KEY
    CONSTRAINT fk_accrual_move_id_commission_move REFERENCES commission_move,
  commission_id uuid NOT NULL CONSTRAINT fk_accrual_commission_id_commission REFERENCES commission,
  seq integer NOT NULL,
  kind text NOT NULL CONSTRAINT ck_accrual_kind CHECK (kind IN ('earned', 'approved', 'declined', 'reversed')),
  -- Copies of the commission's own, which refers to shop and adviser; an invariant compares them.
  shop_id uuid NOT NULL, adviser_id uuid NOT NULL,
  currency char(3) NOT NULL,
  entry_id bigint CONSTRAINT fk_accrual_entry_id_entry REFERENCES entry,
  funded boolean NOT NULL,
  funded_entry_id bigint CONSTRAINT fk_accrual_funded_entry_id_entry REFERENCES entry,
  commission_minor bigint NOT NULL, fee_minor bigint NOT NULL,
  unfunded_commission_minor bigint NOT NULL, unfunded_fee_minor bigint NOT NULL,
  posted_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_accrual_commission_id_seq UNIQUE (commission_id, seq),
  CONSTRAINT ck_accrual_funded_is_whole
    CHECK (funded = (unfunded_commission_minor = 0 AND unfunded_fee_minor = 0)),
  CONSTRAINT ck_accrual_funded_once CHECK (NOT funded OR funded_entry_id IS NULL),
  CONSTRAINT ck_accrual_posted CHECK (entry_id IS NOT NULL OR (commission_minor = 0 AND fee_minor = 0 AND funded))
);
CREATE INDEX ix_accrual_waiting ON accrual (shop_id, currency, move_id) WHERE NOT funded AND funded_entry_id IS NULL;
CREATE INDEX ix_accrual_adviser_id_move_id ON accrual (adviser_id, move_id)
"""

# Only the end of the wait is ever written again, and once.
KEPT = """
CREATE FUNCTION accrual_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.funded_entry_id IS NOT NULL OR to_jsonb(OLD) - 'funded_entry_id' <> to_jsonb(NEW) - 'funded_entry_id' THEN
    RAISE EXCEPTION 'UPDATE on accrual is refused: its rows are history' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accrual_kept BEFORE UPDATE ON accrual FOR EACH ROW EXECUTE FUNCTION accrual_kept();
ALTER TABLE accrual ENABLE ALWAYS TRIGGER accrual_kept;
CREATE TRIGGER accrual_not_removed BEFORE DELETE OR TRUNCATE ON accrual
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE accrual ENABLE ALWAYS TRIGGER accrual_not_removed
"""

# What is taken back of a commission can never be more than was earned, whatever a program asks for.
WITHIN = """
CREATE FUNCTION accrual_within() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  standing record;
BEGIN
  SELECT sum(a.commission_minor) AS commission, sum(a.fee_minor) AS fee,
         sum(a.unfunded_commission_minor) FILTER (WHERE a.funded_entry_id IS NULL) AS unfunded_commission,
         sum(a.unfunded_fee_minor) FILTER (WHERE a.funded_entry_id IS NULL) AS unfunded_fee
    INTO standing FROM accrual a WHERE a.commission_id = NEW.commission_id;
  IF standing.commission < 0 OR standing.fee < 0
     OR standing.unfunded_commission < 0 OR standing.unfunded_fee < 0 THEN
    RAISE EXCEPTION 'commission % would be reversed beyond what it earned', NEW.commission_id
      USING ERRCODE = '23514', TABLE = 'accrual', CONSTRAINT = 'accrual_within';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER accrual_within AFTER INSERT ON accrual DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (least(NEW.commission_minor, NEW.fee_minor, NEW.unfunded_commission_minor, NEW.unfunded_fee_minor) < 0)
  EXECUTE FUNCTION accrual_within();
ALTER TABLE accrual ENABLE ALWAYS TRIGGER accrual_within;
CREATE CONSTRAINT TRIGGER accrual_settled_within AFTER UPDATE ON accrual DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION accrual_within();
ALTER TABLE accrual ENABLE ALWAYS TRIGGER accrual_settled_within
"""

# The queue is what tracking wrote and nobody posted. An approval waits, and is not due, as long as the shop's budget
# does not pay for all of the commission.
QUEUE = """
CREATE VIEW accrual_unposted AS
SELECT m.id AS move_id, m.commission_id, m.seq, m.kind, c.shop_id, c.adviser_id, m.currency,
       m.kind = 'approved' AND EXISTS (
         SELECT FROM accrual w
          WHERE w.commission_id = m.commission_id AND NOT w.funded AND w.funded_entry_id IS NULL) AS awaits_shop
  FROM commission_move m JOIN commission c ON c.id = m.commission_id
 WHERE c.mode = 'live' AND NOT EXISTS (SELECT FROM accrual a WHERE a.move_id = m.id);
CREATE FUNCTION accrual_claim(wanted integer, since uuid DEFAULT NULL) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT c.id FROM commission c
     WHERE c.id IN (SELECT u.commission_id FROM accrual_unposted u
                     WHERE NOT u.awaits_shop AND (since IS NULL OR u.move_id >= since))
     ORDER BY c.id LIMIT wanted FOR NO KEY UPDATE SKIP LOCKED;
END $$
"""


def upgrade() -> None:
    """Create funding and accrual."""
    for block in (TABLES, KEPT, WITHIN, QUEUE):
        op.execute(block)
    op.execute("REVOKE ALL ON FUNCTION accrual_within() FROM PUBLIC")
    grant(op, "app", "SELECT, INSERT", "funding")
    op.execute("GRANT UPDATE (state, stripe_session_id, url) ON funding TO aanrader_app")
    grant(op, "worker", "SELECT, INSERT, UPDATE", "funding")
    grant(op, "app", "SELECT", "accrual", "accrual_unposted")
    grant(op, "worker", "SELECT, INSERT", "accrual")
    grant(op, "worker", "SELECT", "accrual_unposted")
    op.execute("GRANT UPDATE (funded_entry_id) ON accrual TO aanrader_worker")
    grant_execute(op, "worker", "accrual_claim(integer, uuid)")


def downgrade() -> None:
    """Drop funding and accrual, with everything in them."""
    op.execute("DROP FUNCTION accrual_claim(integer, uuid)")
    op.execute("DROP VIEW accrual_unposted")
    op.execute("DROP TABLE accrual")
    op.execute("DROP TABLE funding")
    op.execute("DROP FUNCTION accrual_within()")
    op.execute("DROP FUNCTION accrual_kept()")
