"""The table of the words that products are called by."""

from __future__ import annotations

from sqlalchemy import Identity, Index, Text
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
