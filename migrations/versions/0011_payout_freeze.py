"""Payouts freeze: after a restore nothing is paid until the books know every transfer that Stripe made.

Locks: payout_run and payout_attempt for the instant in which a trigger is added; the tables are new.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant, grant_execute

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE payout_freeze (
  id uuid NOT NULL CONSTRAINT pk_payout_freeze PRIMARY KEY DEFAULT gen_random_uuid(),
  reason text NOT NULL CONSTRAINT ck_payout_freeze_reason CHECK (reason IN ('restore', 'by_hand')),
  note text NOT NULL DEFAULT '',
  -- The books may lack what happened after this instant; null when nothing was taken back.
  backup_at timestamptz,
  frozen_at timestamptz NOT NULL, frozen_by text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(),
  lift_asked_by uuid CONSTRAINT fk_payout_freeze_lift_asked_by_user_account REFERENCES user_account,
  lift_asked_at timestamptz,
  lifted_by uuid CONSTRAINT fk_payout_freeze_lifted_by_user_account REFERENCES user_account,
  lifted_at timestamptz,
  CONSTRAINT ck_payout_freeze_second_person CHECK (lifted_by <> lift_asked_by),
  CONSTRAINT ck_payout_freeze_lifted_by_two CHECK (
    (lift_asked_by IS NULL) = (lift_asked_at IS NULL) AND (lifted_by IS NULL) = (lifted_at IS NULL)
    AND (lifted_by IS NULL OR lift_asked_by IS NOT NULL))
);
CREATE UNIQUE INDEX uq_payout_freeze_open ON payout_freeze ((lifted_at IS NULL)) WHERE lifted_at IS NULL;
CREATE TABLE transfer_booking (
  transfer_id text NOT NULL CONSTRAINT pk_transfer_booking PRIMARY KEY,
  adviser_id uuid NOT NULL CONSTRAINT fk_transfer_booking_adviser_id_adviser REFERENCES adviser,
  shop_id uuid NOT NULL CONSTRAINT fk_transfer_booking_shop_id_shop REFERENCES shop,
  amount_minor bigint NOT NULL CONSTRAINT ck_transfer_booking_positive CHECK (amount_minor > 0),
  currency char(3) NOT NULL, note text NOT NULL DEFAULT '',
  asked_by uuid NOT NULL CONSTRAINT fk_transfer_booking_asked_by_user_account REFERENCES user_account,
  asked_at timestamptz NOT NULL,
  approved_by uuid CONSTRAINT fk_transfer_booking_approved_by_user_account REFERENCES user_account,
  approved_at timestamptz,
  entry_id bigint CONSTRAINT fk_transfer_booking_entry_id_entry REFERENCES entry
    CONSTRAINT uq_transfer_booking_entry_id UNIQUE,
  posted_at timestamptz,
  CONSTRAINT ck_transfer_booking_second_person CHECK (approved_by <> asked_by),
  CONSTRAINT ck_transfer_booking_in_order CHECK (
    (approved_by IS NULL) = (approved_at IS NULL) AND (entry_id IS NULL) = (posted_at IS NULL)
    AND (entry_id IS NULL OR approved_by IS NOT NULL))
)
"""

# Whoever pays holds the lock shared until its commit, whoever freezes takes it alone: once a freeze has committed,
# no attempt and no approval that did not see it can follow. payouts_frozen is volatile so that, asked after the lock, it
# sees what was committed while its caller waited.
FREEZE = """
CREATE FUNCTION payouts_frozen() RETURNS boolean LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp AS 'SELECT EXISTS (SELECT FROM payout_freeze f WHERE f.lifted_at IS NULL)';
CREATE FUNCTION payout_freeze_begin(why text, said text, backup timestamptz, at timestamptz, by_whom text)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  found_id uuid;
BEGIN
  PERFORM pg_advisory_xact_lock(7220261123);
  SELECT f.id INTO found_id FROM payout_freeze f WHERE f.lifted_at IS NULL FOR UPDATE;
  IF found_id IS NULL THEN
    INSERT INTO payout_freeze (reason, note, backup_at, frozen_at, frozen_by) VALUES (why, said, backup, at, by_whom)
      RETURNING id INTO found_id;
  ELSIF why = 'restore' THEN
    -- What was known of the freeze in the backup is older than what has to be found out now.
    UPDATE payout_freeze f SET reason = why, note = said, backup_at = least(f.backup_at, backup), frozen_at = at,
           frozen_by = by_whom, lift_asked_by = NULL, lift_asked_at = NULL
     WHERE f.id = found_id;
  END IF;
  RETURN found_id;
END $$;
CREATE FUNCTION payout_freeze_refuses() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  pays boolean;
BEGIN
  IF TG_TABLE_NAME = 'payout_attempt' THEN
    -- An attempt that is adopted was sent before; writing it down pays nobody.
    pays := CASE TG_OP WHEN 'INSERT' THEN NEW.outcome IS DISTINCT FROM 'adopted' ELSE NEW.sends > OLD.sends END;
  ELSE
    pays := (OLD.state, NEW.state) IN (('draft', 'approved'), ('approved', 'executing'));
  END IF;
  IF pays THEN
    PERFORM pg_advisory_xact_lock_shared(7220261123);
    IF payouts_frozen() THEN
      RAISE EXCEPTION 'payouts are frozen'
        USING ERRCODE = '23514', TABLE = TG_TABLE_NAME, CONSTRAINT = 'payouts_frozen';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payout_freeze_refuses BEFORE INSERT OR UPDATE ON payout_attempt
  FOR EACH ROW EXECUTE FUNCTION payout_freeze_refuses();
ALTER TABLE payout_attempt ENABLE ALWAYS TRIGGER payout_freeze_refuses;
CREATE TRIGGER payout_freeze_refuses BEFORE UPDATE ON payout_run
  FOR EACH ROW EXECUTE FUNCTION payout_freeze_refuses();
ALTER TABLE payout_run ENABLE ALWAYS TRIGGER payout_freeze_refuses
"""

LIFT = """
CREATE FUNCTION payout_freeze_lifts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.lifted_at IS NOT NULL THEN
    RAISE EXCEPTION 'a freeze is history and stays as it was'
      USING ERRCODE = '23514', TABLE = 'payout_freeze', CONSTRAINT = 'payout_freeze_history';
  END IF;
  IF NEW.lifted_at IS NOT NULL THEN
    IF NOT EXISTS (SELECT FROM recon_import i WHERE i.state = 'finished' AND i.asked_at >= NEW.lift_asked_at) THEN
      RAISE EXCEPTION 'Stripe was not asked since lifting was asked for'
        USING ERRCODE = '23514', TABLE = 'payout_freeze', CONSTRAINT = 'payout_freeze_imported';
    END IF;
    IF EXISTS (SELECT FROM balance_tx b WHERE b.type = 'transfer'
                  AND NOT EXISTS (SELECT FROM stripe_movement m WHERE m.source_id = b.source_id)) THEN
      RAISE EXCEPTION 'Stripe made a transfer that the books do not know'
        USING ERRCODE = '23514', TABLE = 'payout_freeze', CONSTRAINT = 'payout_freeze_explained';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payout_freeze_lifts BEFORE UPDATE OR DELETE ON payout_freeze
  FOR EACH ROW EXECUTE FUNCTION payout_freeze_lifts();
ALTER TABLE payout_freeze ENABLE ALWAYS TRIGGER payout_freeze_lifts;
CREATE FUNCTION transfer_booking_settled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.approved_at IS NOT NULL AND (NEW.entry_id, NEW.posted_at) IS NOT DISTINCT FROM (OLD.entry_id, OLD.posted_at)
     OR OLD.entry_id IS NOT NULL
     OR NEW.entry_id IS NOT NULL AND (to_jsonb(NEW) - 'entry_id' - 'posted_at')
                                     <> (to_jsonb(OLD) - 'entry_id' - 'posted_at') THEN
    RAISE EXCEPTION 'the booking of transfer % was approved and stays as it was', OLD.transfer_id
      USING ERRCODE = '23514', TABLE = 'transfer_booking', CONSTRAINT = 'transfer_booking_settled';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER transfer_booking_settled BEFORE UPDATE ON transfer_booking
  FOR EACH ROW EXECUTE FUNCTION transfer_booking_settled();
ALTER TABLE transfer_booking ENABLE ALWAYS TRIGGER transfer_booking_settled
"""


def upgrade() -> None:
    """Create the freeze, and the way in which finance books a transfer whose payout is gone."""
    for block in (TABLES, FREEZE, LIFT):
        op.execute(block)
    op.execute("REVOKE ALL ON FUNCTION payout_freeze_refuses(), payout_freeze_lifts() FROM PUBLIC")
    for role in ("app", "worker"):
        grant(op, role, "SELECT", "payout_freeze", "transfer_booking")
        grant_execute(
            op,
            role,
            "payouts_frozen()",
            "payout_freeze_begin(text, text, timestamptz, timestamptz, text)",
        )
    grant(op, "app", "UPDATE (lift_asked_by, lift_asked_at, lifted_by, lifted_at)", "payout_freeze")
    asked = "adviser_id, shop_id, amount_minor, currency, note, asked_by, asked_at"
    grant(
        op,
        "app",
        f"INSERT (transfer_id, {asked}), UPDATE ({asked}, approved_by, approved_at)",
        "transfer_booking",
    )
    grant(op, "worker", "UPDATE (entry_id, posted_at)", "transfer_booking")


def downgrade() -> None:
    """Drop the freeze: nothing keeps payouts from being sent after a restore any more."""
    for table in ("payout_attempt", "payout_run"):
        op.execute(f"DROP TRIGGER payout_freeze_refuses ON {table}")
    for table in ("transfer_booking", "payout_freeze"):
        op.execute(f"DROP TABLE {table}")
    for function in (
        "transfer_booking_settled()",
        "payout_freeze_lifts()",
        "payout_freeze_refuses()",
        "payout_freeze_begin(text, text, timestamptz, timestamptz, text)",
        "payouts_frozen()",
    ):
        op.execute(f"DROP FUNCTION {function}")
