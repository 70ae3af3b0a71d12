"""The ledger and accrual, faster: the same promises for fewer look-ups, and a queue that costs what is due in it.

Locks: `posting`, `commission_move` and `accrual` for an instant each; filling the queue reads the moves once.
"""

from __future__ import annotations

import importlib
from typing import Any

from alembic import op

from migrations.grants import grant, grant_execute

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Never another value while a session lives, because only initdb and pg_resetwal write it, on a server that is down.
# Declared so, it is read once a plan and not once an entry, from a file each time.
CLUSTER = """
CREATE OR REPLACE FUNCTION ledger_cluster() RETURNS bigint LANGUAGE sql IMMUTABLE
AS 'SELECT (pg_control_system()).system_identifier'
"""
CLUSTER_BEFORE = """
CREATE OR REPLACE FUNCTION ledger_cluster() RETURNS bigint LANGUAGE sql
AS 'SELECT (pg_control_system()).system_identifier'
"""

# Entries and accounts are looked up one by one, by their keys (OFFSET 0 keeps the planner from anything else): a plan
# lives as long as its session, and one made while the books were small read all of them for every entry.
# The plans are made once and not for every array anew, which took longer than carrying them out.
# The account's existence and currency are looked at here and not by a foreign key, which asks line by line: accounts
# are append-only, and this trigger fires always, which a foreign key's does not.
APPLY_POSTINGS = """
CREATE OR REPLACE FUNCTION ledger_apply_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  here bigint := ledger_cluster();
  sealed bigint;
  wrong record;
  accounts bigint[];
  shards smallint[];
  deltas bigint[];
  counts bigint[];
  all_open boolean;
  all_known boolean;
  all_named boolean;
  written bigint;
BEGIN
  -- One pass over the new lines; what is wrong is looked up only when something is.
  SELECT bool_and(coalesce(e.open, false)) INTO all_open
    FROM (SELECT r.entry_id, max(r.line) AS last FROM new_posting r GROUP BY r.entry_id) q
    LEFT JOIN LATERAL (
      SELECT e.xact = pg_current_xact_id() AND e.cluster = here AND q.last <= e.lines AS open
        FROM entry e WHERE e.id = q.entry_id OFFSET 0) e ON true;
  IF NOT all_open THEN
    SELECT r.entry_id INTO sealed FROM new_posting r LEFT JOIN entry e ON e.id = r.entry_id
     WHERE e.id IS NULL OR e.xact <> pg_current_xact_id() OR e.cluster <> here OR r.line > e.lines LIMIT 1;
    RAISE EXCEPTION 'entry % is sealed or missing: it takes no more lines', sealed
      USING ERRCODE = '23514', TABLE = 'posting', CONSTRAINT = 'posting_entry_open';
  END IF;
  SELECT array_agg(q.account_id), array_agg((pg_backend_pid() % coalesce(a.shards, 1))\\:\\:smallint),
         array_agg(q.delta), array_agg(q.lines),
         bool_and(coalesce(a.currency = q.currency AND a.currency = q.other_currency, false)),
         bool_and(q.is_named OR NOT a.is_adviser)
    INTO accounts, shards, deltas, counts, all_known, all_named
    FROM (SELECT r.account_id, min(r.currency) AS currency, max(r.currency) AS other_currency,
                 sum(r.amount_minor)\\:\\:bigint AS delta, count(*) AS lines, bool_and(r.shop_id IS NOT NULL) AS is_named
            FROM new_posting r GROUP BY r.account_id) q
    LEFT JOIN LATERAL (
      SELECT a.shards, a.currency, starts_with(a.kind, 'adviser\\:') AS is_adviser
        FROM account a WHERE a.id = q.account_id OFFSET 0) a ON true;
  IF NOT all_known THEN
    SELECT r.account_id, r.currency INTO wrong FROM new_posting r LEFT JOIN account a ON a.id = r.account_id
     WHERE a.id IS NULL OR a.currency <> r.currency LIMIT 1;
    RAISE EXCEPTION 'there is no account % in %', wrong.account_id, wrong.currency
      USING ERRCODE = '23503', TABLE = 'posting', CONSTRAINT = 'posting_account';
  END IF;
  IF NOT all_named THEN
    SELECT a.code INTO wrong FROM new_posting r JOIN account a ON a.id = r.account_id
     WHERE r.shop_id IS NULL AND starts_with(a.kind, 'adviser\\:') LIMIT 1;
    RAISE EXCEPTION 'a line on % must name its shop', wrong.code
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
END $$
"""

# What is due, beside the moves themselves: a claim looks at this and not at all that ever happened. Two triggers that
# always fire keep it; that it is exactly the moves without accrual is a promise of `./dev verify`.
QUEUE = """
CREATE TABLE accrual_due (
  move_id uuid NOT NULL CONSTRAINT pk_accrual_due PRIMARY KEY,
  commission_id uuid NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX ix_accrual_due_commission_id ON accrual_due (commission_id);
CREATE FUNCTION accrual_queue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO accrual_due (move_id, commission_id)
  SELECT m.id, m.commission_id FROM new_move m JOIN commission c ON c.id = m.commission_id AND c.mode = 'live';
  RETURN NULL;
END $$;
CREATE TRIGGER accrual_queued AFTER INSERT ON commission_move REFERENCING NEW TABLE AS new_move
  FOR EACH STATEMENT EXECUTE FUNCTION accrual_queue();
ALTER TABLE commission_move ENABLE ALWAYS TRIGGER accrual_queued;
CREATE FUNCTION accrual_unqueue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM accrual_due WHERE move_id = ANY (ARRAY(SELECT n.move_id FROM new_accrual n));
  RETURN NULL;
END $$;
CREATE TRIGGER accrual_unqueued AFTER INSERT ON accrual REFERENCING NEW TABLE AS new_accrual
  FOR EACH STATEMENT EXECUTE FUNCTION accrual_unqueue();
ALTER TABLE accrual ENABLE ALWAYS TRIGGER accrual_unqueued;
INSERT INTO accrual_due (move_id, commission_id) SELECT u.move_id, u.commission_id FROM accrual_unposted u
"""

# Oldest first, and no further than what is wanted; what others hold or is set aside is passed over. The planner is
# told to walk the queue in its order, because what it knows of a queue's size is always from another moment.
CLAIM = """
CREATE OR REPLACE FUNCTION accrual_claim(wanted integer, since uuid DEFAULT NULL, among uuid[] DEFAULT NULL)
RETURNS SETOF uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  IF among IS NOT NULL THEN
    RETURN QUERY
      SELECT c.id FROM commission c
       WHERE c.id = ANY (among)
         AND EXISTS (SELECT FROM accrual_due d JOIN accrual_unposted u ON u.move_id = d.move_id
                      WHERE d.commission_id = c.id AND NOT u.awaits_shop)
       ORDER BY c.id LIMIT wanted FOR NO KEY UPDATE SKIP LOCKED;
    RETURN;
  END IF;
  RETURN QUERY
    SELECT DISTINCT q.id
      FROM (SELECT c.id FROM accrual_due d JOIN commission c ON c.id = d.commission_id
             WHERE d.move_id >= coalesce(since, '00000000-0000-0000-0000-000000000000'\\:\\:uuid)
               AND NOT EXISTS (SELECT FROM accrual_stuck s WHERE s.commission_id = d.commission_id)
               AND NOT EXISTS (
                     SELECT FROM commission_move m JOIN accrual w ON w.commission_id = m.commission_id
                      WHERE m.id = d.move_id AND m.kind = 'approved' AND NOT w.funded AND w.funded_entry_id IS NULL)
             ORDER BY d.move_id LIMIT wanted FOR NO KEY UPDATE OF c SKIP LOCKED) q;
END $$
"""

# An account is found by its code, which is unique: comparing owners that may be null compared each with each.
OPEN_ACCOUNTS = (
    "    FROM unnest(kinds, owners, currencies) AS w (kind, owner, currency)\n"
    "    JOIN account a ON a.kind = w.kind AND a.owner IS NOT DISTINCT FROM w.owner AND a.currency = w.currency;",
    "    FROM unnest(kinds, owners, currencies) AS w (kind, owner, currency)\n"
    "    JOIN account a ON a.code = w.kind || coalesce('\\:' || w.owner\\:\\:text, '') || '\\:' || w.currency;",
)
# While its lines are written, what is paid already is asked by key: a plan that reads the table for each line reads the
# lines that it has just written, too.
RESERVE = "payout_run_reserve(uuid, uuid, timestamptz, uuid[], uuid[], bigint[], text[], text[])"


def _of(name: str) -> Any:
    return importlib.import_module(f"migrations.versions.{name}")


def _replacing(statement: str) -> str:
    return statement.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


def upgrade() -> None:
    """Replace the functions, drop the key that they make needless, and fill the queue."""
    op.execute(CLUSTER)
    op.execute(APPLY_POSTINGS)
    before = _of("0007_ledger").OPEN_ACCOUNTS
    op.execute(_replacing(before.replace(*OPEN_ACCOUNTS)))
    op.execute(f"ALTER FUNCTION {RESERVE} SET enable_seqscan = off")
    op.execute("ALTER TABLE posting DROP CONSTRAINT fk_posting_account_id_account")
    op.execute(QUEUE)
    op.execute("REVOKE ALL ON FUNCTION accrual_queue(), accrual_unqueue() FROM PUBLIC")
    grant(op, "app", "SELECT", "accrual_due")
    grant(op, "worker", "SELECT", "accrual_due")
    op.execute(CLAIM)
    grant_execute(op, "worker", "accrual_claim(integer, uuid, uuid[])")


def downgrade() -> None:
    """Put the earlier functions and the foreign key back, and drop the queue."""
    claim = _of("0010_accrual_set_aside").CLAIM
    op.execute(_replacing(claim.replace("DROP FUNCTION accrual_claim(integer, uuid);", "")))
    for setting in ("enable_seqscan", "enable_sort", "enable_hashjoin", "enable_mergejoin"):
        op.execute(f"ALTER FUNCTION accrual_claim(integer, uuid, uuid[]) RESET {setting}")
    op.execute("DROP TRIGGER accrual_queued ON commission_move")
    op.execute("DROP TRIGGER accrual_unqueued ON accrual")
    op.execute("DROP FUNCTION accrual_queue()")
    op.execute("DROP FUNCTION accrual_unqueue()")
    op.execute("DROP TABLE accrual_due")
    op.execute(
        "ALTER TABLE posting ADD CONSTRAINT fk_posting_account_id_account"
        " FOREIGN KEY (account_id, currency) REFERENCES account (id, currency)"
    )
    op.execute(f"ALTER FUNCTION {RESERVE} RESET enable_seqscan")
    op.execute(_replacing(_of("0007_ledger").OPEN_ACCOUNTS))
    op.execute("ALTER FUNCTION ledger_apply_postings() RESET plan_cache_mode")
    op.execute(_replacing(_of("0007_ledger").APPLY_POSTINGS.split("CREATE TRIGGER")[0]))
    op.execute(CLUSTER_BEFORE)
