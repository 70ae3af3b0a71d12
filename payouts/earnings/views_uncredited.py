"""/adviser/not-credited: orders seen after an adviser's clicks that went elsewhere, rule by rule."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.auth import current_actor
from marketplace.core.forms import Query
from marketplace.core.paging import encode_cursor, place_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from payouts.earnings import missing, schemas, uncredited

blueprint = flask.Blueprint("adviser_uncredited", __name__)


@blueprint.get("/adviser/not-credited")
@policy("adviser_pages", "read")
def index() -> Response:
    """List what went elsewhere in the last 90 days, newest first, each with the rule that decided."""
    adviser_id, now, query = current_actor().adviser(), request_now(), Query(schemas.ElsewhereFilter)
    limit = query.data["limit"]
    with db.session() as session:
        found = uncredited.page(session, adviser_id, now, place_after(query.data["cursor"]), limit)
        shops = missing.shops(session, adviser_id)
        named = next((one for one in shops if one[0] == query.data["shop_id"]), None)
        asked = None
        if named is not None and query.data["order_ref"]:
            asked = missing.look(session, adviser_id, named, query.data["order_ref"])
    shown = found[:limit]
    more = len(found) > limit
    return pages.render(
        "earnings/not_credited.html",
        rows=shown,
        reasons=uncredited.by_reason(shown),
        shops=shops,
        asked=asked,
        query=query,
        next_cursor=encode_cursor(shown[-1].ordered_at.isoformat(), shown[-1].order_id) if more else None,
    )
