"""/offers/<shop>/<offer>: what an open offer promises, for everybody; advisers join from here."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.offers import announced

blueprint = flask.Blueprint("announced_offers", __name__)


@blueprint.get("/offers/<shop_code>/<offer_code>")
@policy("public", "read_offer")
def show(shop_code: str, offer_code: str) -> Response:
    """Show the terms of an open offer and how to join."""
    with db.session() as session:
        offer = announced.of(session, shop_code[:80], offer_code[:80], request_now())
    return pages.render("shop/announced.html", offer=offer)
