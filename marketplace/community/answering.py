"""Answers: by the adviser who was asked, or by the shop of the product, which is always shown as the shop."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import public
from marketplace.community import asking
from marketplace.community.models import Answer, Question, SavedAnswer
from marketplace.core import audit, ids, jobs, tenancy
from marketplace.core import db as database
from marketplace.core.actor import Actor
from marketplace.core.errors import IllegalTransition, NotFound

TELL = "community.tell"
MOST_SAVED = 50


def answer(
    session: Session, actor: Actor, question_id: UUID, data: Mapping[str, Any], now: dt.datetime
) -> Answer:
    """Answer a question that was asked of the actor or of their shop; readers see both from now on.

    data: body, and product_id to suggest a product. Raises NotFound, IllegalTransition for one that was hidden.
    """
    question, is_adviser = _asked(session, actor, question_id)
    if question.state not in ("waiting", "answered"):
        raise IllegalTransition("The question", was=question.state, wanted="answered")
    if data.get("product_id") is not None:
        asking.about_product(session, data["product_id"])
    made = Answer(
        id=ids.new_id(), question_id=question.id, by_role="adviser" if is_adviser else "shop",
        adviser_id=question.adviser_id if is_adviser else None, shop_id=None if is_adviser else question.shop_id,
        user_id=actor.user_id, body=data["body"], product_id=data.get("product_id"), state="shown", answered_at=now,
    )  # fmt: skip
    session.add(made)
    if question.state == "waiting":
        question.state, question.answered_at = "answered", now
    session.flush()
    audit.record(
        session,
        actor,
        "question.answer",
        "question",
        question.id,
        {"as": made.by_role},
        now=now,
        shop_id=made.shop_id,
    )
    database.after_commit(session, lambda: jobs.enqueue(TELL))
    return made


def _asked(session: Session, actor: Actor, question_id: UUID) -> tuple[Question, bool]:
    """Return a question that was asked of the actor, and whether it was asked of them as adviser. Raises NotFound."""
    for is_adviser, own in (
        (True, tenancy.adviser(actor, "answers.adviser", Question.adviser_id)),
        (False, tenancy.shops(actor, "answers.shop", Question.shop_id)),
    ):
        query = sa.select(Question).where(Question.id == question_id, own).with_for_update()
        found = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
        if found is not None:
            return found, is_adviser
    raise NotFound("question", question_id)


def of(
    session: Session, question_ids: Collection[UUID], known: Mapping[UUID, str] | None = None
) -> dict[UUID, list[dict[str, Any]]]:
    """Return the answers to questions that readers see, by question, the oldest first.

    known: names of advisers that need not be asked for. Each is {id, by_role, name, body, product_id, answered_at};
    name: of the adviser, or of the shop.
    """
    if not question_ids:
        return {}
    query = (
        sa.select(Answer, public.SHOP_NAME.c.name)
        .outerjoin(public.SHOP_NAME, public.SHOP_NAME.c.id == Answer.shop_id)
        .where(Answer.question_id.in_(list(question_ids)), Answer.state == "shown")
    )
    rows = session.execute(query.order_by(Answer.id)).all()
    people = dict(known or {})
    people |= public.names_of(
        session, {row.adviser_id for row, _shop in rows if row.adviser_id} - set(people)
    )
    found: dict[UUID, list[dict[str, Any]]] = {}
    for row, shop in rows:
        # A shop that is not in business yet has no name for readers, here as wherever its products are shown.
        name = people.get(row.adviser_id, "") if row.adviser_id else shop or ""
        found.setdefault(row.question_id, []).append(
            {
                "id": row.id,
                "by_role": row.by_role,
                "name": name,
                "body": row.body,
                "product_id": row.product_id,
                "answered_at": row.answered_at,
            }
        )
    return found


def hide(session: Session, actor: Actor, answer_id: UUID, reason: str, now: dt.datetime) -> Answer:
    """Hide an answer from readers, as the platform; twice changes nothing. Raises NotFound."""
    found = session.scalars(sa.select(Answer).where(Answer.id == answer_id).with_for_update()).one_or_none()
    if found is None:
        raise NotFound("answer", answer_id)
    if found.state != "hidden":
        found.state, found.reason = "hidden", reason
        session.flush()
        audit.record(session, actor, "answer.hide", "answer", found.id, {}, now=now)
    return found


def saved(session: Session, actor: Actor) -> list[SavedAnswer]:
    """Return the texts that the actor saved to answer with, by title."""
    query = sa.select(SavedAnswer).where(
        tenancy.adviser(actor, "saved_answers.own", SavedAnswer.adviser_id), SavedAnswer.removed_at.is_(None)
    )
    return list(session.scalars(query.order_by(SavedAnswer.title, SavedAnswer.id).limit(MOST_SAVED)))


def save(session: Session, actor: Actor, data: Mapping[str, Any], now: dt.datetime) -> SavedAnswer:
    """Keep a text to answer with; data: title, body. Raises IllegalTransition when there are too many, NotFound."""
    if len(saved(session, actor)) >= MOST_SAVED:
        raise IllegalTransition("The list of saved answers", was="full", wanted="longer")
    made = SavedAnswer(id=ids.new_id(), adviser_id=actor.adviser(), saved_at=now, **data)
    session.add(made)
    session.flush()
    return made


def forget(session: Session, actor: Actor, saved_answer_id: UUID, now: dt.datetime) -> SavedAnswer:
    """Take a saved text off the list; twice changes nothing. Raises NotFound for another's."""
    query = sa.select(SavedAnswer).where(
        SavedAnswer.id == saved_answer_id,
        tenancy.adviser(actor, "saved_answers.forget", SavedAnswer.adviser_id),
    )
    found = session.scalars(query.with_for_update()).one_or_none()
    if found is None:
        raise NotFound("saved answer", saved_answer_id)
    found.removed_at = found.removed_at or now
    session.flush()
    return found
