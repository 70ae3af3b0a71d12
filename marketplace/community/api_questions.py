"""Routes of questions and answers: asked by anybody, answered by the adviser or the shop, read once answered."""

from __future__ import annotations

import uuid
from typing import Any

from marketplace.community import answering, answers, asking, readers, schemas
from marketplace.community.models import Answer, Question, SavedAnswer
from marketplace.core import db
from marketplace.core.auth import current_actor
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint(
    "questions",
    __name__,
    url_prefix="/api/v1/questions",
    description="Questions of readers with their answers.",
)
saved_answers = ApiBlueprint(
    "saved-answers",
    __name__,
    url_prefix="/api/v1/saved-answers",
    description="Texts that an adviser answers with more than once.",
)


@blueprint.post("/page/<uuid:page_id>")
@policy("questions", "ask")
@blueprint.arguments(schemas.NewPageQuestion)
@blueprint.response(201, schemas.Asked)
def ask_page(data: dict[str, Any], page_id: uuid.UUID) -> dict[str, Any]:
    """Ask the adviser of a page, about the page or a product on it."""
    with db.transaction(point="questions.ask_page") as session:
        subject = asking.about_page(session, page_id, data.pop("block"))
        readers.spend("ask")
        made = asking.ask(session, current_actor(), subject, data, request_now())
    return {"id": made, "state": "waiting"}


@blueprint.post("/adviser/<uuid:adviser_id>")
@policy("questions", "ask")
@blueprint.arguments(schemas.NewQuestion)
@blueprint.response(201, schemas.Asked)
def ask_adviser(data: dict[str, Any], adviser_id: uuid.UUID) -> dict[str, Any]:
    """Ask an adviser something."""
    with db.transaction(point="questions.ask_adviser") as session:
        subject = asking.about_adviser(session, adviser_id)
        readers.spend("ask")
        made = asking.ask(session, current_actor(), subject, data, request_now())
    return {"id": made, "state": "waiting"}


@blueprint.post("/product/<uuid:product_id>")
@policy("questions", "ask_shop")
@blueprint.arguments(schemas.NewQuestion)
@blueprint.response(201, schemas.Asked)
def ask_shop(data: dict[str, Any], product_id: uuid.UUID) -> dict[str, Any]:
    """Ask the shop of a product about it."""
    with db.transaction(point="questions.ask_shop") as session:
        subject = asking.about_product(session, product_id)
        readers.spend("ask")
        made = asking.ask(session, current_actor(), subject, data, request_now())
    return {"id": made, "state": "waiting"}


@blueprint.get("")
@policy("questions", "read")
@blueprint.arguments(schemas.QuestionsQuery, location="query")
@blueprint.response(200, schemas.Questions)
def index(query: dict[str, Any]) -> dict[str, Any]:
    """List questions: answered ones, and those asked of you or your shops in every state."""
    session = db.session()
    limit, cursor = query.pop("limit"), query.pop("cursor")
    found = asking.listed(session, current_actor(), asking.Wish(**query), after=id_after(cursor), limit=limit)
    made = page(found, limit, lambda row: (row.id,), lambda row: row)
    return made | {"items": answers.questions(session, made["items"])}


@blueprint.get("/<uuid:question_id>")
@policy("questions", "read")
@blueprint.response(200, schemas.QuestionView)
def show(question_id: uuid.UUID) -> dict[str, Any]:
    """Show a question with its answers."""
    session = db.session()
    return answers.questions(session, [asking.get(session, current_actor(), question_id)])[0]


@blueprint.post("/<uuid:question_id>/answers")
@policy("questions", "answer")
@blueprint.arguments(schemas.NewAnswer)
@blueprint.response(201, schemas.QuestionView)
def answer(data: dict[str, Any], question_id: uuid.UUID) -> dict[str, Any]:
    """Answer as the adviser who was asked, or as the shop, which is shown as the shop."""
    with db.transaction(point="questions.answer") as session:
        answering.answer(session, current_actor(), question_id, data, request_now())
        return answers.questions(session, [asking.get(session, current_actor(), question_id)])[0]


@blueprint.post("/<uuid:question_id>/set-aside")
@policy("questions", "set_aside")
@blueprint.arguments(schemas.Reason)
@blueprint.response(200, schemas.Hidden)
def set_aside(data: dict[str, Any], question_id: uuid.UUID) -> Question:
    """Leave a question unanswered, with a reason for yourself."""
    with db.transaction(point="questions.set_aside") as session:
        return asking.set_aside(session, current_actor(), question_id, data["reason"], request_now())


@blueprint.post("/<uuid:question_id>/hide")
@policy("questions", "moderate")
@blueprint.arguments(schemas.Reason)
@blueprint.response(200, schemas.Hidden)
def hide(data: dict[str, Any], question_id: uuid.UUID) -> Question:
    """Hide a question and its answers from readers."""
    with db.transaction(point="questions.hide") as session:
        return asking.hide(session, current_actor(), question_id, data["reason"], request_now())


@blueprint.post("/answers/<uuid:answer_id>/hide")
@policy("questions", "moderate")
@blueprint.arguments(schemas.Reason)
@blueprint.response(200, schemas.Hidden)
def hide_answer(data: dict[str, Any], answer_id: uuid.UUID) -> Answer:
    """Hide an answer from readers."""
    with db.transaction(point="questions.hide_answer") as session:
        return answering.hide(session, current_actor(), answer_id, data["reason"], request_now())


@saved_answers.get("")
@policy("questions", "saved")
@saved_answers.response(200, schemas.SavedAnswers)
def saved_index() -> dict[str, Any]:
    """List the texts that you saved."""
    return {"items": answering.saved(db.session(), current_actor())}


@saved_answers.post("")
@policy("questions", "saved")
@saved_answers.arguments(schemas.NewSavedAnswer)
@saved_answers.response(201, schemas.SavedAnswerView)
def save(data: dict[str, Any]) -> SavedAnswer:
    """Save a text to answer with."""
    with db.transaction(point="questions.save_answer") as session:
        return answering.save(session, current_actor(), data, request_now())


@saved_answers.post("/<uuid:saved_answer_id>/remove")
@policy("questions", "saved")
@saved_answers.response(200, schemas.SavedAnswerView)
def forget(saved_answer_id: uuid.UUID) -> SavedAnswer:
    """Take a text off your list."""
    with db.transaction(point="questions.forget_answer") as session:
        return answering.forget(session, current_actor(), saved_answer_id, request_now())
