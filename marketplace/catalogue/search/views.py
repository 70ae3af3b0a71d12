"""The page where an unknown tracked link ends: it finds products by words, wrongly typed ones too."""

from __future__ import annotations

import flask

from marketplace.catalogue.search import service as searching
from marketplace.core.money import Money
from marketplace.core.policy import policy

blueprint = flask.Blueprint("search", __name__)
MOST_CHARACTERS, MOST_SHOWN = 100, 24


@blueprint.get("/search")
@policy("public", "read")
def search() -> str:
    """Show published products for the words asked for; nothing is asked of who looks."""
    # A link's code comes here too, and anything a stranger types.
    words = flask.request.args.get("q", "").replace("\x00", "")[:MOST_CHARACTERS].strip()
    found = (
        searching.find(searching.Wish(words, take=MOST_SHOWN)) if words else searching.Found([], more=False)
    )
    shown = [
        {
            "title": hit.product.title,
            "link": hit.product.link,
            "currency": hit.product.currency,
            "price": Money(hit.product.price_minor, hit.product.currency),
        }
        for hit in found.hits
    ]
    return flask.render_template(
        "catalogue/search.html", words=words, products=shown, did_you_mean=found.did_you_mean
    )
