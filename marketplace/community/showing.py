"""An advice page as readers see it: what was published, with prices, stock, pictures and votes of now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import profiles, public
from marketplace.advice import cards, disclosure, markup
from marketplace.advice.models import AdvicePage
from marketplace.community import answering, asking, voting
from marketplace.community.models import Question, Review, UsefulVote
from marketplace.core.actor import ANONYMOUS
from marketplace.pictures import reading as pictures

MOST_QUESTIONS, MOST_REVIEWS = 30, 12


@dataclass(frozen=True, slots=True)
class Face:
    """A page as its template wants it."""

    page: AdvicePage
    document: Mapping[str, Any]
    blocks: Sequence[Mapping[str, Any]]
    cards: Sequence[Mapping[str, Any]]
    adviser: Mapping[str, Any]
    portrait: pictures.Shown | None
    questions: Sequence[Mapping[str, Any]]
    reviews: Sequence[Review]
    useful: Mapping[UUID, int]
    voted: Collection[UUID]
    seen_at: dt.datetime | None

    @property
    def disclosure(self) -> Mapping[str, Any]:
        """Return what stands above the title."""
        told: Mapping[str, Any] = self.document["disclosure"]
        return told


def face(
    session: Session, page: AdvicePage, document: Mapping[str, Any], now: dt.datetime, reader: bytes | None
) -> Face:
    """Return a published page with everything that stands on it.

    document: of its newest version; reader: under which digest this reader votes, None for who never did.
    """
    adviser = profiles.shown(session, page.adviser_id, now)
    known = cards.facts(session, page.product_ids)
    shown, own, portrait = pictures.of_page(
        session, page.product_ids, _own_pictures(document), page.adviser_id
    )
    made = [
        card(block, known, shown, own, document, adviser["code"], page.code)
        for block in document["blocks"]
        if block["type"] == "product"
    ]
    questions = asking.listed(
        session, ANONYMOUS, asking.Wish(page_id=page.id, state="answered"), limit=MOST_QUESTIONS
    )
    told = answering.of(
        session, [one.id for one in questions], known={page.adviser_id: adviser["display_name"]}
    )
    reviews = _reviews(session, page.product_ids)
    subjects = [
        page.id,
        *(one["id"] for found in told.values() for one in found),
        *(one.id for one in reviews),
    ]
    useful, voted = _votes(session, subjects, reader)
    seen = [one["seen_at"] for one in made if one["seen_at"] is not None]
    return Face(
        page, document, blocks(document, made, own), made, adviser,
        portrait, [{"question": one, "answers": told.get(one.id, [])} for one in questions], reviews, useful, voted,
        min(seen) if seen else None,
    )  # fmt: skip


def card(
    block: Mapping[str, Any],
    known: Mapping[UUID, cards.Facts],
    shown: Mapping[UUID, pictures.Shown],
    own: Mapping[UUID, pictures.Shown],
    document: Mapping[str, Any],
    adviser_code: str,
    page_code: str,
) -> dict[str, Any]:
    """Return one product card with what is known now; what is no longer sold keeps what was published of it."""
    product_id = UUID(block["product_id"]) if block["product_id"] else None
    facts = known.get(product_id) if product_id else None
    picture = own.get(UUID(block["picture_id"])) if block.get("picture_id") else None
    is_gone = product_id is not None and (facts is None or facts.is_retired)
    language, name = document["language"], document["adviser"]["name"]
    return {
        **block,
        "why": markup.render(block["why"]),
        "picture": picture or (shown.get(product_id) if product_id else None),
        "alt": block.get("alt") or block["name"],
        "price": facts.price if facts and not is_gone else None,
        "before": facts.before if facts and not is_gone else None,
        "availability": facts.availability if facts and not is_gone else None,
        "seen_at": facts.seen_at if facts and not is_gone else None,
        "is_gone": is_gone,
        "obtained_text": disclosure.obtained(block["obtained"], language) if block["obtained"] else "",
        "href": cards.address(block, adviser_code=adviser_code, page_code=page_code),
        "button": disclosure.button(block, language=language, name=name),
    }


def blocks(
    document: Mapping[str, Any], made: Sequence[Mapping[str, Any]], own: Mapping[UUID, pictures.Shown]
) -> list[dict[str, Any]]:
    """Return the blocks in their order with their text as HTML; product cards that follow each other stand together."""
    by_id = {one["id"]: one for one in made}
    found: list[dict[str, Any]] = []
    for block in document["blocks"]:
        if block["type"] == "product":
            if not found or found[-1]["type"] != "products":
                found.append({"type": "products", "id": block["id"], "cards": []})
            found[-1]["cards"].append(by_id[block["id"]])
        elif block["type"] == "picture":
            picture = own.get(UUID(block["picture_id"]))
            if picture is not None:
                found.append({**block, "picture": picture})
        elif block.get("text", "").strip() or block["type"] == "questions":
            found.append({**block, "html": markup.render(block.get("text", ""))})
    return found


def _own_pictures(document: Mapping[str, Any]) -> list[UUID]:
    return [UUID(block["picture_id"]) for block in document["blocks"] if block.get("picture_id")]


def _reviews(session: Session, product_ids: Sequence[UUID]) -> Sequence[Review]:
    if not product_ids:
        return []
    query = sa.select(Review).where(Review.product_id.in_(product_ids), Review.state == "shown")
    return session.scalars(query.order_by(Review.id.desc()).limit(MOST_REVIEWS)).all()


def _votes(
    session: Session, subjects: Sequence[UUID], reader: bytes | None
) -> tuple[dict[UUID, int], set[UUID]]:
    """Return in one query how many find each thing useful, and which of them this reader does."""
    what = sa.func.coalesce(UsefulVote.page_id, UsefulVote.answer_id, UsefulVote.review_id)
    mine = sa.func.bool_or(UsefulVote.reader == reader) if reader else sa.literal(value=False)
    about = sa.or_(
        UsefulVote.page_id.in_(subjects),
        UsefulVote.answer_id.in_(subjects),
        UsefulVote.review_id.in_(subjects),
    )
    query = sa.select(what, sa.func.count(), mine).where(about, UsefulVote.taken_back_at.is_(None))
    rows = session.execute(query.group_by(what)).all()
    return {row[0]: row[1] for row in rows}, {row[0] for row in rows if row[2]}


def covers(session: Session, shown: Sequence[AdvicePage]) -> dict[UUID, dict[str, Any]]:
    """Return what stands on the cards of pages: picture and the adviser's name, by page."""
    own = pictures.of(session, [one.picture_id for one in shown if one.picture_id])
    products = pictures.of_products(session, [one for page in shown for one in page.product_ids[:1]])
    rows = session.execute(
        sa.select(
            public.ADVISER.c.id, public.ADVISER.c.display_name, public.ADVISER.c.code, public.ADVISER.c.kind
        ).where(public.ADVISER.c.id.in_({one.adviser_id for one in shown}))
    )
    people = {row.id: row for row in rows}
    useful = voting.counts(session, "page", [one.id for one in shown])
    return {
        one.id: {
            "picture": (own.get(one.picture_id) if one.picture_id else None)
            or next((products[p] for p in one.product_ids[:1] if p in products), None),
            "adviser": people.get(one.adviser_id),
            "useful": useful.get(one.id, 0),
        }
        for one in shown
    }


def waiting_count(session: Session, adviser_id: UUID) -> int:
    """Return how many questions wait for an adviser, as far as the actor may see them."""
    query = sa.select(sa.func.count()).select_from(Question)
    return session.execute(
        query.where(Question.adviser_id == adviser_id, Question.state == "waiting")
    ).scalar_one()
