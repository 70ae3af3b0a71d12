"""/shop/advice: pages that name the shop's products. It can read and report them, never change or remove them."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.auth import current_actor
from marketplace.core.forms import Query
from marketplace.core.paging import encode_cursor, place_after
from marketplace.core.policy import policy
from payouts.shopkeeping import mentions, schemas, surroundings

blueprint = flask.Blueprint("shop_advice", __name__)


@blueprint.get("/shop/advice")
@policy("shop_pages", "read")
def index() -> Response:
    """List published advice about the shop's products, newest first."""
    actor, query = current_actor(), Query(schemas.MentionsFilter)
    limit = query.data["limit"]
    with db.session() as session:
        here = surroundings.of(session, actor)
        found = mentions.page(session, here.shop.id, place_after(query.data["cursor"]), limit)
    shown = found[:limit]
    last = shown[-1] if len(found) > limit else None
    return pages.render(
        "shop/advice.html",
        rows=shown,
        query=query,
        next_cursor=encode_cursor(last["published_at"].isoformat(), last["id"]) if last else None,
        **here.context(),
    )
