"""Claims of missing orders and what was said in them; and how a shop answers claims, for advisers who choose.

An adviser sees no other adviser's claims, so a function of the owner tells a shop's median time to answer and how many
claims it left without an answer; below three in a year it tells nothing.

Locks: SHARE ROW EXCLUSIVE on shop, adviser and shop_order while foreign keys to them are made, an instant.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant, grant_execute
from migrations.row_security import adviser, either, enable, permit, role, shop

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

OF_BOTH = either(shop(), adviser(), role("finance", "admin", "watch"))
# Each side leads a claim only where it may: an adviser can't answer their own, a shop can't end one for the adviser.
CHANGED = either(
    f"{shop()} AND state IN ('found', 'refused')",
    f"{adviser()} AND state = 'withdrawn'",
    f"{role('admin')} AND state IN ('open', 'closed')",
)
TOLD_BY = either(
    f"{adviser()} AND party = 'adviser'",
    f"{shop()} AND party = 'shop'",
    f"{role('admin')} AND party = 'platform'",
)

TABLES = """
CREATE TABLE claim (
  id uuid NOT NULL CONSTRAINT pk_claim PRIMARY KEY,
  shop_id uuid NOT NULL CONSTRAINT fk_claim_shop_id_shop REFERENCES shop,
  adviser_id uuid NOT NULL CONSTRAINT fk_claim_adviser_id_adviser REFERENCES adviser,
  bought_on date NOT NULL,
  order_ref text,
  currency char(3), amount_minor bigint,
  state text NOT NULL,
  claimed_at timestamptz NOT NULL, answer_by timestamptz NOT NULL,
  ended_by text, ended_at timestamptz, due_at timestamptz,
  last_seq integer NOT NULL,
  order_id uuid CONSTRAINT fk_claim_order_id_shop_order REFERENCES shop_order,
  found_ref text, ordered_at timestamptz, reported_at timestamptz,
  CONSTRAINT uq_claim_adviser_id_shop_id_order_ref UNIQUE (adviser_id, shop_id, order_ref),
  CONSTRAINT ck_claim_state CHECK (state IN ('open', 'escalated', 'found', 'refused', 'withdrawn', 'closed')),
  CONSTRAINT ck_claim_ended_by CHECK (ended_by IN ('adviser', 'shop', 'platform', 'clock')),
  CONSTRAINT ck_claim_ended
    CHECK ((state IN ('open', 'escalated')) = (ended_at IS NULL) AND (ended_by IS NULL) = (ended_at IS NULL)),
  CONSTRAINT ck_claim_found CHECK ((state = 'found') = (order_id IS NOT NULL)
    AND (order_id IS NULL) = (found_ref IS NULL) AND (order_id IS NULL) = (ordered_at IS NULL)
    AND (order_id IS NULL) = (reported_at IS NULL)),
  CONSTRAINT ck_claim_amount
    CHECK ((amount_minor IS NULL) = (currency IS NULL) AND (amount_minor IS NULL OR amount_minor > 0)),
  CONSTRAINT ck_claim_order_ref CHECK (order_ref <> '')
);
CREATE INDEX ix_claim_due ON claim (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_claim_open ON claim (shop_id, order_ref) WHERE state IN ('open', 'escalated');
CREATE INDEX ix_claim_shop_page ON claim (shop_id, claimed_at, id);
CREATE INDEX ix_claim_adviser_page ON claim (adviser_id, claimed_at, id);
CREATE TABLE claim_event (
  id uuid NOT NULL CONSTRAINT pk_claim_event PRIMARY KEY,
  claim_id uuid NOT NULL CONSTRAINT fk_claim_event_claim_id_claim REFERENCES claim,
  shop_id uuid NOT NULL CONSTRAINT fk_claim_event_shop_id_shop REFERENCES shop,
  adviser_id uuid NOT NULL CONSTRAINT fk_claim_event_adviser_id_adviser REFERENCES adviser,
  seq integer NOT NULL,
  kind text NOT NULL,
  party text NOT NULL,
  reason text, statement text,
  until timestamptz,
  at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_claim_event_claim_id_seq UNIQUE (claim_id, seq),
  CONSTRAINT ck_claim_event_seq CHECK (seq >= 1 AND (seq = 1) = (kind = 'claimed')),
  CONSTRAINT ck_claim_event_kind CHECK ((kind, party) IN (('claimed', 'adviser'), ('found', 'shop'),
    ('found', 'clock'), ('refused', 'shop'), ('withdrawn', 'adviser'), ('escalated', 'clock'),
    ('asked', 'platform'), ('closed', 'platform'))),
  CONSTRAINT ck_claim_event_until CHECK ((until IS NOT NULL) = (kind IN ('claimed', 'asked')) AND until > at),
  CONSTRAINT ck_claim_event_reason CHECK ((reason IS NOT NULL) = (kind = 'refused'))
)
"""

# What somebody claimed stays; a state only goes on; what ended has ended; and what was found is an order of that shop.
KEPT = """
CREATE FUNCTION claim_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.shop_id, OLD.adviser_id, OLD.bought_on, OLD.order_ref, OLD.currency, OLD.amount_minor, OLD.claimed_at)
     IS DISTINCT FROM (NEW.id, NEW.shop_id, NEW.adviser_id, NEW.bought_on, NEW.order_ref, NEW.currency,
      NEW.amount_minor, NEW.claimed_at)
     OR OLD.ended_at IS NOT NULL
        AND (OLD.answer_by, OLD.ended_by, OLD.ended_at, OLD.order_id, OLD.found_ref, OLD.ordered_at, OLD.reported_at)
        IS DISTINCT FROM (NEW.answer_by, NEW.ended_by, NEW.ended_at, NEW.order_id, NEW.found_ref, NEW.ordered_at,
         NEW.reported_at)
     OR NEW.answer_by < OLD.answer_by OR NEW.last_seq < OLD.last_seq THEN
    RAISE EXCEPTION 'UPDATE on claim % is refused: that part of it is history', OLD.id USING ERRCODE = '42501';
  END IF;
  IF NEW.state <> OLD.state AND NOT (
       OLD.state = 'open' AND NEW.state IN ('escalated', 'found', 'refused', 'withdrawn')
       OR OLD.state = 'escalated' AND NEW.state IN ('open', 'found', 'refused', 'withdrawn', 'closed')) THEN
    RAISE EXCEPTION 'claim % is % and can not become %', OLD.id, OLD.state, NEW.state USING ERRCODE = '23514';
  END IF;
  IF NEW.order_id IS NOT NULL AND OLD.order_id IS NULL AND NOT EXISTS (
       SELECT FROM shop_order o WHERE o.id = NEW.order_id AND o.shop_id = NEW.shop_id AND o.mode = 'live'
          AND o.order_ref = NEW.found_ref AND o.ordered_at = NEW.ordered_at AND o.received_at = NEW.reported_at) THEN
    RAISE EXCEPTION 'claim % can not be found as an order that is none of its shop', OLD.id USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER claim_kept BEFORE UPDATE ON claim FOR EACH ROW EXECUTE FUNCTION claim_kept();
ALTER TABLE claim ENABLE ALWAYS TRIGGER claim_kept;
CREATE TRIGGER claim_not_removed BEFORE DELETE OR TRUNCATE ON claim FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE claim ENABLE ALWAYS TRIGGER claim_not_removed
"""

SIGNATURE = "claim_record(uuid[], timestamptz)"
# An order that the shop reports without a word answers its claim too. What was withdrawn in time was due no answer.
RECORD = """
CREATE FUNCTION claim_record(shops uuid[], asked_at timestamptz)
RETURNS TABLE (shop_id uuid, claims bigint, median_days integer, unanswered bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.shop_id, count(*),
    (percentile_disc(0.5) WITHIN GROUP (ORDER BY greatest(ceil(extract(epoch FROM a.answered_at - a.claimed_at) / 86400), 1))
      FILTER (WHERE a.answered_at IS NOT NULL))::integer,
    count(*) FILTER (WHERE a.answered_at IS NULL)
  FROM (
    SELECT c.shop_id, c.claimed_at, min(e.at) FILTER (WHERE e.kind IN ('found', 'refused')) AS answered_at,
      bool_or(e.kind = 'escalated') AS was_late
    FROM claim c JOIN claim_event e ON e.claim_id = c.id
    WHERE c.shop_id = ANY (claim_record.shops) AND c.claimed_at > claim_record.asked_at - interval '365 days'
    GROUP BY c.id) a
  WHERE a.answered_at IS NOT NULL OR a.was_late
  GROUP BY a.shop_id HAVING count(*) >= 3
$$
"""


def upgrade() -> None:
    """Create the tables, and let the web role ask how shops answer."""
    for block in (TABLES, KEPT, RECORD):
        op.execute(block)
    append_only(op, "claim_event")
    enable(op, "claim", "claim_event")
    moved = (
        "state, answer_by, ended_by, ended_at, due_at, last_seq, order_id, found_ref, ordered_at, reported_at"
    )
    for login in ("app", "worker"):
        grant(op, login, "SELECT, INSERT", "claim", "claim_event")
        grant(op, login, f"UPDATE ({moved})", "claim")
    for table in ("claim", "claim_event"):
        permit(op, table, "app", "select", OF_BOTH)
        permit(op, table, "worker", "all", "true")
    permit(op, "claim", "app", "insert", check=f"{adviser()} AND state = 'open'")
    permit(op, "claim", "app", "update", either(shop(), adviser(), role("admin")), CHANGED)
    permit(op, "claim_event", "app", "insert", check=TOLD_BY)
    grant_execute(op, "app", SIGNATURE)


def downgrade() -> None:
    """Forget all claims."""
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    op.execute("DROP TABLE claim_event, claim")
    op.execute("DROP FUNCTION claim_kept()")
