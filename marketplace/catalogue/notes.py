"""What a feed row is told: which field, what is the matter, and how to put it right."""

from __future__ import annotations

from dataclasses import asdict, dataclass


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


class FeedUnreadable(Exception):
    """The feed as a whole can't be read, so nothing of it is applied. `code` is stable, the rest is prose."""

    def __init__(self, code: str, reason: str, fix: str) -> None:
        self.code, self.reason, self.fix = code, reason, fix
        super().__init__(f"{code}: {reason}")
