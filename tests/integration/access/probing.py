"""Tries what each scope of the web role can see, write and lock of a table; every try is rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from marketplace.core.db import DOOR, NOBODY, WATCH, WEBHOOK, Scope
from tests.integration.access.two_tenants import PLATFORM_TABLES, Tenants, identity, insertion

SCOPES = {
    "nobody": NOBODY,
    "person": Scope(identity("a", "owner")),
    "shop": Scope(identity("a", "owner"), (identity("a", "shop"),)),
    "adviser": Scope(identity("a", "advising"), adviser_id=identity("a", "adviser")),
    "finance": Scope(identity("f", "finance"), role="finance"),
    "admin": Scope(identity("f", "admin"), role="admin"),
    "door": DOOR,
    "webhook": WEBHOOK,
    "watch": WATCH,
}
# What the web role may change, written so that no column is read: then only the policy of the change counts.
CHANGES = {
    "user_account": "name = 'x'",
    "recovery_code": "burned_at = now()",
    "auth_session": "totp_at = now()",
    "email_token": "used_at = now()",
    "shop": "name = 'x'",
    "shop_domain": "verified_at = NULL",
    "membership": "role = 'staff'",
    "invitation": "revoked_at = now()",
    "adviser": "display_name = 'x'",
    "api_key": "revoked_at = now()",
    "offer": "name = 'x'",
    "partnership": "message = 'x'",
    "tracked_link": "disabled_at = now()",
    "discount_code": "revoked_at = now()",
    "funding": "url = 'x'",
    "payout_account": "seen_at = now()",
    "payout_run": "total_minor = 7",
    "payout_run_number": "last = 7",
    "payout_freeze": "lift_asked_at = NULL",
    "transfer_booking": "note = 'x'",
}
# Rows that are history can't be changed by anybody; the right to change them is there for locks only.
LOCKS = ("shop_order", "commission")
# Triggers look at the rows before a new one, as far as they are seen: both ways to follow are tried.
VARIANTS = {"commission_move": ("seq", {1: (5, 5), 2: (1, 6)}), "attribution": ("n", {1: (), 2: ()})}
OTHERS = {"a": "b", "b": "a", "f": "f"}


@dataclass
class Probe:
    """Tries one kind of statement after the other and counts the tries."""

    tenants: Tenants
    tries: int = 0
    rights: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def allowed(self, table: str, privilege: str) -> list[str]:
        """Return the columns on which the web role has a right."""
        if (table, privilege) not in self.rights:
            rows = self.tenants.connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %(table)s::regclass AND attnum > 0"
                " AND NOT attisdropped AND has_column_privilege('aanrader_app', %(table)s, attname, %(right)s)"
                " ORDER BY attnum",
                {"table": table, "right": privilege},
            )
            self.rights[table, privilege] = [name for (name,) in rows]
        return self.rights[table, privilege]

    def seen(self, table: str, scope: Scope, *, lock: bool = False) -> str:
        """Return whose rows a scope sees, or can lock."""
        self.tries += 1
        columns = sql.SQL(", ").join(map(sql.Identifier, self.allowed(table, "SELECT")))
        query = sql.SQL("SELECT to_jsonb((SELECT x FROM (SELECT {}) x))::text FROM {}").format(
            columns, sql.Identifier(table)
        )
        with self.tenants.acting(scope) as connection:
            rows = connection.execute(query + sql.SQL(" FOR UPDATE") if lock else query).fetchall()
        return self._letters(text for (text,) in rows)

    def changed(self, table: str, scope: Scope, change: str = "") -> str:
        """Return whose rows a scope changes when it reads nothing, or "refused" when it reaches rows that it may not."""
        self.tries += 1
        statement = f"UPDATE {table} SET {change or CHANGES[table]}"
        with self.tenants.acting(scope) as connection:
            try:
                connection.execute(statement)
            except psycopg.errors.InsufficientPrivilege as error:
                if "row-level security" not in str(error):
                    raise
                return "refused"
            connection.execute("SET LOCAL ROLE postgres")
            rows = connection.execute(
                f"SELECT to_jsonb(t)::text FROM {table} t"
                " WHERE xmin::text = (pg_current_xact_id()::text::bigint % 4294967296)::text"
            ).fetchall()
        return self._letters(text for (text,) in rows)

    def written(self, table: str, scope: Scope) -> str:
        """Return for whom a scope can write a new row."""
        found = [
            whose.upper()
            for whose in ("f" if table in PLATFORM_TABLES else "ab")
            if self._writes(table, scope, whose)
        ]
        return "".join(found).replace("F", "P")

    def _writes(self, table: str, scope: Scope, whose: str) -> bool:
        column, variants = VARIANTS.get(table, ("", {0: ()}))
        return any(
            self._inserts(table, scope, whose, column, number, more) for number, more in variants.items()
        )

    def _inserts(self, table: str, scope: Scope, whose: str, column: str, number: int, more: Any) -> bool:
        self.tries += 1
        row = self.tenants.row(table, whose, "z")
        if column:
            row[column] = number
        if more:
            row |= {"delta_minor": more[0], "standing_minor": more[1]}
        given = self.allowed(table, "INSERT")
        row = {name: value for name, value in row.items() if name in given}
        with self.tenants.acting(scope) as connection:
            try:
                connection.execute(*insertion(table, row))
            except psycopg.errors.InsufficientPrivilege as error:
                if "row-level security" not in str(error):
                    raise
                return False
            except psycopg.errors.CheckViolation as error:
                # A trigger came before the policy; the other variant passes it.
                if "PL/pgSQL" in str(error.diag.context):
                    return False
                raise
            except (psycopg.errors.UniqueViolation, psycopg.errors.ForeignKeyViolation):
                return True  # PostgreSQL looks at policies before keys.
        return True

    def _letters(self, texts: Iterator[str]) -> str:
        return "".join(sorted({self.tenants.label(text) for text in texts}))


def kinds_of(table: str, probe: Probe) -> list[str]:
    """Return what the web role may do with a table at all: select, insert, update, lock."""
    kinds = [kind for kind in ("select", "insert") if probe.allowed(table, kind.upper())]
    if table in CHANGES:
        kinds.append("update")
    if table in LOCKS:
        kinds.append("lock")
    return kinds


def look(table: str, probe: Probe) -> dict[str, dict[str, str]]:
    """Return for each kind of statement what comes of it in each scope."""
    does = {
        "select": lambda scope: probe.seen(table, scope),
        "insert": lambda scope: probe.written(table, scope),
        "update": lambda scope: probe.changed(table, scope),
        "lock": lambda scope: probe.seen(table, scope, lock=True),
    }
    return {
        kind: {name: out for name, scope in SCOPES.items() if (out := does[kind](scope))}
        for kind in kinds_of(table, probe)
    }
