"""The table of statements: one per payout that was sent, kept as it was issued."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.accounts.models import Adviser
from marketplace.core import db
from payouts.settlement.payout_models import Payout


class Statement(db.Base):
    """The account of one payout down to order lines; appended and never changed. Not an invoice."""

    __tablename__ = "statement"

    id: orm.Mapped[uuid.UUID] = db.uuid_pk()
    payout_id: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(Payout.id), unique=True)
    adviser_id: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(Adviser.id), index=True)
    number: orm.Mapped[str] = orm.mapped_column(unique=True)
    amount_minor: orm.Mapped[int]
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    issued_at: orm.Mapped[dt.datetime]
    document: orm.Mapped[dict[str, Any]] = orm.mapped_column(JSONB)
    sha256: orm.Mapped[str]
