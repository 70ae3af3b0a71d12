"""What a feed is told: of a row, which field and how to put it right; of the whole, how it was read or why not."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Note:
    """One remark about one field of a row; a refusal when the row can't be kept because of it."""

    field: str
    code: str
    reason: str
    fix: str
    refuses: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return the remark as it is stored and shown."""
        return asdict(self)


@dataclass(slots=True)
class ReadAs:
    """How a feed was read, known better as reading goes on.

    format: rss, atom, csv or tsv; delimiter: one character, of delimited text; ignored: names of columns or elements
    that mean nothing here; notes: remarks on the feed as a whole.
    """

    format: str = ""
    encoding: str = ""
    delimiter: str | None = None
    ignored: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """Return what is stored and shown."""
        return asdict(self)


class FeedUnreadable(Exception):
    """The feed as a whole can't be read, so nothing of it is applied. `code` is stable, the rest is prose.

    line, column: where its text broke off, both from 1, when that is known.
    """

    def __init__(
        self, code: str, reason: str, fix: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        self.code, self.reason, self.fix, self.line, self.column = code, reason, fix, line, column
        super().__init__(f"{code}: {reason}")
