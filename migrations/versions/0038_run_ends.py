"""A payout run may end without paying, and may look only at what was payable until a day.

A second person rejects a draft with a reason; then it stays as it was, as an approved one does. A run made with a
cut-off pays only what became payable before that instant: later amounts wait for the next run, while what was taken
back counts whenever it was, so that nobody is paid what is gone. Orders are found by how they begin with an operator
that row-level security lets an index serve (`^@` tells nothing of rows that it skips; LIKE might).

Locks: `payout_run` for an instant (it is short); SHARE on `shop_order` while an index is made, a second for a million.
"""

from __future__ import annotations

import importlib
from typing import Any

from alembic import op

from migrations.grants import grant, grant_execute

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def _of(name: str) -> Any:
    return importlib.import_module(f"migrations.versions.{name}")


_RUNS = _of("0020_payout_run_speed")

COLUMNS = """
ALTER TABLE payout_run
  ADD COLUMN cut_off_at timestamptz,
  ADD COLUMN rejected_by uuid CONSTRAINT fk_payout_run_rejected_by_user_account REFERENCES user_account,
  ADD COLUMN rejected_at timestamptz,
  ADD COLUMN rejected_reason text,
  DROP CONSTRAINT ck_payout_run_state,
  DROP CONSTRAINT ck_payout_run_approved_by_somebody,
  DROP CONSTRAINT ck_payout_run_approved_content,
  ADD CONSTRAINT ck_payout_run_state CHECK (state IN ('draft', 'approved', 'executing', 'done', 'rejected')),
  ADD CONSTRAINT ck_payout_run_approved_by_somebody CHECK
    ((state IN ('draft', 'rejected')) = (approved_by IS NULL) AND (approved_by IS NULL) = (approved_at IS NULL)),
  ADD CONSTRAINT ck_payout_run_approved_content CHECK
    (state IN ('draft', 'rejected') OR (content_hash IS NOT NULL AND total_minor > 0)),
  ADD CONSTRAINT ck_payout_run_rejected_by_somebody CHECK
    ((state = 'rejected') = (rejected_by IS NOT NULL) AND (rejected_by IS NULL) = (rejected_at IS NULL)
     AND (rejected_by IS NULL) = (rejected_reason IS NULL)),
  ADD CONSTRAINT ck_payout_run_second_person_rejects CHECK (rejected_by <> created_by)
"""
COLUMNS_BEFORE = """
ALTER TABLE payout_run
  DROP CONSTRAINT ck_payout_run_state,
  DROP CONSTRAINT ck_payout_run_approved_by_somebody,
  DROP CONSTRAINT ck_payout_run_approved_content,
  DROP COLUMN cut_off_at, DROP COLUMN rejected_by, DROP COLUMN rejected_at, DROP COLUMN rejected_reason,
  ADD CONSTRAINT ck_payout_run_state CHECK (state IN ('draft', 'approved', 'executing', 'done')),
  ADD CONSTRAINT ck_payout_run_approved_by_somebody
    CHECK ((state = 'draft') = (approved_by IS NULL) AND (approved_by IS NULL) = (approved_at IS NULL)),
  ADD CONSTRAINT ck_payout_run_approved_content
    CHECK (state = 'draft' OR (content_hash IS NOT NULL AND total_minor > 0))
"""
# The cut-off was chosen when the run was made, so that working it out again means the same.
FROZEN = """
CREATE OR REPLACE FUNCTION payout_run_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.cut_off_at IS DISTINCT FROM OLD.cut_off_at THEN
    RAISE EXCEPTION 'payout run % keeps the cut-off that it was made with', OLD.number
      USING ERRCODE = '23514', TABLE = 'payout_run', CONSTRAINT = 'payout_run_frozen';
  END IF;
  IF OLD.state <> 'draft' AND (
       (NEW.id, NEW.number, NEW.currency, NEW.created_by, NEW.cutoff_entry_id, NEW.content_hash, NEW.total_minor,
        NEW.preview, NEW.approved_by, NEW.approved_at, NEW.rejected_by, NEW.rejected_at, NEW.rejected_reason)
       IS DISTINCT FROM
       (OLD.id, OLD.number, OLD.currency, OLD.created_by, OLD.cutoff_entry_id, OLD.content_hash, OLD.total_minor,
        OLD.preview, OLD.approved_by, OLD.approved_at, OLD.rejected_by, OLD.rejected_at, OLD.rejected_reason)
       OR NOT (NEW.state = OLD.state OR (OLD.state = 'approved' AND NEW.state = 'executing')
               OR (OLD.state = 'executing' AND NEW.state = 'done'))) THEN
    RAISE EXCEPTION 'payout run % was approved or rejected and stays as it was', OLD.number
      USING ERRCODE = '23514', TABLE = 'payout_run', CONSTRAINT = 'payout_run_frozen';
  END IF;
  RETURN NEW;
END $$
"""
FROZEN_BEFORE = """
CREATE OR REPLACE FUNCTION payout_run_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
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
END $$
"""
# Four eyes here too: whoever rejects is the one who acts, is of finance now, and did not make the run.
REJECTER = """
CREATE FUNCTION payout_run_rejecter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.rejected_by IS DISTINCT FROM nullif(current_setting('app.actor', true), '')::uuid
     OR NEW.rejected_by = NEW.created_by
     OR NOT EXISTS (SELECT FROM user_account u
                     WHERE u.id = NEW.rejected_by AND u.role = 'finance' AND u.suspended_at IS NULL) THEN
    RAISE EXCEPTION 'payout run % is rejected by a second person of finance, who acts', NEW.number
      USING ERRCODE = '23514', TABLE = 'payout_run', CONSTRAINT = 'payout_run_rejecter';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payout_run_rejecter BEFORE INSERT OR UPDATE OF rejected_by ON payout_run FOR EACH ROW
  WHEN (NEW.rejected_by IS NOT NULL) EXECUTE FUNCTION payout_run_rejecter();
ALTER TABLE payout_run ENABLE ALWAYS TRIGGER payout_run_rejecter
"""

# What came in after the cut-off. The numbers of those entries are collected once, and only when there is a cut-off.
_LATE = (
    " AND (p.amount_minor > 0 OR {until} IS NULL"
    " OR p.entry_id NOT IN (SELECT e.id FROM entry e WHERE e.effective_at >= {until} AND e.id <= {cutoff}))"
)


def _put(text: str, after: str, more: str) -> str:
    if after not in text:
        raise ValueError(f"the function has no {after!r}")
    return text.replace(after, after + more)


CANDIDATES = _put(
    _put(_RUNS.CANDIDATES, "among bigint[] DEFAULT NULL", ", until timestamptz DEFAULT NULL"),
    "(p.entry_id <= cutoff OR p.amount_minor > 0)",
    _LATE.format(until="until", cutoff="cutoff"),
)
PREVIEW = _put(
    _RUNS.PREVIEW,
    "payout_run_candidates(r.currency, newest, at, least_minor",
    ", NULL, NULL, r.cut_off_at",
)
RESERVE = _put(
    _put(
        _RUNS.RESERVE,
        "payout_run_candidates(r.currency, r.cutoff_entry_id, at, least_minor, run, coalesce(changed, '{}')",
        ", r.cut_off_at",
    ),
    "(p.entry_id <= r.cutoff_entry_id OR p.amount_minor > 0)",
    _LATE.format(until="r.cut_off_at", cutoff="r.cutoff_entry_id"),
)
CANDIDATES_NOW = "payout_run_candidates(text, bigint, timestamptz, bigint, uuid, bigint[], timestamptz)"
ORDERS = "CREATE INDEX ix_shop_order_order_ref ON shop_order (order_ref text_pattern_ops)"


def upgrade() -> None:
    """Let drafts be rejected, let runs have a cut-off, and let orders be found by how they begin."""
    for block in (COLUMNS, FROZEN, REJECTER):
        op.execute(block)
    op.execute("REVOKE ALL ON FUNCTION payout_run_rejecter() FROM PUBLIC")
    grant(op, "app", "UPDATE (rejected_by, rejected_at, rejected_reason)", "payout_run")
    op.execute(f"DROP FUNCTION {_RUNS.CANDIDATES_NOW}")
    for block in (CANDIDATES, PREVIEW, RESERVE):
        op.execute(_RUNS._replacing(block))
    grant_execute(op, "app", CANDIDATES_NOW)
    op.execute(ORDERS)


def downgrade() -> None:
    """Put the earlier functions back; a rejected run is a draft again, and a cut-off is forgotten."""
    op.execute("DROP INDEX ix_shop_order_order_ref")
    op.execute(f"DROP FUNCTION {CANDIDATES_NOW}")
    for block in (_RUNS.CANDIDATES, _RUNS.PREVIEW, _RUNS.RESERVE):
        op.execute(_RUNS._replacing(block))
    grant_execute(op, "app", _RUNS.CANDIDATES_NOW)
    op.execute("DROP TRIGGER payout_run_rejecter ON payout_run")
    op.execute("DROP FUNCTION payout_run_rejecter()")
    op.execute("ALTER TABLE payout_run DISABLE TRIGGER payout_run_frozen")
    op.execute(
        "UPDATE payout_run SET state = 'draft', rejected_by = NULL, rejected_at = NULL, rejected_reason = NULL"
        " WHERE state = 'rejected'"
    )
    op.execute("ALTER TABLE payout_run ENABLE ALWAYS TRIGGER payout_run_frozen")
    op.execute(COLUMNS_BEFORE)
    op.execute(FROZEN_BEFORE)
