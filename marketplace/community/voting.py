"""Useful: one vote of a reader about a page, an answer or a review; a vote is one reader's and tells nobody whose."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Collection
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.advice import reading
from marketplace.community.models import Answer, Question, Review, UsefulVote
from marketplace.core import config, ids
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound

COLUMNS: Final = {
    "page": UsefulVote.page_id,
    "answer": UsefulVote.answer_id,
    "review": UsefulVote.review_id,
}


def reader_of(actor: Actor, key: str) -> bytes:
    """Return the digest under which somebody votes: of their account, or of the random key in their browser.

    It is keyed by a secret of ours, so that nobody with the table alone can tell whose votes they are.
    """
    who = f"user:{actor.user_id}" if actor.user_id is not None else f"key:{key}"
    return hmac.digest(config.current().secret_key.encode(), f"useful:{who}".encode(), hashlib.sha256)


def vote(
    session: Session, what: str, subject_id: UUID, reader: bytes, now: dt.datetime, *, taken_back: bool
) -> int:
    """Say that something is useful, or take that back; saying it again changes nothing. Return how many say so now.

    what: page, answer or review, of which the caller knows that readers see it (`require_shown`).
    """
    column = COLUMNS[what]
    made = insert(UsefulVote).values(
        {"id": ids.new_id(), column.key: subject_id, "reader": reader, "at": now, "taken_back_at": None}
    )
    session.execute(made.on_conflict_do_nothing())
    session.execute(
        sa.update(UsefulVote)
        .where(column == subject_id, UsefulVote.reader == reader)
        .values(taken_back_at=now if taken_back else None),
        execution_options={"synchronize_session": False},
    )
    return counts(session, what, [subject_id]).get(subject_id, 0)


def counts(session: Session, what: str, subject_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many readers found things useful, by id; those that nobody did are left out."""
    if not subject_ids:
        return {}
    column = COLUMNS[what]
    query = sa.select(column, sa.func.count()).where(
        column.in_(list(subject_ids)), UsefulVote.taken_back_at.is_(None)
    )
    return {row[0]: row[1] for row in session.execute(query.group_by(column)) if row[0] is not None}


def voted(session: Session, what: str, subject_ids: Collection[UUID], reader: bytes) -> set[UUID]:
    """Return which of these things this reader found useful."""
    if not subject_ids:
        return set()
    column = COLUMNS[what]
    query = sa.select(column).where(
        column.in_(list(subject_ids)), UsefulVote.reader == reader, UsefulVote.taken_back_at.is_(None)
    )
    return {found for found in session.scalars(query) if found is not None}


def require_shown(session: Session, what: str, subject_id: UUID) -> None:
    """Raise NotFound for what readers don't see."""
    if what == "page":
        reading.shown(session, subject_id)
        return
    if what == "answer":
        query = sa.select(Answer.id).join(Question, Question.id == Answer.question_id)
        query = query.where(Answer.id == subject_id, Answer.state == "shown", Question.state == "answered")
    else:
        query = sa.select(Review.id).where(Review.id == subject_id, Review.state == "shown")
    if session.scalars(query).one_or_none() is None:
        raise NotFound(what, subject_id)
