"""Good rows of a feed on their way into the database, as text of COPY made by hand: a feed is mostly this."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy.orm import Session

from marketplace.catalogue.facts import ProductFacts
from marketplace.catalogue.feeds.models import FeedStaged
from marketplace.catalogue.rows.notes import Note
from marketplace.catalogue.rows.reading import ReadRow
from marketplace.core import ids

_COLUMNS = ", ".join(column.name for column in FeedStaged.__table__.columns)
# Control characters that no fact can hold (rows.reading._BAD), so that only what COPY itself means needs a backslash.
_PART, _NULL = "\x1f", "\x1e"
_COPY = f"COPY feed_staged ({_COLUMNS}) FROM STDIN (DELIMITER E'\\x1f', NULL E'\\x1e')"


def write(session: Session, job_id: uuid.UUID, rows: Iterable[ReadRow]) -> None:
    """Put the good ones among some rows aside, in the order of the feed."""
    job = str(job_id)
    lines = [_line(job, row, row.facts) for row in rows if row.facts is not None]
    if not lines:
        return
    cursor = session.connection().connection.cursor()
    with cursor.copy(_COPY) as copy:
        copy.write("".join(lines).encode())


def _line(job: str, row: ReadRow, facts: ProductFacts) -> str:
    """Return a row in the order of the columns of feed_staged."""
    price, sale = facts.price, facts.sale_price
    line = _PART.join(
        (
            job,
            str(row.number),
            str(ids.new_id()),
            facts.sku,
            facts.title,
            facts.description,
            facts.link,
            f"\\x{facts.page.hex()}",
            facts.image_link or _NULL,
            facts.brand or _NULL,
            facts.gtin or _NULL,
            str(price.minor),
            price.currency,
            _NULL if sale is None else str(sale.minor),
            facts.availability or _NULL,
            facts.category,
            facts.google_category or _NULL,
            facts.product_type or _NULL,
            # Codes of notes are plain words.
            f"{{{','.join(facts.warnings)}}}",
            f"\\x{facts.content_hash().hex()}",
            _notes(row.notes) if row.notes else "[]",
            facts.index_text(),
        )
    )
    return line.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r") + "\n"


@lru_cache(maxsize=1024)
def _notes(notes: tuple[Note, ...]) -> str:
    return json.dumps([note.as_dict() for note in notes])
