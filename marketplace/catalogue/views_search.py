"""The page where an unknown tracked link ends: it finds products by words of their title."""

from __future__ import annotations

import flask

from marketplace.catalogue import products
from marketplace.core import db
from marketplace.core.money import Money
from marketplace.core.policy import policy

blueprint = flask.Blueprint("search", __name__)
MOST_WORDS = 100


@blueprint.get("/search")
@policy("public", "read")
def search() -> str:
    """Show published products whose title holds every word asked for; nothing is asked of who looks."""
    # A link's code comes here too, and anything a stranger types: NUL can't be text in PostgreSQL.
    words = flask.request.args.get("q", "").replace("\x00", "")[:MOST_WORDS].strip()
    # A public page shows everybody the same, whoever is signed in.
    with db.use_scope(db.NOBODY), db.session() as session:
        found = products.titled(session, words.split()) if words else []
    shown = [
        {
            "title": product.title,
            "link": product.link,
            "currency": product.currency,
            "price": Money(product.price_minor, product.currency),
        }
        for product in found
    ]
    return flask.render_template("catalogue/search.html", words=words, products=shown)
