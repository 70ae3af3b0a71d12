"""The tables of search: words that products are called by, and Google's categories in their languages."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Identity, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base


class ProductWord(Base):
    """A word that some product is called by; a trigger learns them, and only its functions read them."""

    __tablename__ = "product_word"
    __table_args__ = (
        Index("ix_product_word_word", "word", postgresql_using="hash"),
        Index("ix_product_word_trigrams", "word", postgresql_using="gin"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    word: Mapped[str] = mapped_column(Text)


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
