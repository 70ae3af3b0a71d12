"""What an admin sees of mail, of Stripe's events and of sign-ins: how far each is, and never what is in it.

Three views show the state of rows that the web role may not read: no address and no facts of a mail, no payload of an
event, no token of a sign-in; to an admin, and nothing to anybody else. An event that was parked, or waits for its next
try, may be asked for once more; handling is safe to repeat. Locks: SHARE on audit_event while two indexes are made,
which stops acts that write history for as long as it takes to read it once.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant, grant_execute

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

ADMIN = "(SELECT current_setting('app.role', true)) = 'admin'"
VIEWS = {
    "mail_told": f"""
        SELECT id, template, locale, queued_at, attempts, next_attempt_at, sent_at, last_error, dropped_as, user_id
        FROM mail_message WHERE {ADMIN}
    """,
    "stripe_event_told": f"""
        SELECT id, source, event_id, type, account, object_id, received_at, tries, next_try_at, handled_at, outcome,
          note
        FROM stripe_event WHERE {ADMIN}
    """,
    "sign_in_told": f"""
        SELECT s.user_id, s.kind, s.last_seen_at, s.expires_at FROM auth_session s
        JOIN user_account u ON u.id = s.user_id AND u.session_key = s.session_key
        WHERE s.revoked_at IS NULL AND u.suspended_at IS NULL AND {ADMIN}
    """,
}
# What came to an end stays as it ended: only what was parked is taken up again.
AGAIN = """
CREATE FUNCTION stripe_event_again(wanted uuid, at timestamptz)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF current_setting('app.role', true) IS DISTINCT FROM 'admin' THEN
    RAISE EXCEPTION 'only an admin has an event handled again' USING ERRCODE = '42501';
  END IF;
  UPDATE stripe_event SET next_try_at = at, handled_at = NULL, outcome = NULL, note = NULL
    WHERE id = wanted AND (handled_at IS NULL OR outcome = 'parked');
  RETURN FOUND;
END $$
"""
FUNCTION = "stripe_event_again(uuid, timestamptz)"


def upgrade() -> None:
    """Let an admin see what waits and what failed, and ask for an event again."""
    for name, query in VIEWS.items():
        op.execute(f"CREATE VIEW {name} WITH (security_barrier) AS {query}")
        grant(op, "app", "SELECT", name)
    op.execute(AGAIN)
    grant_execute(op, "app", FUNCTION)
    op.execute("CREATE INDEX ix_audit_event_user_id ON audit_event (user_id, id)")
    op.execute("CREATE INDEX ix_audit_event_subject_id ON audit_event (subject_id, id)")


def downgrade() -> None:
    """Let nobody on the web see them."""
    op.execute("DROP INDEX ix_audit_event_subject_id")
    op.execute("DROP INDEX ix_audit_event_user_id")
    op.execute(f"DROP FUNCTION {FUNCTION}")
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
