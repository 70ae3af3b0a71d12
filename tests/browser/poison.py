"""Puts a text into every free text column of every row, as a stranger who found a way past each check would have."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from tests.browser.payloads import FIRST, LEADS_TO_A_SCRIPT
from tests.walk.canaries import HOUSE, NAMED_ELSEWHERE, _primary_keys, _texts, rewriting

# Read by the product as something else than words for people, and written by nobody but the product itself: a page
# could not be asked for, or not be signed in to, with these changed.
_OURS = re.compile(
    r"\.(session_key|password_hash|token_hash|key_hash|content_hash|locale|currency|country|kind|state|role|reason_code"
    r"|request_hash|idem|event_type|type|channel|model|code_rule|stripe_\w+|folded|proof|timezone|mode|charset)$"
)
# Parts of addresses, by which pages are asked for; those of links are drawn as QR codes too, which hold no more.
_ADDRESSES = frozenset(
    {
        "tracked_link.code",
        "tracked_link.path",
        "advice_page.slug",
        "advice_page.code",
        "adviser.code",
        "shop.code",
        "offer.code",
    }
)
_PARTS = 1, 4, 16
_ADDRESS = re.compile(r"^(https?|javascript):")


def poison(engine: sa.Engine, payloads: list[str], kept: Iterable[str] = ()) -> set[str]:
    """Put payloads into all columns that take any word; return the columns, as table.column.

    Each text begins with what makes an element of its own; each address with what leads to a script.

    engine: of a superuser; kept: texts that stay as they are, because pages are asked for by them. Limits on length are taken away first; a column whose index can't hold all gets the first.
    """
    done = set()
    with engine.begin() as connection:
        primary = _primary_keys(connection)
        with rewriting(connection, *primary):
            for table, columns in sorted(primary.items()):
                if table in HOUSE or not _has_rows(connection, table):
                    continue
                for column in _texts(connection, table):
                    name = f"{table}.{column}"
                    if (
                        column in columns
                        or name in NAMED_ELSEWHERE | _ADDRESSES
                        or _OURS.search(f".{column}")
                    ):
                        continue
                    if _put(connection, table, column, ["kanarie"], kept):
                        _loosen(connection, table, column)
                        if any(
                            _put(connection, table, column, payloads[: len(payloads) // part or 1], kept)
                            for part in _PARTS
                        ):
                            done.add(name)
                done |= _poison_documents(connection, table, payloads)
    return done


def _poison_documents(connection: sa.Connection, table: str, payloads: list[str]) -> set[str]:
    """Put the payloads behind every sentence inside of documents and lists; return the columns."""
    statement = sa.text(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name = :t"
        " AND (data_type = 'jsonb' OR data_type = 'ARRAY' AND udt_name = '_text')"
    )
    done = set()
    for column, kind in connection.execute(statement, {"t": table}).all():
        for place, part, document in connection.execute(
            sa.text(f'SELECT ctid::text, tableoid, "{column}" FROM "{table}"')
        ).all():
            spoiled = _spoiled(document, " ".join((FIRST, *payloads)))
            if spoiled == document:
                continue
            value = json.dumps(spoiled) if kind == "jsonb" else spoiled
            cast = "jsonb" if kind == "jsonb" else "text[]"
            update = sa.text(
                f'UPDATE "{table}" SET "{column}" = CAST(:value AS {cast})'
                " WHERE ctid = CAST(:place AS tid) AND tableoid = :part"
            )
            with contextlib.suppress(sa.exc.DBAPIError), connection.begin_nested():
                connection.execute(update, {"value": value, "place": place, "part": part})
                done.add(f"{table}.{column}")
    return done


def _spoiled(document: Any, text: str) -> Any:
    if isinstance(document, dict):
        return {name: _spoiled(value, text) for name, value in document.items()}
    if isinstance(document, list):
        return [_spoiled(value, text) for value in document]
    if not isinstance(document, str):
        return document
    if _ADDRESS.match(document):
        return f"{LEADS_TO_A_SCRIPT}{text}"
    # Only sentences: single words are kinds, codes and ids that the product itself writes.
    return f"{text} {document}" if " " in document else document


def _has_rows(connection: sa.Connection, table: str) -> bool:
    return bool(connection.execute(sa.text(f'SELECT EXISTS (SELECT FROM "{table}")')).scalar_one())


def _put(
    connection: sa.Connection, table: str, column: str, payloads: list[str], kept: Iterable[str]
) -> bool:
    """Fill a column of every row where it holds something; False when it is refused or nothing is there."""
    statement = sa.text(
        f'UPDATE "{table}" t SET "{column}" = CASE WHEN t."{column}" ~* :address THEN :scheme ELSE \'\' END || :text || n.number FROM (SELECT ctid AS place, tableoid AS part,'
        f' row_number() OVER () AS number FROM "{table}") n'
        f' WHERE t.ctid = n.place AND t.tableoid = n.part AND t."{column}" IS NOT NULL AND t."{column}" <> ALL (CAST(:kept AS text[]))'
    )
    try:
        with connection.begin_nested():
            values = {"text": " ".join((FIRST, *payloads)), "kept": list(kept)}
            values |= {"address": _ADDRESS.pattern, "scheme": LEADS_TO_A_SCRIPT}
            return connection.execute(statement, values).rowcount > 0
    except sa.exc.DBAPIError:
        return False


def _loosen(connection: sa.Connection, table: str, column: str) -> None:
    """Drop the constraints that only limit how long a column's text is."""
    statement = sa.text(
        "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(:table) AND contype = 'c' AND conislocal"
        " AND pg_get_constraintdef(oid) ~ 'length' AND pg_get_constraintdef(oid) ~ :column"
    )
    for name in connection.execute(statement, {"table": table, "column": rf"\m{column}\M"}).scalars().all():
        connection.execute(sa.text(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"'))
