"""Payout runs set by set: who is paid, the content hash, the reserve and the lines, in a few statements of the database.

Locks: `entry`, `payout`, `payout_line` and `payout_run` for an instant; entry's new column has a constant default.
"""

from __future__ import annotations

import importlib
from typing import Any

from alembic import op

from migrations.grants import grant, grant_execute
from migrations.row_security import enable, permit, role

revision = "0015"
down_revision = "0012"
branch_labels = None
depends_on = None

# What the last preview of a run said, adviser by adviser; an approved run keeps what was approved.
DRAFT = """
CREATE TABLE payout_draft (
  -- Without a foreign key: payout_run_preview alone writes here, while it holds the run; runs are never removed.
  run_id uuid NOT NULL, adviser_id uuid NOT NULL,
  place integer NOT NULL, payout_id uuid NOT NULL, account_id bigint NOT NULL,
  amount_minor bigint NOT NULL, lines bigint NOT NULL,
  -- Null when the adviser is paid.
  reason text,
  destination text, destination_fingerprint text,
  -- What is hashed of a payout: to whom, how much, for which postings, to which bank account.
  content bytea,
  CONSTRAINT pk_payout_draft PRIMARY KEY (run_id, adviser_id),
  CONSTRAINT ck_payout_draft_paid_has_content CHECK ((reason IS NULL) = (content IS NOT NULL))
)
"""

# An entry that is written whole comes with all its lines in one statement, and is checked at the end of that, all such
# entries at once; stricter than at COMMIT, and a third of the time. Only functions of the owner can say so of an entry.
WHOLE = """
ALTER TABLE entry ADD COLUMN whole boolean NOT NULL DEFAULT false;
ALTER TABLE entry ADD CONSTRAINT ck_entry_whole CHECK (NOT whole OR reverses IS NULL);
CREATE FUNCTION ledger_check_whole() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  wrong record;
BEGIN
  IF NOT EXISTS (SELECT FROM new_entry n WHERE n.whole) THEN
    RETURN NULL;
  END IF;
  SELECT n.id, n.lines, q.counted INTO wrong
    FROM new_entry n CROSS JOIN LATERAL (
      SELECT count(*) AS counted, sum(p.amount_minor) AS total, min(p.currency) AS first, max(p.currency) AS last
        FROM posting p WHERE p.entry_id = n.id OFFSET 0) q
   WHERE n.whole AND (q.counted <> n.lines OR q.total <> 0 OR q.first <> q.last) LIMIT 1;
  IF FOUND AND wrong.counted <> wrong.lines THEN
    RAISE EXCEPTION 'entry % says it has % lines and has %', wrong.id, wrong.lines, wrong.counted
      USING ERRCODE = '23514', TABLE = 'entry', CONSTRAINT = 'entry_complete';
  ELSIF FOUND THEN
    RAISE EXCEPTION 'entry % does not sum to zero in one currency', wrong.id
      USING ERRCODE = '23514', TABLE = 'entry', CONSTRAINT = 'entry_balanced';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER entry_whole AFTER INSERT ON entry REFERENCING NEW TABLE AS new_entry
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_whole();
ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_whole;
DROP TRIGGER entry_checked ON entry;
CREATE CONSTRAINT TRIGGER entry_checked AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NOT NEW.whole) EXECUTE FUNCTION ledger_check_entry();
ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_checked
"""

# Two foreign keys asked line by line, which took longer than all the rest of a run. Instead a line can't be written but
# by payout_run_reserve, which takes lines from the postings themselves and refuses when a payout is not their sum; not
# even the owner can do it by mistake. What lines point to stays: postings are append-only, payouts are never removed.
LINES = """
CREATE FUNCTION payout_lines_reserved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF current_setting('aanrader.reserving', true) IS DISTINCT FROM pg_current_xact_id()::text THEN
    RAISE EXCEPTION 'lines of payouts are written by payout_run_reserve'
      USING ERRCODE = '23503', TABLE = 'payout_line', CONSTRAINT = 'payout_line_reserved';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER payout_lines_reserved BEFORE INSERT ON payout_line
  FOR EACH STATEMENT EXECUTE FUNCTION payout_lines_reserved();
ALTER TABLE payout_line DROP CONSTRAINT fk_payout_line_payout_id_payout,
  DROP CONSTRAINT fk_payout_line_entry_id_posting;
DROP INDEX ix_payout_line_payout_id;
CREATE TRIGGER payout_kept BEFORE DELETE OR TRUNCATE ON payout FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE payout ENABLE ALWAYS TRIGGER payout_kept;
CREATE TRIGGER payout_run_kept BEFORE DELETE OR TRUNCATE ON payout_run
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE payout_run ENABLE ALWAYS TRIGGER payout_run_kept
"""
# The same for the run and the reserve that a payout names, and for the account of a balance: what they point to is
# never removed and keeps its id.
NAMED = """
CREATE FUNCTION payout_check() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_nestloop = off AS $$
DECLARE
  wrong uuid;
BEGIN
  SELECT n.id INTO wrong FROM new_payout n LEFT JOIN payout_run r ON r.id = n.run_id
    LEFT JOIN entry e ON e.id = n.reserve_entry_id
   WHERE r.id IS NULL OR e.id IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'payout % names no run or no entry that there is', wrong
      USING ERRCODE = '23503', TABLE = 'payout', CONSTRAINT = 'payout_run_and_entry';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER payout_checked AFTER INSERT ON payout REFERENCING NEW TABLE AS new_payout
  FOR EACH STATEMENT EXECUTE FUNCTION payout_check();
ALTER TABLE payout DROP CONSTRAINT fk_payout_run_id_payout_run,
  DROP CONSTRAINT fk_payout_reserve_entry_id_entry;
CREATE FUNCTION balance_check() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  wrong bigint;
BEGIN
  SELECT n.account_id INTO wrong FROM new_balance n
   WHERE NOT EXISTS (SELECT FROM account a WHERE a.id = n.account_id OFFSET 0) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'there is no account %', wrong
      USING ERRCODE = '23503', TABLE = 'balance', CONSTRAINT = 'balance_account';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER balance_checked AFTER INSERT ON balance REFERENCING NEW TABLE AS new_balance
  FOR EACH STATEMENT EXECUTE FUNCTION balance_check();
ALTER TABLE balance DROP CONSTRAINT fk_balance_account_id_account
"""

# Who has something that no payout pays yet, and why they are left out if they are; the most telling reason first.
# A reserve takes what lines already name, so it is no candidate itself. After the cut-off only what takes money away
# counts: a return must make a preview stale, and a commission that matured later waits for the next run.
# Whole tables are compared at once: a plan for few rows would ask for each of a million lines.
CANDIDATES = """
CREATE FUNCTION payout_run_candidates(cur text, cutoff bigint, at timestamptz, least_minor bigint)
RETURNS TABLE (adviser_id uuid, account_id bigint, amount_minor bigint, lines bigint, reason text,
               destination text, destination_fingerprint text, content bytea)
LANGUAGE sql STABLE SET search_path = public, pg_temp SET enable_nestloop = off SET work_mem = '128MB' AS $$
WITH unpaid AS (
  SELECT a.id, a.owner, -sum(p.amount_minor)::bigint AS amount, count(*) AS lines,
         sha256(string_agg(int8send(p.entry_id) || int2send(p.line), '' ORDER BY p.entry_id, p.line)) AS digest
    FROM account a JOIN posting p ON p.account_id = a.id
   WHERE a.kind = 'adviser:available' AND a.currency = cur AND (p.entry_id <= cutoff OR p.amount_minor > 0)
     AND NOT EXISTS (SELECT FROM payout_line l WHERE l.entry_id = p.entry_id AND l.line = p.line)
     AND NOT EXISTS (SELECT FROM payout y WHERE y.reserve_entry_id = p.entry_id)
   GROUP BY a.id
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
    FROM unpaid u LEFT JOIN states s ON s.adviser_id = u.owner LEFT JOIN owing o ON o.owner = u.owner
    LEFT JOIN payout_account d ON d.adviser_id = u.owner AND d.currency = cur
)
SELECT j.owner, j.id, j.amount, j.lines, j.reason, j.stripe_account_id, j.destination_fingerprint,
       CASE WHEN j.reason IS NULL THEN sha256(convert_to(
         concat_ws(':', j.owner, j.amount, j.lines, encode(j.digest, 'hex'), octet_length(j.stripe_account_id),
                   j.stripe_account_id, j.destination_fingerprint), 'UTF8')) END
  FROM judged j
$$
"""
# The hash covers who is paid, not who is left out: that changes by the hour and pays nobody.
HASH = "encode(sha256(convert_to({run} || ':' || {currency} || ':', 'UTF8')" + (
    " || coalesce(string_agg({of}.content, '' ORDER BY {of}.adviser_id), '')), 'hex')"
)
FINANCE_ONLY = """
  IF current_setting('app.role', true) IS DISTINCT FROM 'finance' THEN
    RAISE EXCEPTION 'only finance reserves money for payouts' USING ERRCODE = '42501';
  END IF;"""
PREVIEW = f"""
CREATE FUNCTION payout_run_preview(run uuid, at timestamptz, least_minor bigint)
RETURNS TABLE (cutoff bigint, content_hash text, total bigint, payouts bigint, left_out bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET work_mem = '128MB' AS $$
#variable_conflict use_column
DECLARE
  r payout_run;
  newest bigint;
BEGIN{FINANCE_ONLY}
  SELECT q.* INTO STRICT r FROM payout_run q WHERE q.id = run FOR UPDATE;
  IF r.state <> 'draft' THEN
    RAISE EXCEPTION 'payout run % was approved and stays as it was', r.number
      USING ERRCODE = '23514', TABLE = 'payout_run', CONSTRAINT = 'payout_run_frozen';
  END IF;
  SELECT coalesce(max(e.id), 0) INTO newest FROM entry e;
  DELETE FROM payout_draft WHERE run_id = run;
  -- Ids are of version 7: the instant, then the place, then chance.
  INSERT INTO payout_draft (run_id, adviser_id, place, payout_id, account_id, amount_minor, lines, reason,
                            destination, destination_fingerprint, content)
  SELECT run, c.adviser_id, c.place,
         (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
          || '7' || lpad(to_hex(c.place >> 12 & 4095), 3, '0') || '8' || lpad(to_hex(c.place & 4095), 3, '0')
          || right(gen_random_uuid()::text, 12))::uuid,
         c.account_id, c.amount_minor, c.lines, c.reason, c.destination, c.destination_fingerprint, c.content
    FROM (SELECT q.*, (row_number() OVER (PARTITION BY q.reason IS NULL ORDER BY q.adviser_id))::integer AS place
            FROM payout_run_candidates(r.currency, newest, at, least_minor) q) c
   ORDER BY c.adviser_id;
  RETURN QUERY
    SELECT newest, {HASH.format(run="run", currency="r.currency", of="d")},
           coalesce(sum(d.amount_minor) FILTER (WHERE d.reason IS NULL), 0)::bigint,
           count(*) FILTER (WHERE d.reason IS NULL), count(*) FILTER (WHERE d.reason IS NOT NULL)
      FROM payout_draft d WHERE d.run_id = run;
END $$
"""

# Lock first, so that what is compared with the preview can't change any more; then work it out anew, and reserve exactly
# what the preview said, or nothing. Everything comes from the books and the payout accounts, nothing from the caller
# but who approves, and the hash and the total that were read.
RESERVE = f"""
CREATE FUNCTION payout_run_reserve(run uuid, approver uuid, at timestamptz, least_minor bigint, said text, said_total bigint)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_nestloop = off SET work_mem = '128MB' AS $$
DECLARE
  r payout_run;
  missing uuid[];
  present text;
  total bigint;
  reserved bigint;
BEGIN{FINANCE_ONLY}
  SELECT q.* INTO STRICT r FROM payout_run q WHERE q.id = run FOR UPDATE;
  IF r.state <> 'draft' OR r.content_hash IS NULL OR r.cutoff_entry_id IS NULL THEN
    RAISE EXCEPTION 'payout run % does not stand as it was previewed', r.number
      USING ERRCODE = '23514', TABLE = 'payout_run', CONSTRAINT = 'payout_run_as_previewed';
  END IF;
  SELECT array_agg(d.adviser_id) INTO missing FROM payout_draft d
   WHERE d.run_id = run AND d.reason IS NULL
     AND NOT EXISTS (SELECT FROM account a WHERE a.owner = d.adviser_id AND a.kind = 'adviser:in_transit'
                        AND a.currency = r.currency);
  IF missing IS NOT NULL THEN
    PERFORM count(*) FROM ledger_open_accounts(
      array_fill('adviser:in_transit'::text, ARRAY[cardinality(missing)]), missing,
      array_fill(r.currency::text, ARRAY[cardinality(missing)]));
  END IF;
  PERFORM count(*) FROM ledger_lock(array(
    SELECT a.id FROM payout_draft d JOIN account a ON a.owner = d.adviser_id AND a.currency = r.currency
       AND a.kind IN ('adviser:available', 'adviser:in_transit', 'adviser:receivable')
     WHERE d.run_id = run AND d.reason IS NULL));
  SELECT {HASH.format(run="run", currency="r.currency", of="c")}, sum(c.amount_minor) FILTER (WHERE c.reason IS NULL)
    INTO present, total FROM payout_run_candidates(r.currency, r.cutoff_entry_id, at, least_minor) c;
  IF (present, total) IS DISTINCT FROM (r.content_hash, r.total_minor)
     OR (present, total) IS DISTINCT FROM (said, said_total) THEN
    RAISE EXCEPTION 'payout run % does not stand as it was previewed', r.number
      USING ERRCODE = '23514', TABLE = 'payout_run', CONSTRAINT = 'payout_run_as_previewed';
  END IF;
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
    SELECT n.payout_id, n.shop_id, sum(n.amount_minor)::bigint AS amount FROM named n
     GROUP BY n.payout_id, n.shop_id HAVING sum(n.amount_minor) <> 0
  ), made AS (
    INSERT INTO entry (idem, request_hash, kind, lines, effective_at, actor, source_type, source_id, whole)
    SELECT 'reserve:' || d.payout_id,
           sha256(convert_to('reserve:' || d.payout_id || ':' || d.amount_minor, 'UTF8')), 'reserve',
           2 * q.shops, at, 'user:' || approver, 'payout', d.payout_id::text, true
      FROM payout_draft d JOIN (SELECT payout_id, count(*) AS shops, sum(amount) AS total FROM parts
                                 GROUP BY payout_id) q
           ON q.payout_id = d.payout_id AND q.total = d.amount_minor
     WHERE d.run_id = run ORDER BY d.place
    RETURNING entry.id, entry.source_id::uuid AS payout_id
  ), posted AS (
    INSERT INTO posting (entry_id, line, account_id, currency, amount_minor, shop_id)
    SELECT m.id, row_number() OVER (PARTITION BY m.id ORDER BY side.sign DESC, q.shop_id),
           CASE side.sign WHEN 1 THEN d.account_id ELSE a.id END, r.currency, side.sign * q.amount, q.shop_id
      FROM made m JOIN parts q ON q.payout_id = m.payout_id
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
OLD_RESERVE = "payout_run_reserve(uuid, uuid, timestamptz, uuid[], uuid[], bigint[], text[], text[])"
OLD_LOCK = "payout_run_lock(uuid, uuid[])"
NEW = (
    "payout_run_candidates(text, bigint, timestamptz, bigint)",
    "payout_run_preview(uuid, timestamptz, bigint)",
    "payout_run_reserve(uuid, uuid, timestamptz, bigint, text, bigint)",
)


def _of(name: str) -> Any:
    return importlib.import_module(f"migrations.versions.{name}")


def upgrade() -> None:
    """Create the draft and the functions, and check entries and lines that come by the set as a set."""
    op.execute(DRAFT)
    enable(op, "payout_draft")
    permit(op, "payout_draft", "app", "select", role("finance", "admin", "watch"))
    permit(op, "payout_draft", "worker", "all", "true")
    grant(op, "app", "SELECT", "payout_draft")
    grant(op, "worker", "SELECT", "payout_draft")
    op.execute(WHOLE)
    op.execute(LINES)
    op.execute(NAMED)
    op.execute(
        "REVOKE ALL ON FUNCTION ledger_check_whole(), payout_lines_reserved(), payout_check(), balance_check()"
        " FROM PUBLIC"
    )
    op.execute(f"DROP FUNCTION {OLD_RESERVE}")
    op.execute(f"DROP FUNCTION {OLD_LOCK}")
    for block in (CANDIDATES, PREVIEW, RESERVE):
        op.execute(block)
    grant_execute(op, "app", *NEW)


def downgrade() -> None:
    """Put the earlier functions, keys and checks back; drafts have to be previewed again."""
    for function in reversed(NEW):
        op.execute(f"DROP FUNCTION {function}")
    op.execute(_of("0009_settlement").RESERVE)
    op.execute(f"ALTER FUNCTION {OLD_RESERVE} SET enable_seqscan = off")
    before = _of("0012_row_level_security")
    op.execute(before.LOCK.format(check=before.FINANCE_ONLY))
    grant_execute(op, "app", OLD_LOCK, OLD_RESERVE)
    op.execute("DROP TRIGGER balance_checked ON balance")
    op.execute(
        "ALTER TABLE balance ADD CONSTRAINT fk_balance_account_id_account FOREIGN KEY (account_id) REFERENCES account"
    )
    op.execute("DROP TRIGGER payout_checked ON payout")
    op.execute(
        "ALTER TABLE payout ADD CONSTRAINT fk_payout_run_id_payout_run FOREIGN KEY (run_id) REFERENCES payout_run,"
        " ADD CONSTRAINT fk_payout_reserve_entry_id_entry FOREIGN KEY (reserve_entry_id) REFERENCES entry"
    )
    op.execute("DROP TRIGGER payout_run_kept ON payout_run")
    op.execute("DROP TRIGGER payout_kept ON payout")
    op.execute("DROP TRIGGER payout_lines_reserved ON payout_line")
    op.execute("CREATE INDEX ix_payout_line_payout_id ON payout_line (payout_id)")
    op.execute(
        "ALTER TABLE payout_line"
        " ADD CONSTRAINT fk_payout_line_payout_id_payout FOREIGN KEY (payout_id) REFERENCES payout,"
        " ADD CONSTRAINT fk_payout_line_entry_id_posting"
        " FOREIGN KEY (entry_id, line) REFERENCES posting (entry_id, line)"
    )
    op.execute("DROP TRIGGER entry_checked ON entry")
    op.execute("DROP TRIGGER entry_whole ON entry")
    op.execute("ALTER TABLE entry DROP COLUMN whole")
    op.execute(
        "CREATE CONSTRAINT TRIGGER entry_checked AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION ledger_check_entry()"
    )
    op.execute("ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_checked")
    op.execute("DROP FUNCTION ledger_check_whole()")
    for function in ("payout_lines_reserved()", "payout_check()", "balance_check()"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP TABLE payout_draft")
