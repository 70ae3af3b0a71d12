"""Disputes about declined commissions, their terms and events; and the move by which a commission stands again.

Locks: ACCESS EXCLUSIVE on commission_move and accrual while each is read once for its wider check and commission_move
once for its index; SHARE ROW EXCLUSIVE on commission, shop and adviser while foreign keys to them are made, an instant.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant
from migrations.row_security import adviser, either, enable, permit, role, shop

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

OF_BOTH = either(shop(), adviser(), role("finance", "admin", "watch"))
# Who changes a dispute: the worker too, by the clock. An adviser can never write down a win of their own.
CHANGED = either(shop(), role("admin"), f"{adviser()} AND outcome IS DISTINCT FROM 'adviser'")
TOLD_BY = either(
    f"{adviser()} AND party = 'adviser'",
    f"{shop()} AND party = 'shop'",
    f"{role('admin')} AND party = 'platform'",
)

TABLES = """
CREATE TABLE dispute_policy (
  id uuid NOT NULL CONSTRAINT pk_dispute_policy PRIMARY KEY,
  version bigint NOT NULL CONSTRAINT uq_dispute_policy_version UNIQUE,
  effective_from timestamptz NOT NULL,
  open_days bigint NOT NULL, answer_days bigint NOT NULL, escalate_days bigint NOT NULL,
  silence_limits jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_dispute_policy_days
    CHECK (open_days BETWEEN 1 AND 366 AND answer_days BETWEEN 1 AND 366 AND escalate_days BETWEEN 1 AND 366),
  CONSTRAINT ck_dispute_policy_silence_limits CHECK (jsonb_typeof(silence_limits) = 'object')
);
-- The first terms: in whole minor units, EUR 250.00 is the most that silence of a shop decides about.
INSERT INTO dispute_policy (id, version, effective_from, open_days, answer_days, escalate_days, silence_limits)
VALUES ('00000000-0000-7000-8000-000000000002', 1, '2000-01-01 00\\:00\\:00+00', 30, 14, 7, '{"EUR"\\: 25000}');
CREATE TABLE dispute (
  id uuid NOT NULL CONSTRAINT pk_dispute PRIMARY KEY,
  commission_id uuid NOT NULL CONSTRAINT uq_dispute_commission_id UNIQUE,
  shop_id uuid NOT NULL CONSTRAINT fk_dispute_shop_id_shop REFERENCES shop,
  adviser_id uuid NOT NULL CONSTRAINT fk_dispute_adviser_id_adviser REFERENCES adviser,
  policy_id uuid NOT NULL CONSTRAINT fk_dispute_policy_id_dispute_policy REFERENCES dispute_policy,
  currency char(3) NOT NULL,
  amount_minor bigint NOT NULL,
  state text NOT NULL,
  outcome text, ended_by text,
  opened_at timestamptz NOT NULL, answer_by timestamptz NOT NULL, escalate_by timestamptz, ended_at timestamptz,
  due_at timestamptz,
  last_seq integer NOT NULL, told_seq integer NOT NULL DEFAULT 0,
  money text, reinstated_minor bigint, settled_at timestamptz,
  CONSTRAINT fk_dispute_commission_id_commission
    FOREIGN KEY (commission_id, currency) REFERENCES commission (id, currency),
  CONSTRAINT ck_dispute_amount CHECK (amount_minor > 0),
  CONSTRAINT ck_dispute_state
    CHECK (state IN ('open', 'rejected', 'escalated', 'decided', 'withdrawn', 'closed')),
  CONSTRAINT ck_dispute_outcome CHECK (outcome IN ('adviser', 'shop')),
  CONSTRAINT ck_dispute_ended_by CHECK (ended_by IN ('adviser', 'shop', 'platform', 'silence')),
  CONSTRAINT ck_dispute_ended CHECK ((state IN ('decided', 'withdrawn', 'closed')) = (outcome IS NOT NULL)
    AND (outcome IS NULL) = (ended_by IS NULL) AND (outcome IS NULL) = (ended_at IS NULL)),
  CONSTRAINT ck_dispute_won CHECK (state = 'decided' OR outcome IS DISTINCT FROM 'adviser'),
  CONSTRAINT ck_dispute_money CHECK (money IN ('reinstated', 'nothing_remains', 'attributed_to_somebody_else')),
  CONSTRAINT ck_dispute_settled CHECK ((money IS NULL) = (settled_at IS NULL)
    AND coalesce(money = 'reinstated', false) = (reinstated_minor IS NOT NULL)
    AND (money IS NULL OR outcome IS NOT DISTINCT FROM 'adviser')),
  CONSTRAINT ck_dispute_reinstated CHECK (reinstated_minor > 0),
  CONSTRAINT ck_dispute_told CHECK (told_seq BETWEEN 0 AND last_seq)
);
CREATE INDEX ix_dispute_due ON dispute (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_dispute_untold ON dispute (id) WHERE told_seq < last_seq;
CREATE INDEX ix_dispute_shop_page ON dispute (shop_id, opened_at, id);
CREATE INDEX ix_dispute_adviser_page ON dispute (adviser_id, opened_at, id);
CREATE TABLE dispute_event (
  id uuid NOT NULL CONSTRAINT pk_dispute_event PRIMARY KEY,
  dispute_id uuid NOT NULL CONSTRAINT fk_dispute_event_dispute_id_dispute REFERENCES dispute,
  shop_id uuid NOT NULL CONSTRAINT fk_dispute_event_shop_id_shop REFERENCES shop,
  adviser_id uuid NOT NULL CONSTRAINT fk_dispute_event_adviser_id_adviser REFERENCES adviser,
  seq integer NOT NULL,
  kind text NOT NULL,
  party text NOT NULL,
  outcome text,
  reason text, statement text,
  links jsonb NOT NULL DEFAULT '[]',
  at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_dispute_event_dispute_id_seq UNIQUE (dispute_id, seq),
  CONSTRAINT ck_dispute_event_seq CHECK (seq >= 1 AND (seq = 1) = (kind = 'opened')),
  CONSTRAINT ck_dispute_event_kind CHECK ((kind, party) IN (('opened', 'adviser'), ('accepted', 'shop'),
    ('rejected', 'shop'), ('escalated', 'adviser'), ('escalated', 'clock'), ('withdrawn', 'adviser'),
    ('decided', 'platform'), ('decided', 'clock'), ('closed', 'clock'))),
  CONSTRAINT ck_dispute_event_outcome
    CHECK ((outcome IS NULL OR outcome IN ('adviser', 'shop')) AND (kind = 'decided') = (outcome IS NOT NULL))
)
"""

# What somebody asked for, by whom and about what stays; a state only goes on; what ended has ended, and what it moved is
# written down once.
KEPT = """
CREATE FUNCTION dispute_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.commission_id, OLD.shop_id, OLD.adviser_id, OLD.policy_id, OLD.currency, OLD.amount_minor,
      OLD.opened_at, OLD.answer_by)
     IS DISTINCT FROM (NEW.id, NEW.commission_id, NEW.shop_id, NEW.adviser_id, NEW.policy_id, NEW.currency,
      NEW.amount_minor, NEW.opened_at, NEW.answer_by)
     OR OLD.escalate_by IS NOT NULL AND OLD.escalate_by IS DISTINCT FROM NEW.escalate_by
     OR OLD.outcome IS NOT NULL
        AND (OLD.outcome, OLD.ended_by, OLD.ended_at) IS DISTINCT FROM (NEW.outcome, NEW.ended_by, NEW.ended_at)
     OR OLD.money IS NOT NULL AND (OLD.money, OLD.reinstated_minor, OLD.settled_at)
        IS DISTINCT FROM (NEW.money, NEW.reinstated_minor, NEW.settled_at)
     OR NEW.last_seq < OLD.last_seq OR NEW.told_seq < OLD.told_seq THEN
    RAISE EXCEPTION 'UPDATE on dispute % is refused: that part of it is history', OLD.id USING ERRCODE = '42501';
  END IF;
  IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
       ('open', 'rejected'), ('open', 'escalated'), ('open', 'decided'), ('open', 'withdrawn'),
       ('rejected', 'escalated'), ('rejected', 'withdrawn'), ('rejected', 'closed'),
       ('escalated', 'decided'), ('escalated', 'withdrawn')) THEN
    RAISE EXCEPTION 'dispute % is % and can not become %', OLD.id, OLD.state, NEW.state USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER dispute_kept BEFORE UPDATE ON dispute FOR EACH ROW EXECUTE FUNCTION dispute_kept();
ALTER TABLE dispute ENABLE ALWAYS TRIGGER dispute_kept;
CREATE TRIGGER dispute_not_removed BEFORE DELETE OR TRUNCATE ON dispute
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE dispute ENABLE ALWAYS TRIGGER dispute_not_removed
"""

# After a decline only a reinstatement, and that only then; after an approval nothing that grows, and no decline. That
# there is one of each kind at most is the unique index's.
FOLLOWS = """
CREATE OR REPLACE FUNCTION commission_move_follows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last commission_move;
BEGIN
  SELECT * INTO last FROM commission_move WHERE commission_id = NEW.commission_id ORDER BY seq DESC LIMIT 1;
  IF NEW.seq <> coalesce(last.seq, 0) + 1
     OR NEW.standing_minor <> coalesce(last.standing_minor, 0) + NEW.delta_minor THEN
    RAISE EXCEPTION 'move % of commission % does not follow from the one before', NEW.seq, NEW.commission_id
      USING ERRCODE = '23514';
  END IF;
  IF (NEW.kind = 'reinstated') <> coalesce(last.kind = 'declined', false)
     OR NEW.kind IN ('earned', 'declined') AND EXISTS (
       SELECT FROM commission_move m WHERE m.commission_id = NEW.commission_id
          AND (m.kind = 'approved' OR (m.kind = 'reinstated' AND NEW.kind = 'declined'))) THEN
    RAISE EXCEPTION 'commission % can not take a move %', NEW.commission_id, NEW.kind USING ERRCODE = '23514';
  END IF;
  IF NEW.kind = 'approved' AND NEW.standing_minor = 0 THEN
    RAISE EXCEPTION 'commission % has nothing to approve', NEW.commission_id USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$
"""
FOLLOWS_BEFORE = """
CREATE OR REPLACE FUNCTION commission_move_follows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last commission_move;
BEGIN
  SELECT * INTO last FROM commission_move WHERE commission_id = NEW.commission_id ORDER BY seq DESC LIMIT 1;
  IF NEW.seq <> coalesce(last.seq, 0) + 1
     OR NEW.standing_minor <> coalesce(last.standing_minor, 0) + NEW.delta_minor THEN
    RAISE EXCEPTION 'move % of commission % does not follow from the one before', NEW.seq, NEW.commission_id
      USING ERRCODE = '23514';
  END IF;
  IF EXISTS (SELECT FROM commission_move m WHERE m.commission_id = NEW.commission_id
             AND (m.kind = 'declined' OR (m.kind = 'approved' AND NEW.kind = 'earned'))) THEN
    RAISE EXCEPTION 'commission % can not take a move %', NEW.commission_id, NEW.kind USING ERRCODE = '23514';
  END IF;
  IF NEW.kind = 'approved' AND NEW.standing_minor = 0 THEN
    RAISE EXCEPTION 'commission % has nothing to approve', NEW.commission_id USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$
"""
KINDS = """
ALTER TABLE commission_move DROP CONSTRAINT ck_commission_move_kind,
  ADD CONSTRAINT ck_commission_move_kind CHECK (CASE kind WHEN 'earned' THEN delta_minor > 0
    WHEN 'approved' THEN delta_minor = 0 WHEN 'declined' THEN delta_minor < 0 AND standing_minor = 0
    WHEN 'reversed' THEN delta_minor < 0 {reinstated}ELSE false END);
DROP INDEX uq_commission_move_verdict;
CREATE UNIQUE INDEX uq_commission_move_verdict ON commission_move ({verdict});
ALTER TABLE accrual DROP CONSTRAINT ck_accrual_kind,
  ADD CONSTRAINT ck_accrual_kind CHECK (kind IN ('earned', 'approved', 'declined', 'reversed'{kind}))
"""
WIDER = KINDS.format(
    reinstated="WHEN 'reinstated' THEN delta_minor > 0 AND standing_minor = delta_minor ",
    verdict="commission_id, kind) WHERE kind IN ('approved', 'declined', 'reinstated'",
    kind=", 'reinstated'",
)
NARROWER = KINDS.format(
    reinstated="", verdict="commission_id) WHERE kind IN ('approved', 'declined'", kind=""
)
REFUSE = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM commission_move WHERE kind = 'reinstated') THEN
    RAISE EXCEPTION 'commissions were reinstated: their moves are history and can not be taken back';
  END IF;
END $$
"""
# Only the worker reinstates, after a dispute that was won.
INSERTED = (
    "ALTER POLICY commission_move_app_insert ON commission_move WITH CHECK ({only}EXISTS (SELECT FROM commission c"
    f" WHERE c.id = commission_move.commission_id AND {shop('c.shop_id')}))"
)


def upgrade() -> None:
    """Create the tables, and let a commission that was declined stand again."""
    for block in (TABLES, KEPT, WIDER, FOLLOWS):
        op.execute(block)
    append_only(op, "dispute_policy", "dispute_event")
    grant(op, "app", "SELECT", "dispute_policy")
    grant(op, "worker", "SELECT, INSERT", "dispute_policy")
    enable(op, "dispute", "dispute_event")
    for table in ("dispute", "dispute_event"):
        grant(op, "app", "SELECT, INSERT", table)
        grant(op, "worker", "SELECT, INSERT", table)
        permit(op, table, "app", "select", OF_BOTH)
        permit(op, table, "worker", "all", "true")
    moved = "state, outcome, ended_by, escalate_by, ended_at, due_at, last_seq"
    grant(op, "app", f"UPDATE ({moved})", "dispute")
    grant(op, "worker", f"UPDATE ({moved}, told_seq, money, reinstated_minor, settled_at)", "dispute")
    permit(op, "dispute", "app", "insert", check=f"{adviser()} AND state = 'open' AND told_seq = 0")
    permit(op, "dispute", "app", "update", either(shop(), adviser(), role("admin")), CHANGED)
    permit(op, "dispute_event", "app", "insert", check=TOLD_BY)
    op.execute(INSERTED.format(only="kind <> 'reinstated' AND "))


def downgrade() -> None:
    """Make a decline final again; refused once one was not."""
    op.execute(REFUSE)
    op.execute(INSERTED.format(only=""))
    op.execute(FOLLOWS_BEFORE)
    op.execute(NARROWER)
    op.execute("DROP TABLE dispute_event, dispute, dispute_policy")
    op.execute("DROP FUNCTION dispute_kept()")
