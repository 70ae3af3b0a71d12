"""Accrual: commissions whose posting fails are set aside, so that they stop nobody else's.

Locks: none that anybody waits for; the table is new, and replacing the claim takes an instant.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant, grant_execute

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# A row is about one move that could not be posted. It is open until that move is in the books, so nothing has to be
# told when the cause is gone.
TABLES = """
CREATE TABLE accrual_set_aside (
  move_id uuid NOT NULL CONSTRAINT pk_accrual_set_aside PRIMARY KEY
    CONSTRAINT fk_accrual_set_aside_move_id_commission_move REFERENCES commission_move,
  commission_id uuid NOT NULL CONSTRAINT fk_accrual_set_aside_commission_id_commission REFERENCES commission,
  code text NOT NULL,
  tries integer NOT NULL DEFAULT 1 CONSTRAINT ck_accrual_set_aside_tries CHECK (tries > 0),
  first_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL DEFAULT now(),
  retry_at timestamptz NOT NULL
);
CREATE INDEX ix_accrual_set_aside_commission_id ON accrual_set_aside (commission_id);
CREATE TRIGGER accrual_set_aside_not_removed BEFORE DELETE OR TRUNCATE ON accrual_set_aside
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE accrual_set_aside ENABLE ALWAYS TRIGGER accrual_set_aside_not_removed;
CREATE VIEW accrual_stuck AS
SELECT s.move_id, s.commission_id, s.code, s.tries, s.first_at, s.last_at, s.retry_at FROM accrual_set_aside s
 WHERE NOT EXISTS (SELECT FROM accrual a WHERE a.move_id = s.move_id)
"""

# Without `among` the claim passes over what is set aside; with it, it takes these if they are due, set aside or not.
CLAIM = """
DROP FUNCTION accrual_claim(integer, uuid);
CREATE FUNCTION accrual_claim(wanted integer, since uuid DEFAULT NULL, among uuid[] DEFAULT NULL) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF among IS NOT NULL THEN
    RETURN QUERY
      SELECT c.id FROM commission c
       WHERE c.id = ANY (among)
         AND EXISTS (SELECT FROM accrual_unposted u WHERE u.commission_id = c.id AND NOT u.awaits_shop)
       ORDER BY c.id LIMIT wanted FOR NO KEY UPDATE SKIP LOCKED;
    RETURN;
  END IF;
  RETURN QUERY
    SELECT c.id FROM commission c
     WHERE c.id IN (SELECT u.commission_id FROM accrual_unposted u
                     WHERE NOT u.awaits_shop AND (since IS NULL OR u.move_id >= since))
       AND NOT EXISTS (SELECT FROM accrual_stuck s WHERE s.commission_id = c.id)
     ORDER BY c.id LIMIT wanted FOR NO KEY UPDATE SKIP LOCKED;
END $$
"""
CLAIM_BEFORE = """
DROP FUNCTION accrual_claim(integer, uuid, uuid[]);
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
    """Create the table, and let the claim pass over what is in it."""
    for block in (TABLES, CLAIM):
        op.execute(block)
    for role in ("app", "worker"):
        grant(op, role, "SELECT", "accrual_set_aside", "accrual_stuck")
    grant(op, "worker", "INSERT, UPDATE (code, tries, last_at, retry_at)", "accrual_set_aside")
    grant_execute(op, "worker", "accrual_claim(integer, uuid, uuid[])")


def downgrade() -> None:
    """Forget what was set aside: it is claimed with the rest again."""
    op.execute(CLAIM_BEFORE)
    grant_execute(op, "worker", "accrual_claim(integer, uuid)")
    op.execute("DROP VIEW accrual_stuck")
    op.execute("DROP TABLE accrual_set_aside")
