"""Routes of advice pages: written, checked, published and withdrawn by their adviser, read by everybody."""

from __future__ import annotations

import uuid
from typing import Any

from marketplace.advice import answers, publishing, reading, schemas, writing
from marketplace.advice.models import AdviceDraft, AdvicePage
from marketplace.core import db
from marketplace.core.auth import current_actor
from marketplace.core.paging import id_after, number_after, page
from marketplace.core.policy import policy
from marketplace.core.schemas import Page
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint(
    "advice-pages",
    __name__,
    url_prefix="/api/v1/advice-pages",
    description="Advice: drafts with their check, published pages, and each version that readers saw.",
)


@blueprint.post("")
@policy("advice", "write")
@blueprint.arguments(schemas.NewAdvice)
@blueprint.response(201, schemas.DraftView)
def create(data: dict[str, Any]) -> AdviceDraft:
    """Begin a page; readers see nothing of it before it is published."""
    with db.transaction(point="advice.begin") as session:
        made = writing.begin(session, current_actor(), data, request_now())
        return writing.draft_of(session, current_actor(), made.id)


@blueprint.get("")
@policy("advice", "read")
@blueprint.arguments(schemas.AdviceQuery, location="query")
@blueprint.response(200, schemas.AdvicePages)
def index(query: dict[str, Any]) -> dict[str, Any]:
    """List published pages, and your own in every state; newest first."""
    limit, cursor = query.pop("limit"), query.pop("cursor")
    found = reading.listed(
        db.session(), current_actor(), reading.Wish(**query), after=id_after(cursor), limit=limit
    )
    return page(found, limit, lambda row: (row.id,), lambda row: row)


@blueprint.get("/<uuid:page_id>")
@policy("advice", "read")
@blueprint.response(200, schemas.AdviceContent)
def show(page_id: uuid.UUID) -> dict[str, Any]:
    """Show a page with what readers see of it now."""
    session = db.session()
    return answers.shown(session, reading.get(session, current_actor(), page_id))


@blueprint.get("/<uuid:page_id>/draft")
@policy("advice", "write")
@blueprint.response(200, schemas.DraftView)
def show_draft(page_id: uuid.UUID) -> AdviceDraft:
    """Show what you are writing."""
    return writing.draft_of(db.session(), current_actor(), page_id)


@blueprint.patch("/<uuid:page_id>/draft")
@policy("advice", "write")
@blueprint.arguments(schemas.DraftChange)
@blueprint.response(200, schemas.DraftView)
def save_draft(data: dict[str, Any], page_id: uuid.UUID) -> AdviceDraft:
    """Save a draft; 409 edited_elsewhere when another window saved since."""
    with db.transaction(point="advice.save") as session:
        return writing.save(session, current_actor(), page_id, data, request_now())


@blueprint.get("/<uuid:page_id>/check")
@policy("advice", "write")
@blueprint.response(200, schemas.CheckView)
def check(page_id: uuid.UUID) -> dict[str, Any]:
    """Check a draft before publishing: what blocks, what is advised, and the disclosure it will carry."""
    return answers.checked(db.session(), current_actor(), page_id, request_now())


@blueprint.post("/<uuid:page_id>/publish")
@policy("advice", "write")
@blueprint.arguments(schemas.Publishing)
@blueprint.response(200, schemas.AdviceView)
def publish(data: dict[str, Any], page_id: uuid.UUID) -> AdvicePage:
    """Let readers see the draft; 409 advice_not_ready while the check blocks it."""
    with db.transaction(point="advice.publish") as session:
        return publishing.publish(session, current_actor(), page_id, data["edit"], request_now())


@blueprint.post("/<uuid:page_id>/withdraw")
@policy("advice", "write")
@blueprint.response(200, schemas.AdviceView)
def withdraw(page_id: uuid.UUID) -> AdvicePage:
    """Take your page away from readers; its versions stay, and it can be published again."""
    with db.transaction(point="advice.withdraw") as session:
        return publishing.withdraw(session, current_actor(), page_id, request_now())


@blueprint.post("/<uuid:page_id>/twin")
@policy("advice", "write")
@blueprint.arguments(schemas.Tie)
@blueprint.response(200, schemas.AdviceView)
def tie(data: dict[str, Any], page_id: uuid.UUID) -> AdvicePage:
    """Say which page of yours is the same advice in the other language."""
    with db.transaction(point="advice.tie") as session:
        return publishing.tie(session, current_actor(), page_id, data["twin_id"], request_now())


@blueprint.get("/<uuid:page_id>/versions")
@policy("advice", "history")
@blueprint.arguments(Page, location="query")
@blueprint.response(200, schemas.Versions)
def versions(query: dict[str, Any], page_id: uuid.UUID) -> dict[str, Any]:
    """List what readers saw of a page, newest first, each with the hash that proves it."""
    found = reading.versions(
        db.session(), current_actor(), page_id, after=number_after(query["cursor"]), limit=query["limit"]
    )
    return page(found, query["limit"], lambda row: (row.number,), lambda row: row)


@blueprint.get("/<uuid:page_id>/events")
@policy("advice", "history")
@blueprint.response(200, schemas.Events)
def events(page_id: uuid.UUID) -> dict[str, Any]:
    """List what became of a page, with the platform's reasons."""
    return {"items": reading.events(db.session(), current_actor(), page_id)}


@blueprint.post("/<uuid:page_id>/take-down")
@policy("advice", "moderate")
@blueprint.arguments(schemas.Reason)
@blueprint.response(200, schemas.AdviceView)
def take_down(data: dict[str, Any], page_id: uuid.UUID) -> AdvicePage:
    """Take a page down with a reason, which its adviser gets by mail."""
    with db.transaction(point="advice.take_down") as session:
        return publishing.take_down(session, current_actor(), page_id, data["reason"], request_now())


@blueprint.post("/<uuid:page_id>/restore")
@policy("advice", "moderate")
@blueprint.arguments(schemas.Reason)
@blueprint.response(200, schemas.AdviceView)
def restore(data: dict[str, Any], page_id: uuid.UUID) -> AdvicePage:
    """Bring back a page that was taken down."""
    with db.transaction(point="advice.restore") as session:
        return publishing.restore(session, current_actor(), page_id, data["reason"], request_now())
