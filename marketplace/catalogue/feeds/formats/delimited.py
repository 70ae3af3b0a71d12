"""Product feeds as delimited text, with tabs, commas, semicolons or pipes, read row by row.

Quotes are taken as RFC 4180 has them, where they close; a quote that never closes (6" pipe) is a plain character, so
that it can't swallow the rows below it. Bytes that are no text spoil their own row only.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator

from marketplace.catalogue.rows.notes import FeedUnreadable, Note, ReadAs
from marketplace.catalogue.rows.reading import FIELDS, REQUIRED, RawRow

MOST_LINE_CHARACTERS = 512 * 1024
_MOST_QUOTED_LINES = 200
# Whoever opens a quote in every line and closes none has the lines below read once more for each of them; after so
# many characters that were read ahead for nothing, only a few lines are.
_MOST_IN_VAIN, _FEWER_QUOTED_LINES = 20_000_000, 10
_MOST_IGNORED = 100
_DELIMITERS = ("\t", ",", ";", "|")
_FORMATS = {"\t": "tsv"}
_NAMES = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "pipes"}
_EXPORT = "Export tab- or comma-separated text (TSV, CSV) whose first line names the columns."
# Names are compared without capitals, spaces, underscores and hyphens.
_COLUMNS = {name.replace("_", ""): name for name in FIELDS} | {
    "itemtitle": "title", "itemdescription": "description", "finalurl": "link", "imageurl": "image_link",
}  # fmt: skip
# Google takes several of these; the first counts.
_MAY_REPEAT = frozenset({"product_type", "google_product_category", "image_link"})


def delimited_rows(text: Iterable[str], read_as: ReadAs) -> Iterator[RawRow]:
    """Yield the rows of delimited text in order, numbered from 1; blank lines are skipped and not counted.

    Raises FeedUnreadable when the first line names no columns of a feed, lacks a required one or repeats one, or when
    a line is longer than MOST_LINE_CHARACTERS. Writes down in read_as the delimiter and columns that mean nothing here.
    """
    lines = _Lines(text)
    header = _header(lines)
    names = [_column(cell) for cell in header]
    _check(names, lines.delimiter)
    read_as.format, read_as.delimiter = _FORMATS.get(lines.delimiter, "csv"), lines.delimiter
    unknown = [cell.strip() for cell, name in zip(header, names, strict=True) if not name]
    read_as.ignored = [_shown(cell) for cell in unknown if cell][:_MOST_IGNORED]
    # The first of two columns counts, so it is written last.
    known = [(place, name) for place, name in enumerate(names) if name][::-1]
    number, width = 0, len(header)
    lines.width = width
    while (record := lines.next_record()) is not None:
        if not record[0].strip() and not any(cell.strip() for cell in record):
            continue
        number += 1
        if len(record) < width:
            record += [""] * (width - len(record))
        fields = {name: record[place] for place, name in known if record[place]}
        problem = None
        if len(record) > width and any(cell.strip() for cell in record[width:]):
            reason = f"The row has {len(record)} cells, the first line has {width}."
            fix = f"Remove {_NAMES[lines.delimiter]} inside the texts, or put those texts in double quotes."
            problem = Note("row", "too_many_cells", reason, fix, refuses=True)
        yield RawRow(number, fields, problem)


class _Lines:
    """Lines of the file, put together to records."""

    def __init__(self, text: Iterable[str]) -> None:
        self._lines = _split(text)
        self._ahead: deque[str] = deque()
        self.delimiter = "\t"
        self.width = self._in_vain = 0

    def next_line(self) -> str | None:
        """Return the next line that isn't blank, without its end, or None."""
        while (line := self._line()) is not None:
            if line and not line.isspace():
                return line
        return None

    def _line(self) -> str | None:
        return self._ahead.popleft() if self._ahead else next(self._lines, None)

    def next_record(self, line: str | None = None) -> list[str] | None:
        """Return the cells of the next line that isn't blank, or of the one that is given; None at the end."""
        line = self.next_line() if line is None else line
        if line is None:
            return None
        if '"' not in line:
            return line.split(self.delimiter)
        found: list[str] | None
        try:
            found = _parse((line,), self.delimiter)
        except _Unclosed:
            found = self._escaped(line) or self._longer(line)
        except csv.Error:
            found = self._escaped(line)
        else:
            if len(found) != self.width:
                found = self._escaped(line) or found
        return line.split(self.delimiter) if found is None else found

    def _escaped(self, line: str) -> list[str] | None:
        """Return the cells of a line whose quotes stand behind backslashes, if that makes as many as there must be."""
        if '\\"' not in line:
            return None
        try:
            found = _parse((line,), self.delimiter, escape="\\")
        except csv.Error:
            return None
        return found if len(found) == self.width else None

    def _longer(self, line: str) -> list[str] | None:
        """Return the cells of a record that goes on below; None when its quote never closes rightly.

        Then the quote is a plain character of the first line alone, and the others are still to come.
        """
        taken = [line]
        most = _MOST_QUOTED_LINES if self._in_vain < _MOST_IN_VAIN else _FEWER_QUOTED_LINES

        def below() -> Iterator[str]:
            """Give line after line to the one reader, so that each is read once, however long the record is."""
            yield f"{line}\n"
            while len(taken) < most and (following := self._line()) is not None:
                taken.append(following)
                yield f"{following}\n"

        try:
            found = _parse(below(), self.delimiter)
        except csv.Error:
            found = None
        # Pairs are quotes inside of the cell; only an odd one can close it.
        if found is not None and taken[-1].count('"') % 2:
            return found
        self._in_vain += sum(map(len, taken))
        self._ahead.extendleft(reversed(taken[1:]))
        return None


class _Unclosed(csv.Error):
    """A quoted cell goes on in the next line."""


def _parse(lines: Iterable[str], delimiter: str, escape: str | None = None) -> list[str]:
    """Return the cells of one record, from its line or as many of the lines as it takes.

    Raises _Unclosed, or another csv.Error when the quotes make no sense.
    """
    try:
        return next(csv.reader(lines, delimiter=delimiter, escapechar=escape, strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise _Unclosed from error
        raise


def _split(text: Iterable[str]) -> Iterator[str]:
    """Yield lines without their ends, which may be LF, CRLF or CR, also mixed."""
    ends = io.IncrementalNewlineDecoder(None, translate=True)
    rest = ""
    for block in text:
        lines = (rest + ends.decode(block)).split("\n")
        rest = lines.pop()
        for line in lines:
            yield _bounded(line)
        _bounded(rest)
    rest += ends.decode("", True)
    for line in rest.split("\n"):
        yield _bounded(line)


def _bounded(line: str) -> str:
    if len(line) > MOST_LINE_CHARACTERS:
        reason = f"A line is longer than {MOST_LINE_CHARACTERS} characters."
        raise FeedUnreadable("row_too_large", reason, _EXPORT)
    return line


def _header(lines: _Lines) -> list[str]:
    """Return the cells of the first line, parted by what makes the most columns of a feed of it.

    Spreadsheets write `sep=;` before it, and templates of catalogues comments that begin with #.
    """
    first = lines.next_line() or ""
    while first.startswith("#") or first.strip().lower() in {f"sep={one}" for one in _DELIMITERS}:
        first = lines.next_line() or ""
    best: list[str] = [first]
    for delimiter in _DELIMITERS:
        try:
            cells = _parse((first,), delimiter)
        except csv.Error:
            cells = first.split(delimiter)
        known, before = ({_column(cell) for cell in some} - {""} for some in (cells, best))
        if (len(known), len(cells)) > (len(before), len(best)):
            best, lines.delimiter = cells, delimiter
    return best


def _column(cell: str) -> str:
    """Return the field that a column's name means, or an empty string."""
    name = cell.strip(' \t"').lower().removeprefix("g:")
    return _COLUMNS.get("".join(name.replace("_", " ").replace("-", " ").split()), "")


def _shown(cell: str) -> str:
    """Return a name for the report, without anything that PostgreSQL can't hold."""
    return "".join(sign if sign.isprintable() else "?" for sign in cell[:100])


def _check(names: list[str], delimiter: str) -> None:
    """Raise FeedUnreadable when the columns are not those of a feed."""
    if len(names) < len(REQUIRED):
        reason = "The first line has no column names that tabs, commas, semicolons or pipes would part."
        raise FeedUnreadable("not_a_feed", reason, _EXPORT)
    if missing := [name for name in REQUIRED if name not in names]:
        reason = f"The first line, read with {_NAMES[delimiter]}, lacks: {', '.join(missing)}."
        raise FeedUnreadable(
            "columns_missing", reason, "Add the column with exactly this name to the first line."
        )
    if repeated := sorted(
        {name for name in names if name and name not in _MAY_REPEAT and names.count(name) > 1}
    ):
        reason = f"The first line names a column twice: {', '.join(repeated)}."
        raise FeedUnreadable("columns_repeated", reason, "Keep one of them.")
