"""What each login role may do with a table; every migration says it beside the table it makes."""

from __future__ import annotations

from typing import Any

ROLES = {"app": "aanrader_app", "worker": "aanrader_worker", "edge": "aanrader_edge"}


def grant(op: Any, role: str, privileges: str, *tables: str) -> None:
    """Grant privileges on tables to app, worker or edge."""
    for table in tables:
        op.execute(f"GRANT {privileges} ON {table} TO {ROLES[role]}")


def grant_execute(op: Any, role: str, *signatures: str) -> None:
    """Let a role call functions, and nobody else who was not told so."""
    for signature in signatures:
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {ROLES[role]}")


def append_only(op: Any, *tables: str) -> None:
    """Let PostgreSQL refuse UPDATE, DELETE and TRUNCATE on tables whose rows are history, for everybody."""
    for table in tables:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")
