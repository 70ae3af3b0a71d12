"""Questions that ask about the same thing: side by side in the inbox, so that one answer can reach all who asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

Question = Mapping[str, Any]


def topic(question: Question) -> tuple[str, UUID | None]:
    """Return what a question is about: its product, else its page, else the adviser in general."""
    for name in ("product_id", "page_id"):
        if question[name] is not None:
            return name, question[name]
    return "adviser", None


def together(questions: Sequence[Question]) -> list[list[Question]]:
    """Return questions in groups of one topic each: groups by their newest question, in each the newest first."""
    found: dict[tuple[str, UUID | None], list[Question]] = {}
    for one in questions:
        found.setdefault(topic(one), []).append(one)
    return list(found.values())
