"""Payouts are frozen by finance, by the command line or by a restore; no other request can stop money.

Locks: none; a function is made, and rights on another one change.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant_execute

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BEGIN = "payout_freeze_begin(text, text, timestamptz, timestamptz, text)"
BY_HAND = "payout_freeze_by_hand(text, timestamptz, text)"
# Only a restore, which works as the owner of the tables, may say that the books went back in time: that takes back what
# two people already said about lifting. By hand a freeze that stands stays as it is.
FUNCTION = """
CREATE FUNCTION payout_freeze_by_hand(said text, at timestamptz, by_whom text)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF current_setting('app.role', true) IS DISTINCT FROM 'finance' THEN
    RAISE EXCEPTION 'only finance freezes payouts' USING ERRCODE = '42501';
  END IF;
  RETURN payout_freeze_begin('by_hand', said, NULL, at, by_whom);
END $$
"""


def upgrade() -> None:
    """Let finance freeze by hand, and nobody else but the owner freeze at all."""
    op.execute(FUNCTION)
    for role in ("app", "worker"):
        grant_execute(op, role, BY_HAND)
    op.execute(f"REVOKE ALL ON FUNCTION {BEGIN} FROM aanrader_app, aanrader_worker")


def downgrade() -> None:
    """Let every process of ours freeze payouts, and say that a restore did."""
    for role in ("app", "worker"):
        grant_execute(op, role, BEGIN)
    op.execute(f"DROP FUNCTION {BY_HAND}")
