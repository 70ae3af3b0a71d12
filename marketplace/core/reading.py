"""Which transactions only read, so that they may end by COMMIT and leave what PostgreSQL has planned for them."""

from __future__ import annotations

from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import orm


def begin(session: orm.Session, connection: sa.Connection) -> None:
    """Remember that a transaction begins on this connection and that it has written nothing yet."""
    connection.info["only_read"] = True
    session.info["connection"] = connection


def note(connection: sa.Connection, cursor: Any, *_rest: Any) -> None:
    """Hear of a statement that was carried out: whatever is no SELECT may have written."""
    if not (cursor.statusmessage or "").startswith("SELECT"):
        connection.info["only_read"] = False


def has_only_read(session: orm.Session) -> bool:
    """Return whether a session's transaction is whole and sent nothing but SELECT.

    At a ROLLBACK psycopg forgets every statement that it prepared on the connection, so that PostgreSQL would plan each
    statement of each page anew, which takes longer than to run it.
    """
    connection: sa.Connection | None = session.info.get("connection")
    if connection is None or connection.closed or connection.invalidated or not connection.info["only_read"]:
        return False
    driver: Any = connection.connection.driver_connection
    state: psycopg.pq.TransactionStatus = driver.info.transaction_status
    return state == psycopg.pq.TransactionStatus.INTRANS
