"""Signs of life: what each background process last said of itself."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy import orm

from marketplace.core import clock, db


class Heartbeat(db.Base):
    """What a background process last reported: its business time offset and when; one row a process."""

    __tablename__ = "heartbeat"

    name: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    offset_seconds: orm.Mapped[int]
    seen_at: orm.Mapped[dt.datetime]


def beat(name: str) -> None:
    """Report that the process `name` is alive and which business time it sees."""
    with db.transaction() as session:
        # The offset is read as the transaction begins, which it does before the values of a statement are worked out.
        session.connection()
        session.execute(
            sa.text(
                "INSERT INTO heartbeat (name, offset_seconds, seen_at) VALUES (:name, :offset, :seen)"
                " ON CONFLICT (name) DO UPDATE SET offset_seconds = :offset, seen_at = :seen"
            ),
            {"name": name, "offset": round(clock.offset().total_seconds()), "seen": clock.wall()},
        )
