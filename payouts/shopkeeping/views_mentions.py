"""/shop/advice: pages that name the shop's products, and what readers ask the shop about them.

The shop can read and report pages, never change or remove them; its answers are always shown as the shop's.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.community import answering, asking
from marketplace.community.schemas import NewAnswer
from marketplace.core import db, pages
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.forms import Form, Query
from marketplace.core.paging import encode_cursor, place_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from payouts.shopkeeping import mentions, schemas, surroundings

blueprint = flask.Blueprint("shop_advice", __name__)


MOST_QUESTIONS = 30


@blueprint.get("/shop/advice")
@policy("shop_pages", "read")
def index() -> Response:
    """List questions that wait for the shop, and published advice about its products, newest first."""
    return _page(current_actor(), None, None)


@blueprint.post("/shop/advice/questions/<uuid:question_id>")
@policy("questions", "answer")
def answer(question_id: UUID) -> Response:
    """Answer a reader's question as the shop."""
    actor, form = current_actor(), Form(NewAnswer)

    def act(data: dict[str, Any]) -> UUID:
        with db.transaction(point="shop_pages.answer_reader") as session:
            return answering.answer(session, actor, question_id, data, request_now()).id

    if form.send(act) is None:
        return _page(actor, form, question_id)
    pages.said(_("Answered as the shop; readers see it from now on."))
    return pages.go("/shop/advice")


def _page(actor: Actor, form: Form | None, about: UUID | None) -> Response:
    query = Query(schemas.MentionsFilter)
    limit = query.data["limit"]
    with db.session() as session:
        here = surroundings.of(session, actor)
        found = mentions.page(session, here.shop.id, place_after(query.data["cursor"]), limit)
        wish = asking.Wish(shop_id=here.shop.id, state="waiting")
        waiting = asking.listed(session, actor, wish, after=None, limit=MOST_QUESTIONS)[:MOST_QUESTIONS]
        titles = mentions.titles(session, [one.product_id for one in waiting if one.product_id])
    shown = found[:limit]
    last = shown[-1] if len(found) > limit else None
    return pages.render(
        "shop/advice.html",
        form.status if form is not None else 200,
        rows=shown,
        waiting=waiting,
        titles=titles,
        form=form,
        about=about,
        query=query,
        next_cursor=encode_cursor(last["published_at"].isoformat(), last["id"]) if last else None,
        **here.context(),
    )
