"""Makes the database ready: roles, schema, grants. `python -m marketplace.core.migrate [--check]`.

The bootstrap role (CREATEROLE and CREATEDB, no superuser) makes four roles: an owner that nobody can log in as,
and the logins of web, worker and edge, which own nothing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import alembic.command
import alembic.config
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from psycopg import sql

from marketplace.core import config, db
from marketplace.core.business_clock import BusinessClock as BusinessClock

ROOT = Path(__file__).resolve().parents[2]
OWNER = "aanrader_owner"
LOGINS = ("aanrader_app", "aanrader_worker", "aanrader_edge")


def ensure_roles(connection: sa.Connection, passwords: dict[str, str]) -> None:
    """Create the four roles where missing and set the passwords given. `passwords` maps login role to password."""
    existing = set(connection.execute(sa.text("SELECT rolname FROM pg_roles")).scalars())
    cursor = connection.connection.cursor()
    for role in (OWNER, *LOGINS):
        if role not in existing:
            kind = "NOLOGIN" if role == OWNER else "LOGIN NOINHERIT"
            cursor.execute(sql.SQL("CREATE ROLE {} " + kind).format(sql.Identifier(role)))
    for role, password in passwords.items():
        if password:
            cursor.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
            )
    # Whoever migrates must be able to act as the owner, and as the worker to verify.
    for role in (OWNER, "aanrader_worker"):
        cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
    database = connection.engine.url.database or ""
    cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    for role in (OWNER, *LOGINS):
        # Only the worker stages rows in temporary tables; an earlier start gave that right to everybody.
        for action in ("REVOKE ALL ON DATABASE {} FROM {}", "GRANT CONNECT ON DATABASE {} TO {}"):
            cursor.execute(sql.SQL(action).format(sql.Identifier(database), sql.Identifier(role)))
    cursor.execute(
        sql.SQL("GRANT TEMPORARY ON DATABASE {} TO aanrader_worker").format(sql.Identifier(database))
    )
    # Its own schema: what an extension brings is no business of the logins, and a restore finds it there.
    cursor.execute("CREATE SCHEMA IF NOT EXISTS extensions")
    cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA extensions")
    cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA extensions TO {}").format(sql.Identifier(OWNER)))
    cursor.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    cursor.execute(sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(sql.Identifier(OWNER)))
    for role in LOGINS:
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(role)))


def prepare_connection(connection: sa.Connection) -> None:
    """Act as the owner, and give up rather than make others wait for a lock."""
    connection.execute(sa.text(f"SET ROLE {OWNER}"))
    connection.execute(sa.text("SET lock_timeout = '4s'"))
    connection.execute(sa.text("SET statement_timeout = '30s'"))
    connection.commit()


def alembic_config(connection: sa.Connection) -> alembic.config.Config:
    """Return alembic's configuration for this project and this connection."""
    settings = alembic.config.Config()
    settings.set_main_option("script_location", str(ROOT / "migrations"))
    settings.set_main_option("prepend_sys_path", str(ROOT))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings


def upgrade(url: str, passwords: dict[str, str], *, revision: str = "head") -> None:
    """Bring the database at `url` (bootstrap role) to a revision. Safe to run twice and at once."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        # Two starts at once wait for each other here; the number is only a name for the lock.
        connection.execute(sa.text("SELECT pg_advisory_lock(7220261122)"))
        ensure_roles(connection, passwords)
        connection.commit()
        alembic.command.upgrade(alembic_config(connection), revision)
        connection.execute(sa.text("RESET ROLE"))
        connection.execute(sa.text("SELECT pg_advisory_unlock(7220261122)"))
        connection.commit()
    engine.dispose()


def downgrade(url: str, revision: str) -> None:
    """Take the database at `url` back to a revision; "base" leaves no table of ours."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        alembic.command.downgrade(alembic_config(connection), revision)
        connection.commit()
    engine.dispose()


def differences(url: str) -> list[str]:
    """Return what differs between the migrated database and the models of all rooms; empty when they agree."""
    importlib.import_module("wsgi").register()
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        prepare_connection(connection)
        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        found = [repr(difference) for difference in compare_metadata(context, db.Base.metadata)]
    engine.dispose()
    return found


def ours(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
    """Leave out of comparisons what PostgreSQL and alembic make: partitions of clicks, the version table."""
    made_by_others = name is not None and (name.startswith("click_p") or name == "alembic_version")
    return kind != "table" or not made_by_others


def main(arguments: Sequence[str]) -> int:
    """Migrate the database that AANRADER_ADMIN_DATABASE_URL names; with --check also compare it with the models."""
    settings = config.load()
    if not settings.admin_database_url:
        print("AANRADER_ADMIN_DATABASE_URL must name the database, as the bootstrap role.", file=sys.stderr)
        return 2
    passwords = {
        "aanrader_app": settings.password_app,
        "aanrader_worker": settings.password_worker,
        "aanrader_edge": settings.password_edge,
    }
    upgrade(settings.admin_database_url, passwords)
    if "--check" in arguments:
        found = differences(settings.admin_database_url)
        for line in found:
            print(f"the models and the migrations differ: {line}", file=sys.stderr)
        return 1 if found else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
