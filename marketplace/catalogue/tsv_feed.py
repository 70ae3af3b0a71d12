"""Google Merchant feeds as tab-separated text, read row by row from pieces of bytes.

Quotes are taken as the specification has them, where they close; a quote that never closes (6" pipe) is a
plain character, so that it can't swallow the rows below it. Bytes that are no text spoil their own row only.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from marketplace.catalogue.notes import FeedUnreadable, Note
from marketplace.catalogue.rows import FIELDS, REQUIRED, RawRow

MOST_LINE_CHARACTERS = 512 * 1024
_MOST_QUOTED_LINES = 50
_EXPORT = "Export a tab-separated file (TSV) whose first line names the columns."


class _Pieces(io.RawIOBase):
    """Pieces of bytes as one stream."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._rest = iter(pieces), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            try:
                self._rest = memoryview(next(self._pieces))
            except StopIteration:
                return 0
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def tsv_rows(pieces: Iterable[bytes], encoding: str) -> Iterator[RawRow]:
    """Yield the rows of a TSV feed in order, numbered from 1; blank lines are skipped and not counted.

    encoding: "utf-8-sig" or "utf-16". Raises FeedUnreadable when the first line names no columns of a feed,
    lacks a required one or repeats one, or when a line is longer than MOST_LINE_CHARACTERS.
    """
    stream = io.TextIOWrapper(
        io.BufferedReader(_Pieces(pieces)), encoding, errors="surrogateescape", newline=None
    )
    lines = _Lines(stream)
    header = lines.next_record()
    columns = _columns(header or [])
    number = 0
    while (record := lines.next_record()) is not None:
        number += 1
        yield _row(number, record, columns)


class _Lines:
    """Lines of the file, put together to records."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream
        self._ahead: list[str] = []

    def _line(self) -> str | None:
        if self._ahead:
            return self._ahead.pop(0)
        try:
            line = self._stream.readline(MOST_LINE_CHARACTERS + 1)
        except UnicodeError as error:
            raise FeedUnreadable(
                "encoding", "The file is not UTF-8 or UTF-16.", "Save the file as UTF-8."
            ) from error
        if len(line) > MOST_LINE_CHARACTERS:
            reason = f"A line is longer than {MOST_LINE_CHARACTERS} characters."
            raise FeedUnreadable("row_too_large", reason, _EXPORT)
        return line or None

    def next_record(self) -> list[str] | None:
        """Return the cells of the next line that isn't blank, or None at the end."""
        while (line := self._line()) is not None:
            if line.strip():
                return self._cells(line)
        return None

    def _cells(self, line: str) -> list[str]:
        if '"' not in line:
            return line.rstrip("\n").split("\t")
        taken = [line]
        while True:
            try:
                return _parse("".join(taken))
            except _Unclosed:
                following = self._line() if len(taken) < _MOST_QUOTED_LINES else None
                if following is None:
                    break
                taken.append(following)
            except csv.Error:
                break
        # The quote never closes properly, so it is a plain character of the first line alone.
        self._ahead[:0] = taken[1:]
        return line.rstrip("\n").split("\t")


class _Unclosed(Exception):
    """A quoted cell goes on in the next line."""


def _parse(text: str) -> list[str]:
    """Return the cells of one record. Raises _Unclosed, or csv.Error when the quotes make no sense."""
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise _Unclosed from error
        raise


def _columns(header: list[str]) -> list[str]:
    """Return the field of each column ("" for others); FeedUnreadable when these are not a feed's."""
    names = [cell.strip().lower().removeprefix("g:").replace(" ", "_") for cell in header]
    if len(names) < len(REQUIRED):
        reason = "The first line has no tab-separated column names."
        raise FeedUnreadable("not_a_feed", reason, _EXPORT)
    if missing := [name for name in REQUIRED if name not in names]:
        fix = "Add the column with exactly this name to the first line."
        raise FeedUnreadable("columns_missing", f"The first line lacks: {', '.join(missing)}.", fix)
    columns = [name if name in FIELDS else "" for name in names]
    if repeated := sorted({name for name in columns if name and columns.count(name) > 1}):
        reason = f"The first line names a column twice: {', '.join(repeated)}."
        raise FeedUnreadable("columns_repeated", reason, "Keep one of them.")
    return columns


def _row(number: int, record: list[str], columns: list[str]) -> RawRow:
    fields = {name: cell for name, cell in zip(columns, record, strict=False) if name}
    if any(cell.strip() for cell in record[len(columns) :]):
        reason = f"The row has {len(record)} cells, the first line has {len(columns)}."
        fix = "Remove tabs inside the texts, or put those texts in double quotes."
        return RawRow(number, fields, Note("row", "too_many_cells", reason, fix, refuses=True))
    return RawRow(number, fields)
