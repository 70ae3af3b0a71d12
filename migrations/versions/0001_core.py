"""Core: the moving clock of demo and test, audit events, the mail outbox, heartbeats, and the refusal of change.

Locks: none that anybody waits for; every table is new.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the core tables."""
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          RAISE EXCEPTION '% on % is refused: its rows are history', TG_OP, TG_TABLE_NAME USING ERRCODE = '42501';
        END $$
        """
    )
    op.execute(
        """
        CREATE TABLE business_clock (
          id boolean NOT NULL DEFAULT true CONSTRAINT pk_business_clock PRIMARY KEY
            CONSTRAINT ck_business_clock_single CHECK (id),
          offset_seconds bigint NOT NULL DEFAULT 0
        )
        """
    )
    op.execute("INSERT INTO business_clock DEFAULT VALUES")
    op.execute(
        """
        CREATE FUNCTION clock_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          -- A demo is seeded from the past on: as long as nothing has happened, there is nothing to go back over.
          IF NEW.offset_seconds < OLD.offset_seconds AND EXISTS (SELECT FROM audit_event) THEN
            RAISE EXCEPTION 'business time never goes back' USING ERRCODE = '23514';
          END IF;
          NOTIFY edge;
          RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER business_clock_forward BEFORE UPDATE ON business_clock"
        " FOR EACH ROW EXECUTE FUNCTION clock_goes_forward()"
    )
    op.execute(
        """
        CREATE TABLE audit_event (
          id uuid NOT NULL CONSTRAINT pk_audit_event PRIMARY KEY,
          at timestamptz NOT NULL, actor text NOT NULL, user_id uuid, action text NOT NULL,
          subject_type text NOT NULL, subject_id text NOT NULL, shop_id uuid, facts jsonb NOT NULL,
          recorded_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    append_only(op, "audit_event")
    op.execute(
        """
        CREATE TABLE mail_message (
          id uuid NOT NULL CONSTRAINT pk_mail_message PRIMARY KEY,
          to_address text NOT NULL, template text NOT NULL, locale text NOT NULL, facts jsonb NOT NULL,
          queued_at timestamptz NOT NULL, attempts integer NOT NULL, next_attempt_at timestamptz NOT NULL,
          sent_at timestamptz, last_error text
        )
        """
    )
    op.execute("CREATE INDEX ix_mail_message_unsent ON mail_message (next_attempt_at) WHERE sent_at IS NULL")
    op.execute(
        """
        CREATE TABLE heartbeat (
          name text NOT NULL CONSTRAINT pk_heartbeat PRIMARY KEY,
          offset_seconds bigint NOT NULL, seen_at timestamptz NOT NULL
        )
        """
    )
    for role in ("app", "worker", "edge"):
        grant(op, role, "SELECT", "business_clock")
    grant(op, "app", "SELECT", "heartbeat")
    grant(op, "worker", "SELECT, INSERT, UPDATE", "heartbeat")
    for role in ("app", "worker"):
        grant(op, role, "SELECT, INSERT", "audit_event")
    grant(op, "app", "SELECT, INSERT", "mail_message")
    grant(op, "worker", "SELECT, INSERT, UPDATE", "mail_message")


def downgrade() -> None:
    """Drop the core tables."""
    for table in ("heartbeat", "mail_message", "audit_event", "business_clock"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION clock_goes_forward()")
    op.execute("DROP FUNCTION refuse_change()")
