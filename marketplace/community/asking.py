"""Questions: anybody asks, the adviser answers or the shop does, and readers see what was answered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import public
from marketplace.advice import reading
from marketplace.catalogue.models import Product
from marketplace.community import texts
from marketplace.community.models import Question, QuestionAsker
from marketplace.core import audit, config, db, ids, mail, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import IllegalTransition, InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class Subject:
    """What a question is about: a page and perhaps a product on it, an adviser, or a product."""

    page_id: UUID | None = None
    adviser_id: UUID | None = None
    product_id: UUID | None = None
    shop_id: UUID | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which questions are wanted; each part narrows."""

    page_id: UUID | None = None
    adviser_id: UUID | None = None
    product_id: UUID | None = None
    shop_id: UUID | None = None
    state: str | None = None


def about_page(session: Session, page_id: UUID, block: str | None) -> Subject:
    """Return the subject of a question on a published page; block: the card of the product that it is about.

    Raises NotFound, InvalidInput for a block that is no product of ours.
    """
    page = reading.shown(session, page_id)
    if block is None:
        return Subject(page.id, page.adviser_id, title=page.title)
    document = reading.document(session, page) or {"blocks": []}
    card = next((one for one in document["blocks"] if one["id"] == block and one.get("product_id")), None)
    if card is None:
        raise InvalidInput({"block": ["No product of this page."]})
    product = _product(session, UUID(card["product_id"]))
    return Subject(page.id, page.adviser_id, product.id, product.shop_id, page.title)


def about_adviser(session: Session, adviser_id: UUID) -> Subject:
    """Return the subject of a question to an adviser. Raises NotFound."""
    return Subject(adviser_id=adviser_id, title=public.adviser(session, adviser_id).display_name)


def about_product(session: Session, product_id: UUID) -> Subject:
    """Return the subject of a question to the shop of a product that is sold. Raises NotFound."""
    product = _product(session, product_id)
    return Subject(product_id=product.id, shop_id=product.shop_id, title=product.title)


def _product(session: Session, product_id: UUID) -> Product:
    query = sa.select(Product).where(Product.id == product_id, Product.retired_at.is_(None))
    query = query.where(Product.shop_id.in_(public.shops_in("draft", "live", "closing")))
    # What is sold is the same for everybody: somebody of one shop asks about another's product too.
    with db.within(session, db.NOBODY):
        found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound("product", product_id)
    return found


def ask(session: Session, actor: Actor, subject: Subject, data: Mapping[str, Any], now: dt.datetime) -> UUID:
    """Keep a question and tell whom it is asked; return its id.

    data: body, language, and name, email and consent where given: an address is kept only with consent, for one mail
    about the answer. Somebody who is signed in is told at their account. Raises InvalidInput.
    """
    texts.accept({"body": data["body"], "name": data.get("name") or "Lezer"})
    if data.get("email") and not data.get("consent"):
        raise InvalidInput({"consent": ["Say that we may mail you the answer, or leave the address out."]})
    question = Question(
        id=ids.new_id(), page_id=subject.page_id, adviser_id=subject.adviser_id, product_id=subject.product_id,
        shop_id=subject.shop_id, language=data["language"], body=data["body"], asker_name=data.get("name") or None,
        state="waiting", asked_at=now,
    )  # fmt: skip
    session.add(question)
    session.flush()
    if actor.user_id is not None:
        session.add(QuestionAsker(question_id=question.id, user_id=actor.user_id))
    elif data.get("email"):
        session.add(QuestionAsker(question_id=question.id, email=data["email"], consented_at=now))
    session.flush()
    inbox = "/adviser/questions" if subject.adviser_id else "/shop/advice"
    whom = f"adviser:{subject.adviser_id}" if subject.adviser_id else f"owners:{subject.shop_id}"
    facts = {
        "asker": question.asker_name or {"nl": "Een lezer", "en": "A reader"}[question.language],
        "page": subject.title,
        "question": question.body,
        "at": now.isoformat(),
        "url": f"{config.current().base_url}{inbox}#q-{question.id}",
    }
    mail.tell(session, whom, "question_asked", facts, once=f"question:{question.id}", now=now)
    return question.id


def visible(actor: Actor) -> sa.ColumnElement[bool]:
    """Return which questions an actor may see: answered ones, those asked of them or of their shops, all as admin."""
    if actor.is_platform:
        return sa.true()
    own = tenancy.adviser(actor, "questions.own", Question.adviser_id)
    return sa.or_(
        Question.state == "answered", own, tenancy.shops(actor, "questions.shops", Question.shop_id)
    )


def get(session: Session, actor: Actor, question_id: UUID) -> Question:
    """Return a question that the actor may see. Raises NotFound."""
    found = session.scalars(
        sa.select(Question).where(Question.id == question_id, visible(actor))
    ).one_or_none()
    if found is None:
        raise NotFound("question", question_id)
    return found


def asked_of(session: Session, actor: Actor, question_id: UUID) -> Question:
    """Return a question that was asked of the actor as adviser. Raises NotFound."""
    own = tenancy.adviser(actor, "questions.asked", Question.adviser_id)
    found = session.scalars(sa.select(Question).where(Question.id == question_id, own)).one_or_none()
    if found is None:
        raise NotFound("question", question_id)
    return found


def listed(
    session: Session, actor: Actor, wish: Wish, *, after: UUID | None = None, limit: int = 50
) -> Sequence[Question]:
    """Return up to limit + 1 questions that the actor may see, newest first, after the id `after`."""
    query = sa.select(Question).where(visible(actor)).order_by(Question.id.desc()).limit(limit + 1)
    for column, wanted in (
        (Question.page_id, wish.page_id),
        (Question.adviser_id, wish.adviser_id),
        (Question.product_id, wish.product_id),
        (Question.shop_id, wish.shop_id),
        (Question.state, wish.state),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if after is not None:
        query = query.where(Question.id < after)
    return session.scalars(query).all()


def waiting(session: Session, page_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many questions wait on pages of the actor's own, by page."""
    if not page_ids:
        return {}
    query = sa.select(Question.page_id, sa.func.count()).where(
        Question.page_id.in_(list(page_ids)), Question.state == "waiting"
    )
    rows = session.execute(query.group_by(Question.page_id))
    return {row[0]: row[1] for row in rows if row[0] is not None}


def set_aside(session: Session, actor: Actor, question_id: UUID, reason: str, now: dt.datetime) -> Question:
    """Leave a question that was asked of the actor unanswered, with a reason; twice changes nothing.

    Raises NotFound, IllegalTransition for one that was answered or hidden.
    """
    query = sa.select(Question).where(
        Question.id == question_id, tenancy.adviser(actor, "questions.set_aside", Question.adviser_id)
    )
    question = session.scalars(query.with_for_update()).one_or_none()
    if question is None:
        raise NotFound("question", question_id)
    if question.state == "set_aside":
        return question
    if question.state != "waiting":
        raise IllegalTransition("The question", was=question.state, wanted="set aside")
    question.state, question.reason = "set_aside", reason
    session.flush()
    audit.record(session, actor, "question.set_aside", "question", question.id, {}, now=now)
    return question


def hide(session: Session, actor: Actor, question_id: UUID, reason: str, now: dt.datetime) -> Question:
    """Hide a question and its answers from readers, as the platform; twice changes nothing. Raises NotFound."""
    question = session.scalars(
        sa.select(Question).where(Question.id == question_id).with_for_update()
    ).one_or_none()
    if question is None:
        raise NotFound("question", question_id)
    if question.state != "hidden":
        question.state, question.reason = "hidden", reason
        session.flush()
        audit.record(session, actor, "question.hide", "question", question.id, {}, now=now)
    return question
