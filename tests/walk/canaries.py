"""Strings and ids that stand in one tenant's rows only: seen in another's answer, they prove a leak."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

WORD = re.compile(r"kanarie-[a-z_]+-[0-9]+", re.ASCII)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
# Rows that no tenant has: the matrix of what the house itself keeps.
HOUSE = frozenset(
    {"alembic_version", "business_clock", "heartbeat", "edge_mark", "payout_run_number", "account"}
)

# Documents of other rows name an order's lines by this; put a canary here, and receipts could not be read.
NAMED_ELSEWHERE = frozenset({"order_line.line_ref"})


@dataclass
class Marks:
    """Every canary and every id of a tenant, by the row that holds it."""

    words: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)

    def seen_in(self, text: str) -> dict[str, str]:
        """Return the canaries and ids that a text shows, with the row of each."""
        found = {word: self.words[word] for word in WORD.findall(text) if word in self.words}
        return found | {one: self.ids[one] for one in UUID.findall(text) if one in self.ids}


def keys(connection: sa.Connection) -> dict[str, set[str]]:
    """Return the primary keys of all rows that there are, by table."""
    found = {}
    for table, columns in _primary_keys(connection).items():
        row = " || '|' || ".join(f'"{column}"::text' for column in columns)
        found[table] = set(connection.execute(sa.text(f'SELECT {row} FROM "{table}"')).scalars())
    return found


def plant(connection: sa.Connection, before: dict[str, set[str]], word: str) -> Marks:
    """Put a canary of its own into every free text column of every row that came after `before`; return all marks.

    connection: a superuser's. A column that refuses the canary by a constraint holds words of ours, and is no free
    text; so is one that a foreign key points to. Triggers are off: history may be rewritten here.
    """
    marks, primary = Marks(), _primary_keys(connection)
    with rewriting(connection, *primary):
        _plant(connection, before, word, primary, marks)
    return marks


def _plant(
    connection: sa.Connection,
    before: dict[str, set[str]],
    word: str,
    primary: dict[str, list[str]],
    marks: Marks,
) -> None:
    for table, columns in sorted(primary.items()):
        if table in HOUSE:
            continue
        key = " || '|' || ".join(f'"{column}"::text' for column in columns)
        new = sorted(keys_of(connection, table, key) - before.get(table, set()))
        if new:
            marks.tables.add(table)
        for row in new:
            for one in UUID.findall(row):
                # A row that is known by another's id, such as a product's page, shares it: the id is the other's.
                if columns == ["id"] or (len(columns) == 1 and one not in marks.ids):
                    marks.ids[one] = f"{table}:{row}"
        for column in _texts(connection, table):
            if column in columns or f"{table}.{column}" in NAMED_ELSEWHERE:
                continue
            statement = sa.text(
                f'UPDATE "{table}" SET "{column}" = :prefix || n.n FROM unnest(CAST(:rows AS text[]),'
                f" CAST(:numbers AS text[])) AS n(row, n) WHERE {_of_table(key, table, columns)} = n.row"
            )
            prefix = f"kanarie-{word}_{table}_{column}-"
            numbers = [str(number) for number in range(len(new))]
            try:
                with connection.begin_nested():
                    values = {"prefix": prefix, "rows": new, "numbers": numbers}
                    changed = connection.execute(statement, values).rowcount
            except sa.exc.DBAPIError:
                continue
            if changed:
                marks.columns.add(f"{table}.{column}")
                marks.words |= {
                    f"{prefix}{number}": f"{table}:{row}" for number, row in zip(numbers, new, strict=True)
                }


@contextmanager
def rewriting(connection: sa.Connection, *tables: str) -> Iterator[None]:
    """Let a superuser write into tables what no trigger or foreign key looks at, until the end of the block."""
    connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
    statement = sa.text(
        "SELECT tgrelid::regclass::text AS name, tgname FROM pg_trigger WHERE tgenabled = 'A' AND NOT tgisinternal"
        " AND tgrelid = ANY (SELECT to_regclass(t) FROM unnest(CAST(:tables AS text[])) t)"
    )
    always = connection.execute(statement, {"tables": list(tables)}).all()
    for row in always:
        connection.execute(sa.text(f"ALTER TABLE {row.name} DISABLE TRIGGER {row.tgname}"))
    yield
    for row in always:
        connection.execute(sa.text(f"ALTER TABLE {row.name} ENABLE ALWAYS TRIGGER {row.tgname}"))


def keys_of(connection: sa.Connection, table: str, key: str) -> set[str]:
    return set(connection.execute(sa.text(f'SELECT {key} FROM "{table}"')).scalars())


def _of_table(key: str, table: str, columns: list[str]) -> str:
    return " || '|' || ".join(f'"{table}"."{column}"::text' for column in columns)


def _primary_keys(connection: sa.Connection) -> dict[str, list[str]]:
    rows = connection.execute(
        sa.text(
            "SELECT c.relname AS name, array_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum)) AS columns"
            " FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)"
            " WHERE i.indisprimary AND n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " GROUP BY c.relname"
        )
    )
    return {row.name: list(row.columns) for row in rows}


def _texts(connection: sa.Connection, table: str) -> list[str]:
    statement = (
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = :table"
        " AND data_type = 'text' AND is_generated = 'NEVER' ORDER BY ordinal_position"
    )
    return list(connection.execute(sa.text(statement), {"table": table}).scalars())
