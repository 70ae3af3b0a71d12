"""Payout runs, faster: nothing is worked out twice, accounts are opened and lines applied by the set, fewer indexes.

Locks: `payout`, `account`, `adviser`, `payout_run` and `payout_draft` for an instant; the smaller indexes of `payout`
are built under SHARE, a second for a million payouts.
"""

from __future__ import annotations

import importlib
from typing import Any

from alembic import op

from migrations.grants import grant_execute

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def _of(name: str) -> Any:
    return importlib.import_module(f"migrations.versions.{name}")


def _replacing(statement: str) -> str:
    return statement.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


_BEFORE = _of("0015_set_wise_runs")
_LEDGER = _of("0014_ledger_speed")

# What a draft was worked out from: how many postings an account had, and the digest of those that are unpaid. Postings
# are only ever added, and a line is written only with a posting on the same account; so while an account has as many
# postings as it had, what is unpaid of it is what it was. `others` is their number on all accounts without a place in
# the draft: each number only grows, so while the sum is the same, each is.
DRAFT = """
ALTER TABLE payout_draft ADD COLUMN postings bigint, ADD COLUMN digest bytea;
ALTER TABLE payout_run ADD COLUMN others bigint
"""

# With `among`, the postings of those accounts alone are read, and of all others the draft of the run is believed.
CANDIDATES = """
CREATE FUNCTION payout_run_candidates(cur text, cutoff bigint, at timestamptz, least_minor bigint,
                                      run uuid DEFAULT NULL, among bigint[] DEFAULT NULL)
RETURNS TABLE (adviser_id uuid, account_id bigint, amount_minor bigint, lines bigint, reason text,
               destination text, destination_fingerprint text, content bytea, postings bigint, digest bytea)
LANGUAGE sql STABLE SET search_path = public, pg_temp SET enable_nestloop = off SET work_mem = '128MB' AS $$
WITH unpaid AS (
  SELECT a.id, a.owner, -sum(p.amount_minor)::bigint AS amount, count(*) AS lines,
         sha256(string_agg(int8send(p.entry_id) || int2send(p.line), '' ORDER BY p.entry_id, p.line)) AS digest
    FROM account a JOIN posting p ON p.account_id = a.id
   WHERE a.kind = 'adviser:available' AND a.currency = cur AND (p.entry_id <= cutoff OR p.amount_minor > 0)
     AND (among IS NULL OR cardinality(among) > 0) AND (among IS NULL OR a.id IN (SELECT unnest(among)))
     AND NOT EXISTS (SELECT FROM payout_line l WHERE l.entry_id = p.entry_id AND l.line = p.line)
     AND NOT EXISTS (SELECT FROM payout y WHERE y.reserve_entry_id = p.entry_id)
   GROUP BY a.id
), everybody AS (
  SELECT u.id, u.owner, u.amount, u.lines, u.digest, b.postings
    FROM unpaid u JOIN balance b ON b.account_id = u.id
  UNION ALL
  SELECT d.account_id, d.adviser_id, d.amount_minor, d.lines, d.digest, d.postings
    FROM payout_draft d WHERE among IS NOT NULL AND d.run_id = run AND d.account_id NOT IN (SELECT unnest(among))
), states AS (
  SELECT DISTINCT ON (s.adviser_id) s.adviser_id, s.state FROM adviser_state s
   ORDER BY s.adviser_id, s.from_at > at, CASE WHEN s.from_at > at THEN s.from_at END,
            CASE WHEN s.from_at > at THEN s.id END, s.from_at DESC, s.id DESC
), owing AS (
  SELECT a.owner FROM account a JOIN balance b ON b.account_id = a.id
   WHERE a.kind = 'adviser:receivable' AND a.currency = cur GROUP BY a.owner HAVING sum(b.balance_minor) > 0
), judged AS (
  SELECT u.*, d.stripe_account_id, d.destination_fingerprint,
         CASE WHEN u.amount <= 0 THEN 'nothing'
              WHEN s.state = 'banned' THEN 'banned'
              WHEN o.owner IS NOT NULL THEN 'receivable'
              WHEN d.stripe_account_id IS NULL OR d.destination_fingerprint IS NULL THEN 'no_payout_account'
              WHEN d.state <> 'ready' THEN 'account_not_ready'
              WHEN d.cooling_until > at THEN 'cooling_off'
              -- Somebody who is leaving gets a last payout without minimum.
              WHEN coalesce(s.state, 'active') = 'active' AND u.amount < least_minor THEN 'below_minimum'
         END AS reason
    FROM everybody u LEFT JOIN states s ON s.adviser_id = u.owner LEFT JOIN owing o ON o.owner = u.owner
    LEFT JOIN payout_account d ON d.adviser_id = u.owner AND d.currency = cur
)
SELECT j.owner, j.id, j.amount, j.lines, j.reason, j.stripe_account_id, j.destination_fingerprint,
       CASE WHEN j.reason IS NULL THEN sha256(convert_to(
         concat_ws(':', j.owner, j.amount, j.lines, encode(j.digest, 'hex'), octet_length(j.stripe_account_id),
                   j.stripe_account_id, j.destination_fingerprint), 'UTF8')) END,
       j.postings, j.digest
  FROM judged j
$$
"""
# All postings on the accounts from which a run in this currency may pay.
POSTED = """(SELECT coalesce(sum(b.postings), 0)::bigint FROM account a JOIN balance b ON b.account_id = a.id
       WHERE a.kind = 'adviser:available' AND a.currency = r.currency)"""
# One statement, so one snapshot: the postings that are summed are those that are counted.
PREVIEW = f"""
CREATE FUNCTION payout_run_preview(run uuid, at timestamptz, least_minor bigint)
RETURNS TABLE (cutoff bigint, content_hash text, total bigint, payouts bigint, left_out bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET work_mem = '128MB' AS $$
#variable_conflict use_column
DECLARE
  r payout_run;
  newest bigint;
  elsewhere bigint;
BEGIN{_BEFORE.FINANCE_ONLY}
  SELECT q.* INTO STRICT r FROM payout_run q WHERE q.id = run FOR UPDATE;
  IF r.state <> 'draft' THEN
    RAISE EXCEPTION 'payout run % was approved and stays as it was', r.number
      USING ERRCODE = '23514', TABLE = 'payout_run', CONSTRAINT = 'payout_run_frozen';
  END IF;
  SELECT coalesce(max(e.id), 0) INTO newest FROM entry e;
  DELETE FROM payout_draft WHERE run_id = run;
  WITH found AS MATERIALIZED (
    SELECT q.*, (row_number() OVER (PARTITION BY q.reason IS NULL ORDER BY q.adviser_id))::integer AS place
      FROM payout_run_candidates(r.currency, newest, at, least_minor) q
  ), written AS (
    -- Ids are of version 7: the instant, then the place, then chance.
    INSERT INTO payout_draft (run_id, adviser_id, place, payout_id, account_id, amount_minor, lines, reason,
                              destination, destination_fingerprint, content, postings, digest)
    SELECT run, c.adviser_id, c.place,
           (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
            || '7' || lpad(to_hex(c.place >> 12 & 4095), 3, '0') || '8' || lpad(to_hex(c.place & 4095), 3, '0')
            || right(gen_random_uuid()::text, 12))::uuid,
           c.account_id, c.amount_minor, c.lines, c.reason, c.destination, c.destination_fingerprint, c.content,
           c.postings, c.digest
      FROM found c ORDER BY c.adviser_id
  )
  SELECT {POSTED} - coalesce(sum(c.postings), 0)::bigint INTO elsewhere FROM found c;
  UPDATE payout_run SET others = elsewhere WHERE id = run;
  RETURN QUERY
    SELECT newest, {_BEFORE.HASH.format(run="run", currency="r.currency", of="d")},
           coalesce(sum(d.amount_minor) FILTER (WHERE d.reason IS NULL), 0)::bigint,
           count(*) FILTER (WHERE d.reason IS NULL), count(*) FILTER (WHERE d.reason IS NOT NULL)
      FROM payout_draft d WHERE d.run_id = run;
END $$
"""

# Lock first, so that what is compared with the preview can't change any more; then work out anew what may have changed,
# and reserve exactly what the preview said, or nothing. Everything comes from the books and the payout accounts,
# nothing from the caller but who approves, and the hash and the total that were read. Accounts that are opened here
# nobody else sees yet, so they need no lock.
RESERVE = f"""
CREATE FUNCTION payout_run_reserve(run uuid, approver uuid, at timestamptz, least_minor bigint, said text, said_total bigint)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_nestloop = off SET work_mem = '128MB' AS $$
DECLARE
  r payout_run;
  changed bigint[];
  elsewhere bigint;
  present text;
  total bigint;
  reserved bigint;
BEGIN{_BEFORE.FINANCE_ONLY}
  SELECT q.* INTO STRICT r FROM payout_run q WHERE q.id = run FOR UPDATE;
  IF r.state <> 'draft' OR r.content_hash IS NULL OR r.cutoff_entry_id IS NULL THEN
    RAISE EXCEPTION 'payout run % does not stand as it was previewed', r.number
      USING ERRCODE = '23514', TABLE = 'payout_run', CONSTRAINT = 'payout_run_as_previewed';
  END IF;
  -- In the order in which everybody locks.
  PERFORM 1 FROM payout_draft d JOIN account a ON a.owner = d.adviser_id AND a.currency = r.currency
     AND a.kind IN ('adviser:available', 'adviser:in_transit', 'adviser:receivable')
    JOIN balance b ON b.account_id = a.id
   WHERE d.run_id = run AND d.reason IS NULL
   ORDER BY b.account_id, b.shard FOR NO KEY UPDATE OF b;
  SELECT array_agg(d.account_id) FILTER (WHERE d.postings IS DISTINCT FROM b.postings),
         {POSTED} - coalesce(sum(b.postings), 0)::bigint
    INTO changed, elsewhere
    FROM payout_draft d JOIN balance b ON b.account_id = d.account_id WHERE d.run_id = run;
  IF elsewhere IS DISTINCT FROM r.others THEN
    -- Somebody who had no place in the draft may have one now.
    SELECT coalesce(changed, '{{}}') || coalesce(array_agg(a.id), '{{}}') INTO changed FROM account a
     WHERE a.kind = 'adviser:available' AND a.currency = r.currency
       AND NOT EXISTS (SELECT FROM payout_draft d WHERE d.run_id = run AND d.account_id = a.id);
  END IF;
  SELECT {_BEFORE.HASH.format(run="run", currency="r.currency", of="c")}, sum(c.amount_minor) FILTER (WHERE c.reason IS NULL)
    INTO present, total
    FROM payout_run_candidates(r.currency, r.cutoff_entry_id, at, least_minor, run, coalesce(changed, '{{}}')) c;
  IF (present, total) IS DISTINCT FROM (r.content_hash, r.total_minor)
     OR (present, total) IS DISTINCT FROM (said, said_total) THEN
    RAISE EXCEPTION 'payout run % does not stand as it was previewed', r.number
      USING ERRCODE = '23514', TABLE = 'payout_run', CONSTRAINT = 'payout_run_as_previewed';
  END IF;
  WITH opened AS (
    INSERT INTO account (code, kind, owner, currency, normal, floor_zero, shards)
    SELECT k.kind || ':' || d.adviser_id || ':' || r.currency, k.kind, d.adviser_id, r.currency, k.normal,
           k.floor_zero, k.shards
      FROM payout_draft d JOIN account_kind k ON k.kind = 'adviser:in_transit'
     WHERE d.run_id = run AND d.reason IS NULL
       AND NOT EXISTS (SELECT FROM account a WHERE a.owner = d.adviser_id AND a.kind = k.kind
                          AND a.currency = r.currency)
     ORDER BY d.adviser_id
    ON CONFLICT (code) DO NOTHING RETURNING account.id, account.normal, account.floor_zero, account.shards
  )
  INSERT INTO balance (account_id, shard, normal, floor_zero)
  SELECT o.id, s, o.normal, o.floor_zero FROM opened o, generate_series(0, o.shards - 1) AS s;
  PERFORM set_config('aanrader.reserving', pg_current_xact_id()::text, true);
  WITH named AS (
    INSERT INTO payout_line (entry_id, line, payout_id, adviser_id, shop_id, amount_minor)
    SELECT p.entry_id, p.line, d.payout_id, d.adviser_id, p.shop_id, -p.amount_minor
      FROM payout_draft d JOIN posting p ON p.account_id = d.account_id
     WHERE d.run_id = run AND d.reason IS NULL AND (p.entry_id <= r.cutoff_entry_id OR p.amount_minor > 0)
       AND NOT EXISTS (SELECT FROM payout_line l WHERE l.entry_id = p.entry_id AND l.line = p.line)
       AND NOT EXISTS (SELECT FROM payout y WHERE y.reserve_entry_id = p.entry_id)
     -- In the order of the books, which is the order of the key.
     ORDER BY p.entry_id, p.line
    RETURNING payout_line.payout_id, payout_line.shop_id, payout_line.amount_minor
  ), parts AS (
    SELECT n.payout_id, n.shop_id, sum(n.amount_minor)::bigint AS amount, count(*) AS lines FROM named n
     GROUP BY n.payout_id, n.shop_id
  ), made AS (
    INSERT INTO entry (idem, request_hash, kind, lines, effective_at, actor, source_type, source_id, whole)
    SELECT 'reserve:' || d.payout_id,
           sha256(convert_to('reserve:' || d.payout_id || ':' || d.amount_minor, 'UTF8')), 'reserve',
           2 * q.shops, at, 'user:' || approver, 'payout', d.payout_id::text, true
      FROM payout_draft d JOIN (SELECT payout_id, count(*) FILTER (WHERE amount <> 0) AS shops,
                                       sum(amount) AS total, sum(lines) AS lines
                                  FROM parts GROUP BY payout_id) q
           ON q.payout_id = d.payout_id AND q.total = d.amount_minor AND q.lines = d.lines
     WHERE d.run_id = run ORDER BY d.place
    RETURNING entry.id, entry.source_id::uuid AS payout_id
  ), posted AS (
    INSERT INTO posting (entry_id, line, account_id, currency, amount_minor, shop_id)
    SELECT m.id, row_number() OVER (PARTITION BY m.id ORDER BY side.sign DESC, q.shop_id),
           CASE side.sign WHEN 1 THEN d.account_id ELSE a.id END, r.currency, side.sign * q.amount, q.shop_id
      FROM made m JOIN parts q ON q.payout_id = m.payout_id AND q.amount <> 0
      JOIN payout_draft d ON d.payout_id = m.payout_id AND d.run_id = run
      JOIN account a ON a.owner = d.adviser_id AND a.currency = r.currency AND a.kind = 'adviser:in_transit'
      CROSS JOIN (VALUES (1), (-1)) AS side (sign)
  )
  INSERT INTO payout (id, run_id, place, adviser_id, currency, amount_minor, destination, destination_fingerprint,
                      reserve_entry_id, state, next_try_at, approved_at)
  SELECT d.payout_id, run, d.place, d.adviser_id, r.currency, d.amount_minor, d.destination,
         d.destination_fingerprint, m.id, 'approved', at, at
    FROM made m JOIN payout_draft d ON d.payout_id = m.payout_id AND d.run_id = run
   ORDER BY d.place;
  GET DIAGNOSTICS reserved = ROW_COUNT;
  PERFORM set_config('aanrader.reserving', '', true);
  IF reserved IS DISTINCT FROM (SELECT count(*) FROM payout_draft d WHERE d.run_id = run AND d.reason IS NULL) THEN
    RAISE EXCEPTION 'a payout of run % is not the sum of its lines', r.number
      USING ERRCODE = '23514', TABLE = 'payout', CONSTRAINT = 'payout_equals_lines';
  END IF;
  UPDATE payout_run SET state = 'approved', approved_by = approver, approved_at = at WHERE id = run;
  RETURN reserved;
END $$
"""

# A reserve's lines are many, and it holds the locks on balances already: the same is asked of whole sets, and a statement
# in which anything is wrong goes the way of all others, which says what, or fails here. Who sets the flag without being
# a reserve is checked as strictly, and risks only waiting for somebody who waits for them.
BY_THE_SET = """BEGIN
  IF current_setting('aanrader.reserving', true) = pg_current_xact_id()\\:\\:text THEN
    SELECT bool_and(coalesce(e.xact = pg_current_xact_id() AND e.cluster = here AND q.last <= e.lines, false))
      INTO all_open
      FROM (SELECT r.entry_id, max(r.line) AS last FROM new_posting r GROUP BY r.entry_id) q
      LEFT JOIN (SELECT e.id, e.xact, e.cluster, e.lines FROM entry e
                  WHERE e.id BETWEEN (SELECT min(r.entry_id) FROM new_posting r)
                        AND (SELECT max(r.entry_id) FROM new_posting r)) e ON e.id = q.entry_id;
    IF all_open THEN
      UPDATE balance b SET balance_minor = b.balance_minor + q.delta, postings = b.postings + q.lines
        FROM (SELECT r.account_id, r.currency, sum(r.amount_minor)\\:\\:bigint AS delta, count(*) AS lines,
                     count(r.shop_id) = count(*) AS is_named
                FROM new_posting r GROUP BY r.account_id, r.currency) q
        JOIN account a ON a.id = q.account_id AND a.currency = q.currency
             AND (q.is_named OR NOT starts_with(a.kind, 'adviser\\:'))
       WHERE b.account_id = q.account_id AND b.shard = (pg_backend_pid() % a.shards)\\:\\:smallint;
      GET DIAGNOSTICS written = ROW_COUNT;
      IF written <> (SELECT count(*) FROM (SELECT FROM new_posting r GROUP BY r.account_id, r.currency) q) THEN
        RAISE EXCEPTION 'a line of a reserve is on no account, in another currency, or names no shop'
          USING ERRCODE = '23503', TABLE = 'posting', CONSTRAINT = 'posting_account';
      END IF;
      RETURN NULL;
    END IF;
  END IF;
"""
APPLY_POSTINGS = _LEDGER.APPLY_POSTINGS.replace("BEGIN\n", BY_THE_SET, 1)

# Advisers are kept as payouts are, so that whom a payout names is asked once a statement and not by a key row by row.
# The new entries have neighbouring numbers: they are read as a range, however many there were before.
PAYOUT_CHECK = """
CREATE OR REPLACE FUNCTION payout_check() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_nestloop = off AS $$
DECLARE
  wrong uuid;
BEGIN
  SELECT n.id INTO wrong FROM new_payout n LEFT JOIN payout_run r ON r.id = n.run_id
    LEFT JOIN (SELECT e.id FROM entry e WHERE e.id BETWEEN (SELECT min(n.reserve_entry_id) FROM new_payout n)
                  AND (SELECT max(n.reserve_entry_id) FROM new_payout n)) e ON e.id = n.reserve_entry_id
    LEFT JOIN adviser a ON a.id = n.adviser_id
   WHERE r.id IS NULL OR e.id IS NULL OR a.id IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'payout % names no run, no adviser or no entry that there is', wrong
      USING ERRCODE = '23503', TABLE = 'payout', CONSTRAINT = 'payout_run_and_entry';
  END IF;
  RETURN NULL;
END $$
"""
KEPT = """
CREATE TRIGGER adviser_kept BEFORE DELETE OR TRUNCATE ON adviser FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE adviser ENABLE ALWAYS TRIGGER adviser_kept;
ALTER TABLE payout DROP CONSTRAINT fk_payout_adviser_id_adviser
"""
# The kinds of accounts are fixed and nobody but functions of the owner opens one.
KINDS = """
CREATE FUNCTION account_check() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  wrong text;
BEGIN
  SELECT n.kind INTO wrong FROM (SELECT DISTINCT n.kind FROM new_account n) n
   WHERE NOT EXISTS (SELECT FROM account_kind k WHERE k.kind = n.kind) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the chart of accounts does not have %', wrong
      USING ERRCODE = '23503', TABLE = 'account', CONSTRAINT = 'fk_account_kind_account_kind';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER account_checked AFTER INSERT ON account REFERENCING NEW TABLE AS new_account
  FOR EACH STATEMENT EXECUTE FUNCTION account_check();
ALTER TABLE account ENABLE ALWAYS TRIGGER account_checked;
ALTER TABLE account DROP CONSTRAINT fk_account_kind_account_kind, DROP CONSTRAINT uq_account_id_currency
"""
# A payout comes without a transfer, so what is not there yet has no place in an index; and who asks for the payouts of an
# adviser finds them by the key that makes one payout per adviser and run.
INDEXES = """
ALTER TABLE payout DROP CONSTRAINT uq_payout_run_id_adviser_id, DROP CONSTRAINT uq_payout_stripe_transfer_id,
  ADD CONSTRAINT uq_payout_adviser_id_run_id UNIQUE (adviser_id, run_id);
DROP INDEX ix_payout_adviser_id, ix_payout_destination_payment, ix_payout_bank_payout_id;
CREATE UNIQUE INDEX uq_payout_stripe_transfer_id ON payout (stripe_transfer_id) WHERE stripe_transfer_id IS NOT NULL;
CREATE INDEX ix_payout_destination_payment ON payout (destination_payment) WHERE destination_payment IS NOT NULL;
CREATE INDEX ix_payout_bank_payout_id ON payout (bank_payout_id) WHERE bank_payout_id IS NOT NULL
"""
INDEXES_BEFORE = """
DROP INDEX uq_payout_stripe_transfer_id, ix_payout_destination_payment, ix_payout_bank_payout_id;
ALTER TABLE payout DROP CONSTRAINT uq_payout_adviser_id_run_id,
  ADD CONSTRAINT uq_payout_run_id_adviser_id UNIQUE (run_id, adviser_id),
  ADD CONSTRAINT uq_payout_stripe_transfer_id UNIQUE (stripe_transfer_id);
CREATE INDEX ix_payout_adviser_id ON payout (adviser_id);
CREATE INDEX ix_payout_destination_payment ON payout (destination_payment);
CREATE INDEX ix_payout_bank_payout_id ON payout (bank_payout_id)
"""
CANDIDATES_NOW = "payout_run_candidates(text, bigint, timestamptz, bigint, uuid, bigint[])"
CANDIDATES_BEFORE = "payout_run_candidates(text, bigint, timestamptz, bigint)"


def upgrade() -> None:
    """Replace the functions, and drop the keys and indexes that they make needless."""
    for block in (DRAFT, KEPT, KINDS, INDEXES, PAYOUT_CHECK, APPLY_POSTINGS):
        op.execute(block)
    op.execute(f"DROP FUNCTION {CANDIDATES_BEFORE}")
    for block in (CANDIDATES, PREVIEW, RESERVE):
        op.execute(_replacing(block))
    grant_execute(op, "app", CANDIDATES_NOW)
    op.execute("REVOKE ALL ON FUNCTION account_check() FROM PUBLIC")


def downgrade() -> None:
    """Put the earlier functions, keys and indexes back; drafts have to be previewed again."""
    op.execute(f"DROP FUNCTION {CANDIDATES_NOW}")
    for block in (_BEFORE.CANDIDATES, _BEFORE.PREVIEW, _BEFORE.RESERVE):
        op.execute(_replacing(block))
    grant_execute(op, "app", CANDIDATES_BEFORE)
    op.execute(_LEDGER.APPLY_POSTINGS)
    payout_check = _BEFORE.NAMED.split("CREATE TRIGGER payout_checked")[0]
    op.execute(_replacing(payout_check))
    op.execute(INDEXES_BEFORE)
    op.execute("DROP TRIGGER account_checked ON account")
    op.execute("DROP FUNCTION account_check()")
    op.execute(
        "ALTER TABLE account ADD CONSTRAINT fk_account_kind_account_kind FOREIGN KEY (kind) REFERENCES account_kind,"
        " ADD CONSTRAINT uq_account_id_currency UNIQUE (id, currency)"
    )
    op.execute("DROP TRIGGER adviser_kept ON adviser")
    op.execute(
        "ALTER TABLE payout ADD CONSTRAINT fk_payout_adviser_id_adviser FOREIGN KEY (adviser_id) REFERENCES adviser"
    )
    op.execute("ALTER TABLE payout_run DROP COLUMN others")
    op.execute("ALTER TABLE payout_draft DROP COLUMN postings, DROP COLUMN digest")
