"""Settlement: payout accounts, Stripe's events and movements, runs and payouts with their promises, reconciliation.

Locks: none that anybody waits for; every table is new.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant, grant_execute

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE payout_account (
  id uuid NOT NULL CONSTRAINT pk_payout_account PRIMARY KEY,
  adviser_id uuid NOT NULL CONSTRAINT fk_payout_account_adviser_id_adviser REFERENCES adviser,
  currency char(3) NOT NULL, attempt smallint NOT NULL DEFAULT 1, asked_at timestamptz NOT NULL,
  stripe_account_id text CONSTRAINT uq_payout_account_stripe_account_id UNIQUE,
  state text NOT NULL DEFAULT 'planned'
    CONSTRAINT ck_payout_account_state CHECK (state IN ('planned', 'incomplete', 'ready', 'disabled')),
  requirements jsonb NOT NULL DEFAULT '{}',
  destination_fingerprint text, destination_last4 text, changed_at timestamptz, cooling_until timestamptz,
  seen_at timestamptz, bank_checked_at timestamptz, request_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_payout_account_adviser_id_currency UNIQUE (adviser_id, currency),
  CONSTRAINT ck_payout_account_planned_has_no_account CHECK ((state = 'planned') = (stripe_account_id IS NULL))
);
CREATE TABLE payout_destination_change (
  id uuid NOT NULL CONSTRAINT pk_payout_destination_change PRIMARY KEY,
  payout_account_id uuid NOT NULL
    CONSTRAINT fk_payout_destination_change_payout_account_id_payout_account REFERENCES payout_account,
  adviser_id uuid NOT NULL CONSTRAINT fk_payout_destination_change_adviser_id_adviser REFERENCES adviser,
  was text, became text, at timestamptz NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_payout_destination_change_payout_account_id ON payout_destination_change (payout_account_id);
CREATE TABLE stripe_event (
  id uuid NOT NULL CONSTRAINT pk_stripe_event PRIMARY KEY,
  source text NOT NULL CONSTRAINT ck_stripe_event_source CHECK (source IN ('account', 'connect')),
  event_id text NOT NULL, type text NOT NULL, account text, object_id text, payload bytea NOT NULL,
  received_at timestamptz NOT NULL, tries integer NOT NULL DEFAULT 0, next_try_at timestamptz NOT NULL,
  handled_at timestamptz, outcome text, note text,
  CONSTRAINT uq_stripe_event_source_event_id UNIQUE (source, event_id),
  CONSTRAINT ck_stripe_event_handled_has_outcome CHECK ((outcome IS NULL) = (handled_at IS NULL))
);
CREATE INDEX ix_stripe_event_unhandled ON stripe_event (next_try_at) WHERE handled_at IS NULL;
CREATE INDEX ix_stripe_event_parked ON stripe_event (account) WHERE outcome = 'parked';
CREATE TABLE bank_payout (
  id text NOT NULL CONSTRAINT pk_bank_payout PRIMARY KEY,
  payout_account_id uuid NOT NULL CONSTRAINT fk_bank_payout_payout_account_id_payout_account
    REFERENCES payout_account,
  adviser_id uuid NOT NULL CONSTRAINT fk_bank_payout_adviser_id_adviser REFERENCES adviser,
  status text NOT NULL, amount_minor bigint NOT NULL, currency char(3) NOT NULL, failure_code text,
  arrival_at timestamptz, seen_at timestamptz NOT NULL
);
CREATE INDEX ix_bank_payout_payout_account_id ON bank_payout (payout_account_id);
CREATE TABLE stripe_movement (
  source_id text NOT NULL CONSTRAINT pk_stripe_movement PRIMARY KEY,
  kind text NOT NULL CONSTRAINT ck_stripe_movement_kind CHECK (kind IN ('funding', 'transfer', 'cost')),
  subject_id text NOT NULL,
  entry_id bigint NOT NULL CONSTRAINT fk_stripe_movement_entry_id_entry REFERENCES entry
    CONSTRAINT uq_stripe_movement_entry_id UNIQUE,
  amount_minor bigint NOT NULL, currency char(3) NOT NULL, at timestamptz NOT NULL
);
CREATE TABLE recon_break (
  id uuid NOT NULL CONSTRAINT pk_recon_break PRIMARY KEY,
  kind text NOT NULL, ref text NOT NULL, currency char(3) NOT NULL, amount_minor bigint NOT NULL,
  state text NOT NULL DEFAULT 'open'
    CONSTRAINT ck_recon_break_state CHECK (state IN ('open', 'explained', 'corrected')),
  cause text NOT NULL, facts jsonb NOT NULL DEFAULT '{}',
  first_seen_at timestamptz NOT NULL, last_seen_at timestamptz NOT NULL, resolved_at timestamptz,
  CONSTRAINT uq_recon_break_kind_ref UNIQUE (kind, ref),
  CONSTRAINT ck_recon_break_corrected_when CHECK ((state = 'corrected') = (resolved_at IS NOT NULL))
);
CREATE INDEX ix_recon_break_open ON recon_break (first_seen_at) WHERE state <> 'corrected'
"""

PAYOUTS = """
CREATE TABLE payout_run (
  id uuid NOT NULL CONSTRAINT pk_payout_run PRIMARY KEY,
  number text NOT NULL CONSTRAINT uq_payout_run_number UNIQUE,
  currency char(3) NOT NULL,
  state text NOT NULL DEFAULT 'draft'
    CONSTRAINT ck_payout_run_state CHECK (state IN ('draft', 'approved', 'executing', 'done')),
  created_by uuid NOT NULL CONSTRAINT fk_payout_run_created_by_user_account REFERENCES user_account,
  created_at timestamptz NOT NULL,
  cutoff_entry_id bigint, content_hash text, total_minor bigint, preview jsonb, previewed_at timestamptz,
  approved_by uuid CONSTRAINT fk_payout_run_approved_by_user_account REFERENCES user_account,
  approved_at timestamptz,
  executed_by uuid CONSTRAINT fk_payout_run_executed_by_user_account REFERENCES user_account,
  executed_at timestamptz, finished_at timestamptz,
  CONSTRAINT ck_payout_run_second_person CHECK (approved_by <> created_by),
  CONSTRAINT ck_payout_run_approved_by_somebody
    CHECK ((state = 'draft') = (approved_by IS NULL) AND (approved_by IS NULL) = (approved_at IS NULL)),
  CONSTRAINT ck_payout_run_approved_content
    CHECK (state = 'draft' OR (content_hash IS NOT NULL AND total_minor > 0))
);
CREATE TABLE payout_run_number (
  year integer NOT NULL CONSTRAINT pk_payout_run_number PRIMARY KEY, last integer NOT NULL
);
CREATE TABLE payout (
  id uuid NOT NULL CONSTRAINT pk_payout PRIMARY KEY,
  run_id uuid NOT NULL CONSTRAINT fk_payout_run_id_payout_run REFERENCES payout_run,
  place integer NOT NULL,
  adviser_id uuid NOT NULL CONSTRAINT fk_payout_adviser_id_adviser REFERENCES adviser,
  currency char(3) NOT NULL,
  amount_minor bigint NOT NULL CONSTRAINT ck_payout_positive CHECK (amount_minor > 0),
  destination text NOT NULL, destination_fingerprint text NOT NULL,
  reserve_entry_id bigint NOT NULL CONSTRAINT fk_payout_reserve_entry_id_entry REFERENCES entry
    CONSTRAINT uq_payout_reserve_entry_id UNIQUE,
  state text NOT NULL DEFAULT 'approved' CONSTRAINT ck_payout_state CHECK (state IN
    ('approved', 'sending', 'unknown', 'rejected', 'released', 'paid', 'in_bank', 'bank_failed')),
  reason text, next_try_at timestamptz NOT NULL,
  stripe_transfer_id text CONSTRAINT uq_payout_stripe_transfer_id UNIQUE,
  destination_payment text, bank_payout_id text,
  approved_at timestamptz NOT NULL, paid_at timestamptz, in_bank_at timestamptz, bank_failed_at timestamptz,
  released_at timestamptz,
  CONSTRAINT uq_payout_run_id_adviser_id UNIQUE (run_id, adviser_id),
  CONSTRAINT uq_payout_run_id_place UNIQUE (run_id, place),
  CONSTRAINT ck_payout_paid_has_transfer
    CHECK ((state IN ('paid', 'in_bank', 'bank_failed')) = (stripe_transfer_id IS NOT NULL))
);
CREATE INDEX ix_payout_adviser_id ON payout (adviser_id);
CREATE INDEX ix_payout_destination_payment ON payout (destination_payment);
CREATE INDEX ix_payout_bank_payout_id ON payout (bank_payout_id);
CREATE INDEX ix_payout_due ON payout (next_try_at)
  WHERE state IN ('approved', 'sending', 'unknown', 'rejected');
CREATE TABLE payout_line (
  entry_id bigint NOT NULL, line smallint NOT NULL,
  payout_id uuid NOT NULL CONSTRAINT fk_payout_line_payout_id_payout REFERENCES payout,
  adviser_id uuid NOT NULL, shop_id uuid NOT NULL,
  amount_minor bigint NOT NULL CONSTRAINT ck_payout_line_not_zero CHECK (amount_minor <> 0),
  -- A posting stands here once in the life of the books, so nothing is ever paid twice.
  CONSTRAINT pk_payout_line PRIMARY KEY (entry_id, line),
  CONSTRAINT fk_payout_line_entry_id_posting FOREIGN KEY (entry_id, line) REFERENCES posting (entry_id, line)
);
CREATE INDEX ix_payout_line_payout_id ON payout_line (payout_id);
CREATE TABLE payout_attempt (
  id uuid NOT NULL CONSTRAINT pk_payout_attempt PRIMARY KEY,
  payout_id uuid NOT NULL CONSTRAINT fk_payout_attempt_payout_id_payout REFERENCES payout,
  n smallint NOT NULL,
  idem_key text NOT NULL CONSTRAINT uq_payout_attempt_idem_key UNIQUE,
  request_hash bytea NOT NULL, first_sent_at timestamptz NOT NULL, sends integer NOT NULL DEFAULT 1,
  trouble text, look_ups integer NOT NULL DEFAULT 0, last_look_up_at timestamptz, request_id text,
  stripe_id text CONSTRAINT uq_payout_attempt_stripe_id UNIQUE,
  outcome text CONSTRAINT ck_payout_attempt_outcome
    CHECK (outcome IN ('created', 'adopted', 'rejected', 'abandoned')),
  code text, closed_at timestamptz,
  CONSTRAINT uq_payout_attempt_payout_id_n UNIQUE (payout_id, n),
  CONSTRAINT ck_payout_attempt_moved_has_id
    CHECK (coalesce(outcome IN ('created', 'adopted'), false) = (stripe_id IS NOT NULL)),
  CONSTRAINT ck_payout_attempt_closed_when CHECK ((outcome IS NULL) = (closed_at IS NULL))
);
CREATE UNIQUE INDEX uq_payout_attempt_open ON payout_attempt (payout_id) WHERE outcome IS NULL;
CREATE UNIQUE INDEX uq_payout_attempt_moved ON payout_attempt (payout_id) WHERE outcome IN ('created', 'adopted');
CREATE TABLE statement (
  id uuid NOT NULL CONSTRAINT pk_statement PRIMARY KEY,
  payout_id uuid NOT NULL CONSTRAINT fk_statement_payout_id_payout REFERENCES payout
    CONSTRAINT uq_statement_payout_id UNIQUE,
  adviser_id uuid NOT NULL CONSTRAINT fk_statement_adviser_id_adviser REFERENCES adviser,
  number text NOT NULL CONSTRAINT uq_statement_number UNIQUE,
  amount_minor bigint NOT NULL, currency char(3) NOT NULL, issued_at timestamptz NOT NULL,
  document jsonb NOT NULL, sha256 text NOT NULL
);
CREATE INDEX ix_statement_adviser_id ON statement (adviser_id)
"""

RECONCILIATION = """
CREATE TABLE balance_tx (
  id text NOT NULL CONSTRAINT pk_balance_tx PRIMARY KEY,
  type text NOT NULL, reporting_category text NOT NULL,
  amount_minor bigint NOT NULL, fee_minor bigint NOT NULL, net_minor bigint NOT NULL, currency char(3) NOT NULL,
  source_id text, source jsonb NOT NULL DEFAULT '{}', description text,
  created timestamptz NOT NULL, available_on timestamptz NOT NULL, imported_at timestamptz NOT NULL,
  CONSTRAINT ck_balance_tx_net CHECK (net_minor = amount_minor - fee_minor)
);
CREATE INDEX ix_balance_tx_source_id ON balance_tx (source_id);
CREATE INDEX ix_balance_tx_created ON balance_tx (created);
CREATE TABLE recon_import (
  id uuid NOT NULL CONSTRAINT pk_recon_import PRIMARY KEY,
  asked_at timestamptz NOT NULL, asked_by text NOT NULL,
  state text NOT NULL DEFAULT 'asked' CONSTRAINT ck_recon_import_state CHECK (state IN ('asked', 'finished')),
  finished_at timestamptz, reached timestamptz, seen bigint, new bigint,
  CONSTRAINT ck_recon_import_finished_when CHECK ((state = 'finished') = (finished_at IS NOT NULL))
);
CREATE TABLE recon_certificate (
  id uuid NOT NULL CONSTRAINT pk_recon_certificate PRIMARY KEY,
  import_id uuid NOT NULL CONSTRAINT fk_recon_certificate_import_id_recon_import REFERENCES recon_import,
  currency char(3) NOT NULL, at timestamptz NOT NULL,
  ledger_minor bigint NOT NULL, stripe_minor bigint NOT NULL, movements_minor bigint NOT NULL,
  explained_minor bigint NOT NULL, difference_minor bigint NOT NULL, movements bigint NOT NULL,
  last_entry_id bigint NOT NULL, explained jsonb NOT NULL DEFAULT '[]',
  CONSTRAINT uq_recon_certificate_import_id_currency UNIQUE (import_id, currency),
  CONSTRAINT ck_recon_certificate_difference
    CHECK (difference_minor = stripe_minor - ledger_minor - explained_minor)
);
CREATE INDEX ix_recon_certificate_newest ON recon_certificate (currency, id)
"""

# The state machine of settlement/states.py once more, and what approval froze stays frozen for everybody.
MOVES = """
CREATE FUNCTION payout_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.id, NEW.run_id, NEW.place, NEW.adviser_id, NEW.currency, NEW.amount_minor, NEW.destination,
      NEW.destination_fingerprint, NEW.reserve_entry_id, NEW.approved_at)
     IS DISTINCT FROM
     (OLD.id, OLD.run_id, OLD.place, OLD.adviser_id, OLD.currency, OLD.amount_minor, OLD.destination,
      OLD.destination_fingerprint, OLD.reserve_entry_id, OLD.approved_at) THEN
    RAISE EXCEPTION 'payout % was approved: amount, currency and destination stay', OLD.id
      USING ERRCODE = '23514', TABLE = 'payout', CONSTRAINT = 'payout_frozen';
  END IF;
  IF NEW.state <> OLD.state AND NOT (CASE OLD.state
       WHEN 'approved' THEN NEW.state IN ('sending', 'rejected')
       WHEN 'sending' THEN NEW.state IN ('paid', 'unknown', 'rejected')
       WHEN 'unknown' THEN NEW.state IN ('sending', 'paid', 'rejected')
       WHEN 'rejected' THEN NEW.state IN ('sending', 'released')
       WHEN 'paid' THEN NEW.state IN ('in_bank', 'bank_failed')
       WHEN 'in_bank' THEN NEW.state = 'bank_failed'
       WHEN 'bank_failed' THEN NEW.state = 'in_bank'
       ELSE false END) THEN
    RAISE EXCEPTION 'payout % is % and can''t become %', OLD.id, OLD.state, NEW.state
      USING ERRCODE = '23514', TABLE = 'payout', CONSTRAINT = 'payout_moves';
  END IF;
  IF NEW.state = 'released' AND OLD.state <> 'released'
     AND EXISTS (SELECT FROM payout_attempt a WHERE a.payout_id = OLD.id AND a.outcome IS NULL) THEN
    RAISE EXCEPTION 'payout % has an attempt whose outcome is unknown', OLD.id
      USING ERRCODE = '23514', TABLE = 'payout', CONSTRAINT = 'payout_release_needs_refusal';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payout_moves BEFORE UPDATE ON payout FOR EACH ROW EXECUTE FUNCTION payout_moves();
ALTER TABLE payout ENABLE ALWAYS TRIGGER payout_moves;
CREATE FUNCTION payout_run_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'draft' AND (
       (NEW.id, NEW.number, NEW.currency, NEW.created_by, NEW.cutoff_entry_id, NEW.content_hash, NEW.total_minor,
        NEW.preview, NEW.approved_by, NEW.approved_at)
       IS DISTINCT FROM
       (OLD.id, OLD.number, OLD.currency, OLD.created_by, OLD.cutoff_entry_id, OLD.content_hash, OLD.total_minor,
        OLD.preview, OLD.approved_by, OLD.approved_at)
       OR NOT (NEW.state = OLD.state OR (OLD.state = 'approved' AND NEW.state = 'executing')
               OR (OLD.state = 'executing' AND NEW.state = 'done'))) THEN
    RAISE EXCEPTION 'payout run % was approved and stays as it was', OLD.number
      USING ERRCODE = '23514', TABLE = 'payout_run', CONSTRAINT = 'payout_run_frozen';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payout_run_frozen BEFORE UPDATE ON payout_run FOR EACH ROW EXECUTE FUNCTION payout_run_frozen();
ALTER TABLE payout_run ENABLE ALWAYS TRIGGER payout_run_frozen;
CREATE FUNCTION payout_attempt_needs_reserve() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.outcome IS NOT NULL THEN
    RAISE EXCEPTION 'attempt % is closed', OLD.idem_key
      USING ERRCODE = '23514', TABLE = 'payout_attempt', CONSTRAINT = 'payout_attempt_closed';
  END IF;
  IF TG_OP = 'INSERT' AND NOT EXISTS (
       SELECT FROM payout p WHERE p.id = NEW.payout_id AND p.state IN ('approved', 'sending', 'unknown', 'rejected')
     ) THEN
    RAISE EXCEPTION 'payout % has no reserve to send', NEW.payout_id
      USING ERRCODE = '23514', TABLE = 'payout_attempt', CONSTRAINT = 'payout_attempt_needs_reserve';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payout_attempt_needs_reserve BEFORE INSERT OR UPDATE ON payout_attempt
  FOR EACH ROW EXECUTE FUNCTION payout_attempt_needs_reserve();
ALTER TABLE payout_attempt ENABLE ALWAYS TRIGGER payout_attempt_needs_reserve
"""

# The web role may not post. Approval is the one request that does, through these two: lock first, so that what is
# compared with the preview cannot change any more; then reserve exactly what the preview said, or nothing.
RESERVE = """
CREATE FUNCTION payout_run_lock(run uuid, advisers uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  cur char(3);
BEGIN
  SELECT r.currency INTO STRICT cur FROM payout_run r WHERE r.id = run FOR UPDATE;
  PERFORM ledger_open_accounts(
    array_fill('adviser:in_transit'::text, ARRAY[cardinality(advisers)]), advisers,
    array_fill(cur::text, ARRAY[cardinality(advisers)])) WHERE cardinality(advisers) > 0;
  PERFORM ledger_lock(array(
    SELECT a.id FROM account a WHERE a.owner = ANY (advisers) AND a.currency = cur
      AND a.kind IN ('adviser:available', 'adviser:in_transit', 'adviser:receivable')));
END $$;
CREATE FUNCTION payout_run_reserve(run uuid, approver uuid, at timestamptz, payouts uuid[], advisers uuid[],
                                   amounts bigint[], destinations text[], fingerprints text[])
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  r payout_run;
  total bigint;
  wrong uuid;
BEGIN
  PERFORM payout_run_lock(run, advisers);
  SELECT * INTO STRICT r FROM payout_run q WHERE q.id = run;
  SELECT sum(a) INTO total FROM unnest(amounts) AS a;
  IF r.state <> 'draft' OR r.content_hash IS NULL OR total IS DISTINCT FROM r.total_minor THEN
    RAISE EXCEPTION 'payout run % does not stand as it was previewed', r.number
      USING ERRCODE = '23514', TABLE = 'payout_run', CONSTRAINT = 'payout_run_as_previewed';
  END IF;
  WITH w AS (
    SELECT * FROM unnest(payouts, advisers) WITH ORDINALITY AS w (id, adviser, place)
  ), parts AS (
    SELECT w.id, w.adviser, w.place, p.shop_id, -sum(p.amount_minor) AS amount
      FROM w JOIN account a ON a.owner = w.adviser AND a.kind = 'adviser:available' AND a.currency = r.currency
      JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id
     WHERE e.kind <> 'reserve' AND (p.entry_id <= r.cutoff_entry_id OR p.amount_minor > 0)
       AND NOT EXISTS (SELECT FROM payout_line l WHERE l.entry_id = p.entry_id AND l.line = p.line)
     GROUP BY w.id, w.adviser, w.place, p.shop_id HAVING sum(p.amount_minor) <> 0
  ), made AS (
    INSERT INTO entry (idem, request_hash, kind, lines, effective_at, actor, source_type, source_id)
    SELECT 'reserve:' || q.id, sha256(convert_to('reserve:' || q.id || ':' || sum(q.amount), 'UTF8')), 'reserve',
           2 * count(*), at, 'user:' || approver, 'payout', q.id::text
      FROM parts q GROUP BY q.id, q.place ORDER BY q.place
    RETURNING id, source_id
  )
  INSERT INTO posting (entry_id, line, account_id, currency, amount_minor, shop_id)
  SELECT m.id, row_number() OVER (PARTITION BY m.id ORDER BY side.sign DESC, q.shop_id), a.id, r.currency,
         side.sign * q.amount, q.shop_id
    FROM made m JOIN parts q ON q.id::text = m.source_id
    CROSS JOIN (VALUES (1, 'adviser:available'), (-1, 'adviser:in_transit')) AS side (sign, kind)
    JOIN account a ON a.owner = q.adviser AND a.currency = r.currency AND a.kind = side.kind
   ORDER BY m.id, a.id;
  INSERT INTO payout (id, run_id, place, adviser_id, currency, amount_minor, destination, destination_fingerprint,
                      reserve_entry_id, state, next_try_at, approved_at)
  SELECT w.id, run, w.place, w.adviser, r.currency, w.amount, w.destination, w.fingerprint, e.id, 'approved', at, at
    FROM unnest(payouts, advisers, amounts, destinations, fingerprints) WITH ORDINALITY
         AS w (id, adviser, amount, destination, fingerprint, place)
    JOIN entry e ON e.idem = 'reserve:' || w.id;
  INSERT INTO payout_line (entry_id, line, payout_id, adviser_id, shop_id, amount_minor)
  SELECT p.entry_id, p.line, pay.id, pay.adviser_id, p.shop_id, -p.amount_minor
    FROM payout pay JOIN account a ON a.owner = pay.adviser_id AND a.kind = 'adviser:available'
         AND a.currency = pay.currency
    JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id
   WHERE pay.run_id = run AND e.kind <> 'reserve' AND (p.entry_id <= r.cutoff_entry_id OR p.amount_minor > 0)
     AND NOT EXISTS (SELECT FROM payout_line l WHERE l.entry_id = p.entry_id AND l.line = p.line);
  SELECT w.id INTO wrong FROM unnest(payouts, amounts) AS w (id, amount)
   WHERE w.amount IS DISTINCT FROM (SELECT sum(l.amount_minor) FROM payout_line l WHERE l.payout_id = w.id) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'payout % is not the sum of its lines', wrong
      USING ERRCODE = '23514', TABLE = 'payout', CONSTRAINT = 'payout_equals_lines';
  END IF;
  UPDATE payout_run SET state = 'approved', approved_by = approver, approved_at = at WHERE id = run;
  RETURN cardinality(payouts);
END $$
"""


def upgrade() -> None:
    """Create settlement, runs, statements and reconciliation."""
    for block in (TABLES, PAYOUTS, RECONCILIATION, MOVES, RESERVE):
        op.execute(block)
    history = (
        "payout_destination_change",
        "stripe_movement",
        "payout_line",
        "statement",
        "balance_tx",
        "recon_certificate",
    )
    append_only(op, *history)
    grant(op, "app", "SELECT", *history, "bank_payout", "recon_break", "payout", "payout_attempt")
    grant(op, "app", "SELECT, INSERT", "stripe_event", "recon_import")
    grant(op, "app", "INSERT", "payout_destination_change")
    grant(op, "app", "SELECT, INSERT, UPDATE", "payout_account", "payout_run_number")
    drafted = "cutoff_entry_id, content_hash, total_minor, preview, previewed_at"
    grant(op, "app", "SELECT, INSERT", "payout_run")
    # Not approved_by: only payout_run_reserve approves, in the transaction that reserves the money.
    grant(op, "app", f"UPDATE ({drafted}, state, executed_by, executed_at)", "payout_run")
    grant_execute(
        op,
        "app",
        "payout_run_lock(uuid, uuid[])",
        "payout_run_reserve(uuid, uuid, timestamptz, uuid[], uuid[], bigint[], text[], text[])",
    )
    grant(op, "worker", "SELECT", *history, "payout_run_number")
    grant(op, "worker", "INSERT", *(table for table in history if table != "payout_line"))
    grant(op, "worker", "SELECT, UPDATE", "payout_account", "stripe_event", "payout")
    grant(op, "worker", "SELECT, UPDATE (state, finished_at)", "payout_run")
    grant(
        op, "worker", "SELECT, INSERT, UPDATE", "bank_payout", "recon_break", "payout_attempt", "recon_import"
    )


def downgrade() -> None:
    """Drop settlement with everything in it."""
    for table in (
        "recon_certificate",
        "recon_import",
        "balance_tx",
        "statement",
        "payout_attempt",
        "payout_line",
        "payout",
        "payout_run_number",
        "payout_run",
        "recon_break",
        "stripe_movement",
        "bank_payout",
        "stripe_event",
        "payout_destination_change",
        "payout_account",
    ):
        op.execute(f"DROP TABLE {table}")
    for function in (
        "payout_run_reserve(uuid, uuid, timestamptz, uuid[], uuid[], bigint[], text[], text[])",
        "payout_run_lock(uuid, uuid[])",
        "payout_attempt_needs_reserve()",
        "payout_run_frozen()",
        "payout_moves()",
    ):
        op.execute(f"DROP FUNCTION {function}")
