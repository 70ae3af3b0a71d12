"""The table behind business time. In a module of its own: `python -m marketplace.core.migrate` is loaded twice."""

from __future__ import annotations

import sqlalchemy as sa

from marketplace.core import db


class BusinessClock(db.Base):
    """How far business time is ahead of the wall; one row, moved forward only, by the owner."""

    __tablename__ = "business_clock"

    id: sa.orm.Mapped[bool] = sa.orm.mapped_column(primary_key=True, server_default=sa.true())
    offset_seconds: sa.orm.Mapped[int] = sa.orm.mapped_column(server_default=sa.text("0"))
    __table_args__ = (sa.CheckConstraint("id", name="single"),)
