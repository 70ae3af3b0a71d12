"""In which order advice stands: what readers found useful and how fresh it is. What anybody earns is not looked at.

A page's weight is 1 and the votes of the last half year, halved for every 120 days since it was last looked over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.advice.models import AdvicePage
from marketplace.community.models import UsefulVote

RECENT = dt.timedelta(days=182)
HALVED_AFTER_DAYS = 120
LIKE, MOST_LIKE = 4, 6


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic with how many pages are about it."""

    name: str
    pages: int


def topics(session: Session, language: str | None = None) -> list[Topic]:
    """Return all topics that published pages, in a language if one is named, are about; the largest first."""
    name = sa.func.unnest(AdvicePage.topics).label("name")
    pages_of = sa.select(name).where(AdvicePage.state == "published")
    if language is not None:
        pages_of = pages_of.where(AdvicePage.language == language)
    found = pages_of.subquery()
    query = sa.select(found.c.name, sa.func.count()).group_by(found.c.name)
    rows = session.execute(query.order_by(sa.func.count().desc(), found.c.name).limit(200)).all()
    return [Topic(row[0], row[1]) for row in rows]


def topics_like(session: Session, words: str) -> list[Topic]:
    """Return the topics that words name or begin like, at most MOST_LIKE, those with the most pages first.

    A word of fewer than LIKE letters names a topic only when it is one of its words.
    """
    asked = {one for one in words.casefold().split() if len(one) > 1}

    def fits(topic: Topic) -> bool:
        named = topic.name.casefold().split("-")
        return any(
            word in named
            or (len(word) >= LIKE and any(word in one or (len(one) >= LIKE and one in word) for one in named))
            for word in asked
        )

    return [one for one in topics(session) if fits(one)][:MOST_LIKE] if asked else []


def pages(
    session: Session,
    now: dt.datetime,
    *,
    topic: str | None = None,
    adviser_id: UUID | None = None,
    product_ids: Sequence[UUID] | None = None,
    language: str | None = None,
    skip: int = 0,
    take: int = 24,
) -> Sequence[AdvicePage]:
    """Return up to take + 1 published pages in their order, after `skip` of them.

    language: pages in that language stand before the others.
    """
    votes = (
        sa.select(sa.func.count())
        .where(
            UsefulVote.page_id == AdvicePage.id,
            UsefulVote.taken_back_at.is_(None),
            UsefulVote.at > now - RECENT,
        )
        .scalar_subquery()
    )
    days = sa.func.extract("epoch", sa.literal(now) - AdvicePage.updated_at) / 86_400
    weight = (1 + votes) / sa.func.power(2, sa.func.greatest(days, 0) / HALVED_AFTER_DAYS)
    query = sa.select(AdvicePage).where(AdvicePage.state == "published")
    if topic is not None:
        query = query.where(AdvicePage.topics.contains([topic]))
    if adviser_id is not None:
        query = query.where(AdvicePage.adviser_id == adviser_id)
    if product_ids is not None:
        query = query.where(AdvicePage.product_ids.overlap(list(product_ids)))
    order = [weight.desc(), AdvicePage.id]
    if language is not None:
        order.insert(0, (AdvicePage.language != language).asc())
    return session.scalars(query.order_by(*order).offset(skip).limit(take + 1)).all()
