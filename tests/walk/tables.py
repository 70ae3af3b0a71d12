"""The cells of the second way that lie below HTTP: every locked table x command x actor x owner, asked of PostgreSQL.

Each try acts as one actor and is rolled back; what must come of it is said by row_security.toml alone.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from marketplace.core.db import DOOR, NOBODY, WATCH, WEBHOOK, Scope
from tests.walk.two_tenants import NEW_SHOP, Tenants, identity, insertion

FILE = Path(__file__).with_name("row_security.toml")
COMMANDS = ("select", "insert", "update", "delete")
ACTORS = {
    "nobody": NOBODY,
    "person": Scope(identity("a", "owner")),
    # The second shop is one that it is about to make.
    "shop": Scope(identity("a", "owner"), (identity("a", "shop"), identity("a", "shop", NEW_SHOP))),
    "adviser": Scope(identity("a", "advising"), adviser_id=identity("a", "adviser")),
    "finance": Scope(identity("f", "finance"), role="finance"),
    "admin": Scope(identity("f", "admin"), role="admin"),
    "door": DOOR,
    "webhook": WEBHOOK,
    "watch": WATCH,
    # The worker's login, which acts for nobody in particular.
    "worker": NOBODY,
}
# What the web role may change, written so that no column is read: then only the policy of the change counts.
CHANGES = {
    "user_account": "name = 'x'",
    "recovery_code": "burned_at = now()",
    "mail_switch": "is_on = false",
    "auth_session": "totp_at = now()",
    "email_token": "used_at = now()",
    "shop": "name = 'x'",
    "shop_domain": "verified_at = NULL",
    "membership": "role = 'staff'",
    "invitation": "revoked_at = now()",
    "adviser": "display_name = 'x'",
    "store": "phone = 'x'",
    "store_adviser": "until_at = now()",
    "influence_evidence": "state = 'withdrawn'",
    "api_key": "revoked_at = now()",
    "product": "title = 'x'",
    "picture": "removed_at = now()",
    "advice_page": "title = 'x'",
    "advice_draft": "title = 'x'",
    "question": "reason = 'x'",
    "answer": "reason = 'x'",
    "saved_answer": "removed_at = now()",
    "follow": "asked_at = now()",
    "review": "reason = 'x'",
    "page_report": "decision = NULL",
    "feed_source": "hour = 7",
    "product_page": "failures = 7",
    "offer": "name = 'x'",
    "partnership": "message = 'x'",
    "tracked_link": "disabled_at = now()",
    "discount_code": "revoked_at = now()",
    "dispute": "due_at = NULL",
    "claim": "due_at = NULL",
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


@dataclass(frozen=True)
class Try:
    """One command of one actor on a table; each owner of rows there is a cell of it."""

    table: str
    command: str
    actor: str

    @property
    def login(self) -> str:
        return "aanrader_worker" if self.actor == "worker" else "aanrader_app"

    @property
    def scope(self) -> Scope:
        return ACTORS[self.actor]


@dataclass
class Tables:
    """All cells of tables: what the file expects of each, and what comes of it."""

    tenants: Tenants
    walked: int = 0
    tries: int = 0
    rights: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)

    @cached_property
    def expected(self) -> dict[str, dict[str, dict[str, str]]]:
        """What the data file says: by table, command and actor the letters of owners, or "refused"."""
        data = tomllib.loads(FILE.read_text(encoding="utf-8"))
        return {
            table: {kind: dict(word.split(":") for word in text.split()) for kind, text in kinds.items()}
            for table, kinds in data.items()
        }

    @cached_property
    def owners(self) -> dict[str, str]:
        """Whose rows each locked table has: A's, B's, the platform's (P), nobody's (-)."""
        return {table: self._letters(table, self._everything(table)) for table in self.tenants.locked()}

    def size(self) -> int:
        """Return how many cells there must be."""
        return len(COMMANDS) * len(ACTORS) * sum(len(owners) for owners in self.owners.values())

    def walk(self, *tables: str) -> list[str]:
        """Walk the cells of some tables, or of all; return what was not as the file says."""
        wrong = []
        for one in itertools.starmap(Try, itertools.product(tables or self.owners, COMMANDS, ACTORS)):
            said = self.expected.get(one.table, {}).get(one.command, {}).get(one.actor, "")
            found = self.outcome(one)
            for owner in self.owners[one.table]:
                self.walked += 1
                wanted, got = (said, found) if "refused" in (said, found) else (owner in said, owner in found)
                if wanted != got:
                    wrong.append(f"{one} of {owner}: wanted {wanted}, got {got}")
        return wrong

    def outcome(self, one: Try) -> str:
        """Return whose rows a try reaches, or "refused" when it reaches rows and may not leave them like that."""
        columns = self.allowed(one, one.command.upper())
        if not columns:
            return self._denied(one)
        if one.command == "select":
            return self._letters(one.table, self._seen(one))
        if one.command == "insert":
            return "".join(owner for owner in self.owners[one.table] if self._writes(one, owner))
        if one.command == "delete":
            return self._deleted(one)
        if one.table in LOCKS or one.login == "aanrader_worker":
            return self._letters(one.table, self._seen(one, " FOR UPDATE"))
        return self._changed(one)

    def allowed(self, one: Try, privilege: str) -> list[str]:
        """Return the columns on which the login of a try has a right."""
        key = (one.login, one.table, privilege)
        if key not in self.rights:
            right = "has_table_privilege(%(login)s, attrelid, %(right)s)"
            if privilege != "DELETE":
                right = "has_column_privilege(%(login)s, attrelid, attname, %(right)s)"
            rows = self.tenants.connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %(table)s::regclass AND attnum > 0"
                f" AND NOT attisdropped AND {right} ORDER BY attnum",
                {"login": one.login, "table": one.table, "right": privilege},
            )
            self.rights[key] = [name for (name,) in rows]
        return self.rights[key]

    def _denied(self, one: Try) -> str:
        """Try without a right: not a row may be reached, whatever policies say."""
        column = self.tenants.columns[one.table][0][0]
        statement = {
            "select": f"SELECT {column} FROM {one.table}",
            "insert": f"INSERT INTO {one.table} DEFAULT VALUES",
            "update": f"UPDATE {one.table} SET {column} = DEFAULT",
            "delete": f"DELETE FROM {one.table}",
        }[one.command]
        self.tries += 1
        with self.tenants.acting(one.scope, one.login) as connection:
            try:
                connection.execute(statement)
            except psycopg.errors.InsufficientPrivilege as error:
                if "permission denied" in str(error):
                    return ""
                raise
        return "without a right"

    def _seen(self, one: Try, lock: str = "") -> list[str]:
        self.tries += 1
        columns = sql.SQL(", ").join(map(sql.Identifier, self.allowed(one, "SELECT")))
        query = sql.SQL("SELECT to_jsonb((SELECT x FROM (SELECT {}) x))::text FROM {}" + lock).format(
            columns, sql.Identifier(one.table)
        )
        with self.tenants.acting(one.scope, one.login) as connection:
            return [text for (text,) in connection.execute(query)]

    def _changed(self, one: Try) -> str:
        """Change rows without reading any."""
        self.tries += 1
        places = self.tenants.connection.execute(f"SELECT ctid::text FROM {one.table}").fetchall()
        before = [place for (place,) in places]
        with self.tenants.acting(one.scope, one.login) as connection:
            try:
                connection.execute(f"UPDATE {one.table} SET {CHANGES[one.table]}")
            except psycopg.errors.InsufficientPrivilege as error:
                if "row-level security" not in str(error):
                    raise
                return "refused"
            connection.execute("SET LOCAL ROLE postgres")
            # A row that was changed stands elsewhere; its transaction would not tell, inside of a mutation's.
            rows = connection.execute(
                f"SELECT to_jsonb(t)::text FROM {one.table} t WHERE t.ctid <> ALL (%s::tid[])", [before]
            ).fetchall()
        return self._letters(one.table, (text for (text,) in rows))

    def _deleted(self, one: Try) -> str:
        self.tries += 1
        with self.tenants.acting(one.scope, one.login) as connection:
            connection.execute(f"DELETE FROM {one.table}")
            connection.execute("SET LOCAL ROLE postgres")
            left = self._letters(one.table, self._everything(one.table))
        return "".join(owner for owner in self.owners[one.table] if owner not in left)

    def _writes(self, one: Try, owner: str) -> bool:
        column, variants = VARIANTS.get(one.table, ("", {0: ()}))
        return any(self._inserts(one, owner, column, number, more) for number, more in variants.items())

    def _inserts(self, one: Try, owner: str, column: str, number: int, more: Any) -> bool:
        self.tries += 1
        row = self.tenants.new_row(one.table, owner)
        if column:
            row[column] = number
        if more:
            row |= {"delta_minor": more[0], "standing_minor": more[1]}
        given = self.allowed(one, "INSERT")
        row = {name: value for name, value in row.items() if name in given}
        with self.tenants.acting(one.scope, one.login) as connection:
            try:
                connection.execute(*insertion(one.table, row))
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

    def _everything(self, table: str) -> Iterator[str]:
        rows = self.tenants.connection.execute(f"SELECT to_jsonb(t)::text FROM {table} t").fetchall()
        return (text for (text,) in rows)

    def _letters(self, table: str, texts: Iterable[str]) -> str:
        return "".join(sorted({self.tenants.label(table, text) for text in texts}))
