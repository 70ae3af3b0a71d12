"""The ledger: accounts, entries, postings and balances, with every promise kept by PostgreSQL itself.

Locks: none that anybody waits for; every table is new.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant, grant_execute

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE account_kind (
  kind text NOT NULL CONSTRAINT pk_account_kind PRIMARY KEY,
  normal char(1) NOT NULL CONSTRAINT ck_account_kind_normal CHECK (normal IN ('D', 'C')),
  floor_zero boolean NOT NULL, owned boolean NOT NULL,
  -- A floor can be checked on one row only, so an account with a floor is never spread.
  shards smallint NOT NULL CONSTRAINT ck_account_kind_shards CHECK (shards = 1 OR (shards > 1 AND NOT floor_zero))
);
INSERT INTO account_kind VALUES
  ('shop:prepaid', 'C', true, true, 1), ('shop:receivable', 'D', true, true, 1),
  ('adviser:pending', 'C', true, true, 1), ('adviser:available', 'C', true, true, 1),
  ('adviser:in_transit', 'C', true, true, 1), ('adviser:receivable', 'D', true, true, 1),
  ('platform:fee_pending', 'C', false, false, 16), ('platform:fee_revenue', 'C', false, false, 16),
  ('platform:stripe_cost', 'D', false, false, 16), ('platform:writeoff', 'D', false, false, 16),
  ('platform:rounding', 'D', false, false, 16), ('tax:vat_output', 'C', false, false, 16),
  ('tax:vat_reverse_charge', 'C', false, false, 16), ('tax:wht', 'C', false, false, 16),
  ('stripe:platform_balance', 'D', false, false, 16), ('stripe:unallocated', 'C', false, false, 16),
  ('stripe:payout_in_transit', 'D', false, false, 16), ('bank:main', 'D', false, false, 16),
  ('fx', 'C', false, false, 16), ('fx_gain_loss', 'C', false, false, 16),
  ('memo:connected_balance', 'D', false, true, 1), ('memo:connected_owed', 'C', false, true, 1);
CREATE TABLE account (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_account PRIMARY KEY,
  code text NOT NULL CONSTRAINT uq_account_code UNIQUE,
  kind text NOT NULL CONSTRAINT fk_account_kind_account_kind REFERENCES account_kind,
  owner uuid,
  currency char(3) NOT NULL CONSTRAINT ck_account_currency CHECK (currency ~ '^[A-Z]{3}$'),
  normal char(1) NOT NULL, floor_zero boolean NOT NULL, shards smallint NOT NULL,
  CONSTRAINT uq_account_id_currency UNIQUE (id, currency),
  CONSTRAINT ck_account_code CHECK (code = kind || coalesce('\\:' || owner\\:\\:text, '') || '\\:' || currency)
);
CREATE INDEX ix_account_owner ON account (owner, kind);
-- A transaction id is unique inside one cluster only: after a restore from a dump the numbers start again.
-- Not STABLE, though it is: what it calls isn't declared so either, and then PostgreSQL would not put it in line.
CREATE FUNCTION ledger_cluster() RETURNS bigint LANGUAGE sql AS 'SELECT (pg_control_system()).system_identifier';
CREATE TABLE entry (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_entry PRIMARY KEY,
  idem text NOT NULL CONSTRAINT uq_entry_idem UNIQUE,
  request_hash bytea NOT NULL, kind text NOT NULL,
  lines smallint NOT NULL CONSTRAINT ck_entry_lines CHECK (lines >= 2),
  reverses bigint CONSTRAINT fk_entry_reverses_entry REFERENCES entry,
  effective_at timestamptz NOT NULL, posted_at timestamptz NOT NULL DEFAULT now(),
  xact xid8 NOT NULL DEFAULT pg_current_xact_id(), cluster bigint NOT NULL DEFAULT ledger_cluster(),
  actor text NOT NULL DEFAULT '', source_type text NOT NULL DEFAULT '', source_id text NOT NULL DEFAULT '',
  meta jsonb NOT NULL DEFAULT '{}',
  CONSTRAINT ck_entry_reverses CHECK (reverses < id)
);
CREATE INDEX ix_entry_reverses ON entry (reverses) WHERE reverses IS NOT NULL;
CREATE INDEX ix_entry_source ON entry (source_type, source_id);
CREATE TABLE posting (
  -- Without a foreign key: the trigger below takes lines for entries of this very transaction only, entries are never
  -- deleted, and checking the same again line by line costs a third of the speed of batches.
  entry_id bigint NOT NULL,
  line smallint NOT NULL CONSTRAINT ck_posting_line CHECK (line >= 1),
  account_id bigint NOT NULL, currency char(3) NOT NULL,
  amount_minor bigint NOT NULL CONSTRAINT ck_posting_amount CHECK (amount_minor <> 0),
  shop_id uuid,
  CONSTRAINT pk_posting PRIMARY KEY (entry_id, line),
  CONSTRAINT fk_posting_account_id_account FOREIGN KEY (account_id, currency) REFERENCES account (id, currency)
);
CREATE INDEX ix_posting_account_id_entry_id ON posting (account_id, entry_id);
CREATE TABLE balance (
  account_id bigint NOT NULL CONSTRAINT fk_balance_account_id_account REFERENCES account,
  shard smallint NOT NULL, normal char(1) NOT NULL, floor_zero boolean NOT NULL,
  balance_minor bigint NOT NULL DEFAULT 0, postings bigint NOT NULL DEFAULT 0,
  CONSTRAINT pk_balance PRIMARY KEY (account_id, shard),
  CONSTRAINT ck_balance_floor
    CHECK (NOT floor_zero OR CASE normal WHEN 'D' THEN balance_minor >= 0 ELSE balance_minor <= 0 END)
) WITH (fillfactor = 50)
"""

# An entry says beforehand how many lines it has, and lines are numbered from 1: once the check at COMMIT has passed
# (or was made to pass early with SET CONSTRAINTS), there is no free number left for another line.
CHECK_ENTRY = """
CREATE FUNCTION ledger_check_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  counted bigint;
  total numeric;
  uneven text;
  last text;
  beyond text;
BEGIN
  SELECT count(*), sum(p.amount_minor), min(p.currency), max(p.currency) INTO counted, total, uneven, last
    FROM posting p WHERE p.entry_id = NEW.id;
  IF uneven <> last THEN
    SELECT min(q.currency) INTO uneven
      FROM (SELECT p.currency FROM posting p WHERE p.entry_id = NEW.id
             GROUP BY p.currency HAVING sum(p.amount_minor) <> 0) q;
  ELSIF total = 0 THEN
    uneven := NULL;
  END IF;
  IF counted <> NEW.lines THEN
    RAISE EXCEPTION 'entry % says it has % lines and has %', NEW.id, NEW.lines, counted
      USING ERRCODE = '23514', TABLE = 'entry', CONSTRAINT = 'entry_complete';
  END IF;
  IF uneven IS NOT NULL THEN
    RAISE EXCEPTION 'entry % does not sum to zero in %', NEW.id, uneven
      USING ERRCODE = '23514', TABLE = 'entry', CONSTRAINT = 'entry_balanced';
  END IF;
  IF NEW.reverses IS NULL THEN
    RETURN NULL;
  END IF;
  -- The sum below must see what others committed while we waited for the lock, and no older snapshot does.
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'a reversal is posted in READ COMMITTED only'
      USING ERRCODE = '25001', TABLE = 'entry', CONSTRAINT = 'entry_reversal_capped';
  END IF;
  PERFORM 1 FROM entry e WHERE e.id = NEW.reverses FOR NO KEY UPDATE;
  SELECT a.code INTO beyond
    FROM (SELECT p.account_id, coalesce(sum(p.amount_minor) FILTER (WHERE e.id = NEW.reverses), 0) AS original,
                 coalesce(sum(p.amount_minor) FILTER (WHERE e.id <> NEW.reverses), 0) AS reversed
            FROM entry e JOIN posting p ON p.entry_id = e.id
           WHERE e.id = NEW.reverses OR e.reverses = NEW.reverses GROUP BY p.account_id) q
    JOIN account a ON a.id = q.account_id
   WHERE q.reversed NOT BETWEEN least(0, -q.original) AND greatest(0, -q.original)
   ORDER BY a.id LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'entry % takes back more of entry % than it posted to %', NEW.id, NEW.reverses, beyond
      USING ERRCODE = '23514', TABLE = 'entry', CONSTRAINT = 'entry_reversal_capped';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entry_checked AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION ledger_check_entry();
ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_checked
"""

APPLY_POSTINGS = """
CREATE FUNCTION ledger_apply_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  here bigint := ledger_cluster();
  sealed bigint;
  nameless text;
  accounts bigint[];
  shards smallint[];
  deltas bigint[];
  counts bigint[];
  all_open boolean;
  all_named boolean;
  written bigint;
BEGIN
  -- One pass over the new lines; what is wrong is looked up only when something is.
  SELECT array_agg(d.account_id), array_agg(d.shard), array_agg(d.delta), array_agg(d.lines),
         bool_and(d.is_open), bool_and(d.is_named)
    INTO accounts, shards, deltas, counts, all_open, all_named
    FROM (SELECT r.account_id, (pg_backend_pid() % a.shards)\\:\\:smallint AS shard,
                 sum(r.amount_minor)\\:\\:bigint AS delta, count(*) AS lines,
                 bool_and(coalesce(e.xact = pg_current_xact_id() AND e.cluster = here AND r.line <= e.lines, false))
                   AS is_open,
                 bool_and(r.shop_id IS NOT NULL OR NOT starts_with(a.kind, 'adviser\\:')) AS is_named
            FROM new_posting r JOIN account a ON a.id = r.account_id LEFT JOIN entry e ON e.id = r.entry_id
           GROUP BY 1, 2) d;
  IF NOT all_open THEN
    SELECT r.entry_id INTO sealed FROM new_posting r LEFT JOIN entry e ON e.id = r.entry_id
     WHERE e.id IS NULL OR e.xact <> pg_current_xact_id() OR e.cluster <> here OR r.line > e.lines LIMIT 1;
    RAISE EXCEPTION 'entry % is sealed or missing: it takes no more lines', sealed
      USING ERRCODE = '23514', TABLE = 'posting', CONSTRAINT = 'posting_entry_open';
  END IF;
  IF NOT all_named THEN
    SELECT a.code INTO nameless FROM new_posting r JOIN account a ON a.id = r.account_id
     WHERE r.shop_id IS NULL AND starts_with(a.kind, 'adviser\\:') LIMIT 1;
    RAISE EXCEPTION 'a line on % must name its shop', nameless
      USING ERRCODE = '23514', TABLE = 'posting', CONSTRAINT = 'posting_adviser_shop';
  END IF;
  -- Everybody locks in this order, so two posters wait for each other at most in one direction.
  PERFORM 1 FROM balance b JOIN unnest(accounts, shards) AS d (account_id, shard) USING (account_id, shard)
    ORDER BY b.account_id, b.shard FOR NO KEY UPDATE OF b;
  UPDATE balance b SET balance_minor = b.balance_minor + d.delta, postings = b.postings + d.lines
    FROM unnest(accounts, shards, deltas, counts) AS d (account_id, shard, delta, lines)
   WHERE b.account_id = d.account_id AND b.shard = d.shard;
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> coalesce(cardinality(accounts), 0) THEN
    RAISE EXCEPTION 'an account has no balance row; open accounts with ledger_open_accounts'
      USING ERRCODE = '23503', TABLE = 'balance', CONSTRAINT = 'balance_exists';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER posting_applied AFTER INSERT ON posting REFERENCING NEW TABLE AS new_posting
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_apply_postings();
ALTER TABLE posting ENABLE ALWAYS TRIGGER posting_applied
"""

OPEN_ACCOUNTS = """
CREATE FUNCTION ledger_open_accounts(kinds text[], owners uuid[], currencies text[])
RETURNS TABLE (code text, id bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF EXISTS (SELECT FROM unnest(kinds, owners, currencies) AS w (kind, owner, currency)
               LEFT JOIN account_kind k ON k.kind = w.kind
              WHERE k.kind IS NULL OR w.currency IS NULL OR k.owned <> (w.owner IS NOT NULL)) THEN
    RAISE EXCEPTION 'the chart of accounts does not have that account'
      USING ERRCODE = '23503', TABLE = 'account', CONSTRAINT = 'fk_account_kind_account_kind';
  END IF;
  WITH wanted AS (
    SELECT DISTINCT k.kind || coalesce('\\:' || w.owner\\:\\:text, '') || '\\:' || w.currency AS code,
           k.kind, w.owner, w.currency, k.normal, k.floor_zero, k.shards
      FROM unnest(kinds, owners, currencies) AS w (kind, owner, currency) JOIN account_kind k ON k.kind = w.kind
  ), made AS (
    INSERT INTO account (code, kind, owner, currency, normal, floor_zero, shards)
    SELECT w.code, w.kind, w.owner, w.currency, w.normal, w.floor_zero, w.shards FROM wanted w ORDER BY w.code
    ON CONFLICT (code) DO NOTHING
    RETURNING account.id, account.normal, account.floor_zero, account.shards
  )
  INSERT INTO balance (account_id, shard, normal, floor_zero)
  SELECT m.id, s, m.normal, m.floor_zero FROM made m, generate_series(0, m.shards - 1) AS s;
  RETURN QUERY SELECT DISTINCT a.code, a.id
    FROM unnest(kinds, owners, currencies) AS w (kind, owner, currency)
    JOIN account a ON a.kind = w.kind AND a.owner IS NOT DISTINCT FROM w.owner AND a.currency = w.currency;
END $$
"""

LOCK = """
CREATE FUNCTION ledger_lock(accounts bigint[], reversed_entry bigint DEFAULT NULL)
RETURNS TABLE (account_id bigint, balance_minor bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM 1 FROM entry e WHERE e.id = reversed_entry FOR NO KEY UPDATE;
  RETURN QUERY SELECT q.account_id, sum(q.balance_minor)\\:\\:bigint
    FROM (SELECT b.account_id, b.balance_minor FROM balance b WHERE b.account_id = ANY (accounts)
           ORDER BY b.account_id, b.shard FOR NO KEY UPDATE) q
   GROUP BY q.account_id;
END $$
"""


def upgrade() -> None:
    """Create the ledger."""
    for block in (TABLES, CHECK_ENTRY, APPLY_POSTINGS, OPEN_ACCOUNTS, LOCK):
        op.execute(block)
    append_only(op, "account_kind", "account", "entry", "posting")
    # Balances change by the posting trigger alone; nobody, not even the owner, removes one.
    op.execute(
        "CREATE TRIGGER balance_kept BEFORE DELETE OR TRUNCATE ON balance"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute("ALTER TABLE balance ENABLE ALWAYS TRIGGER balance_kept")
    tables = ("account_kind", "account", "entry", "posting", "balance")
    grant(op, "app", "SELECT", *tables)
    grant(op, "worker", "SELECT", *tables)
    # The worker may not choose xact, cluster, posted_at or id: with a chosen xact an entry could be unsealed later.
    written = "idem, request_hash, kind, lines, reverses, effective_at, actor, source_type, source_id, meta"
    grant(op, "worker", f"INSERT ({written})", "entry")
    grant(op, "worker", "INSERT", "posting")
    grant_execute(
        op, "worker", "ledger_open_accounts(text[], uuid[], text[])", "ledger_lock(bigint[], bigint)"
    )
    op.execute("REVOKE ALL ON FUNCTION ledger_check_entry(), ledger_apply_postings() FROM PUBLIC")


def downgrade() -> None:
    """Drop the ledger, with everything in it."""
    for table in ("balance", "posting", "entry", "account", "account_kind"):
        op.execute(f"DROP TABLE {table}")
    for function in (
        "ledger_lock(bigint[], bigint)",
        "ledger_open_accounts(text[], uuid[], text[])",
        "ledger_apply_postings()",
        "ledger_check_entry()",
        "ledger_cluster()",
    ):
        op.execute(f"DROP FUNCTION {function}")
