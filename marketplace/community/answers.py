"""Answers about dialogue: questions with what was said to them, and reviews, each with how useful readers find them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from marketplace.community import answering, voting
from marketplace.community.models import Question, Review

_QUESTION = (
    "id", "page_id", "adviser_id", "product_id", "shop_id", "language", "body", "asker_name", "state", "reason",
    "asked_at", "answered_at",
)  # fmt: skip
_REVIEW = (
    "id", "product_id", "stars", "title", "body", "reviewer_name", "language", "proof", "reviewed_at",
)  # fmt: skip


def questions(session: Session, rows: Sequence[Question]) -> list[dict[str, Any]]:
    """Return questions with their answers, in the order given."""
    told = answering.of(session, [row.id for row in rows])
    useful = voting.counts(session, "answer", [one["id"] for found in told.values() for one in found])
    return [
        {name: getattr(row, name) for name in _QUESTION}
        | {"answers": [one | {"useful": useful.get(one["id"], 0)} for one in told.get(row.id, ())]}
        for row in rows
    ]


def reviews(session: Session, rows: Sequence[Review]) -> list[dict[str, Any]]:
    """Return reviews with their votes, in the order given."""
    useful = voting.counts(session, "review", [row.id for row in rows])
    return [
        {name: getattr(row, name) for name in _REVIEW} | {"useful": useful.get(row.id, 0)} for row in rows
    ]
