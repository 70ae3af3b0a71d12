"""Mail to whom it may concern: each news once, addressed to people by what they are, and a switch for each kind.

Locks: ACCESS EXCLUSIVE on mail_message while columns are added, which PostgreSQL does without reading the table, and
while its index of unsent mail, which holds few rows, is made anew; the unique index over `dedupe` reads the table once.
SHARE ROW EXCLUSIVE on user_account while the foreign key to it is made, an instant.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant
from migrations.row_security import either, enable, permit, person, role

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE mail_message
  ADD COLUMN audience text,
  ADD COLUMN user_id uuid,
  ADD COLUMN dedupe text,
  ADD COLUMN dropped_as text,
  ADD CONSTRAINT uq_mail_message_dedupe UNIQUE (dedupe),
  ADD CONSTRAINT ck_mail_message_addressed CHECK (audience IS NOT NULL OR to_address <> ''),
  ADD CONSTRAINT ck_mail_message_dropped CHECK (dropped_as IS NULL OR sent_at IS NULL)
"""
INDEX = "CREATE INDEX ix_mail_message_unsent ON mail_message (next_attempt_at) WHERE sent_at IS NULL"
SWITCH = """
CREATE TABLE mail_switch (
  user_id uuid NOT NULL CONSTRAINT fk_mail_switch_user_id_user_account REFERENCES user_account,
  kind text NOT NULL,
  is_on boolean NOT NULL,
  changed_at timestamptz NOT NULL,
  CONSTRAINT pk_mail_switch PRIMARY KEY (user_id, kind)
)
"""
QUEUED = "ALTER POLICY mail_message_app_insert ON mail_message WITH CHECK ({condition})"
UNTOUCHED = "sent_at IS NULL AND last_error IS NULL AND attempts = 0"
# Nobody is written to who never proved the mailbox, or was put out of the house.
SEEN = "email_verified_at, suspended_at"


def upgrade() -> None:
    """Let a mail name its readers and its key, and make the table of switches."""
    op.execute(COLUMNS)
    op.execute("DROP INDEX ix_mail_message_unsent")
    op.execute(f"{INDEX} AND dropped_as IS NULL")
    op.execute(QUEUED.format(condition=f"{UNTOUCHED} AND dropped_as IS NULL"))
    grant(op, "app", "SELECT (dropped_as)", "mail_message")
    grant(op, "worker", f"SELECT ({SEEN})", "user_account")
    op.execute(SWITCH)
    enable(op, "mail_switch")
    # A link in a mail switches a kind off for whoever it was sent to, signed in or not.
    own = either(person(), role("door"))
    grant(op, "app", "SELECT, INSERT", "mail_switch")
    grant(op, "app", "UPDATE (is_on, changed_at)", "mail_switch")
    grant(op, "worker", "SELECT", "mail_switch")
    for kind in ("select", "update"):
        permit(op, "mail_switch", "app", kind, own)
    permit(op, "mail_switch", "app", "insert", check=own)
    permit(op, "mail_switch", "worker", "all", "true")


def downgrade() -> None:
    """Forget the switches and the mail that was addressed to no address yet."""
    op.execute("DROP TABLE mail_switch")
    op.execute(f"REVOKE SELECT ({SEEN}) ON user_account FROM aanrader_worker")
    op.execute("REVOKE SELECT (dropped_as) ON mail_message FROM aanrader_app")
    op.execute(QUEUED.format(condition=UNTOUCHED))
    op.execute("DELETE FROM mail_message WHERE to_address = '' OR dropped_as IS NOT NULL")
    op.execute("DROP INDEX ix_mail_message_unsent")
    op.execute(
        "ALTER TABLE mail_message DROP COLUMN audience, DROP COLUMN user_id, DROP COLUMN dedupe,"
        " DROP COLUMN dropped_as"
    )
    op.execute(INDEX)
