"""The table of Google's categories in their languages."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base


class GoogleCategory(Base):
    """A category of Google's in one language: its whole path, and the same folded for searching."""

    __tablename__ = "google_category"
    __table_args__ = (
        CheckConstraint(sa.text("language IN ('en', 'nl')"), name="language"),
        Index("ix_google_category_folded", "folded", postgresql_using="gin"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    language: Mapped[str] = mapped_column(Text, primary_key=True)
    path: Mapped[str] = mapped_column(Text)
    folded: Mapped[str] = mapped_column(Text)
