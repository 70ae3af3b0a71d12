"""/shop: what advice brought and cost, what the budget still pays, and what needs somebody today."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.auth import current_actor
from marketplace.core.forms import Query
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from payouts.shopkeeping import purse, results, sales, schemas, setup, surroundings

blueprint = flask.Blueprint("shop_home", __name__)
LATEST = 8


@blueprint.get("/shop")
@policy("shop_pages", "read")
def overview() -> Response:
    """Show a shop's results and what waits; a shop that is not live yet gets the steps to there."""
    actor, now, query = current_actor(), request_now(), Query(schemas.PeriodQuery)
    with db.session() as session:
        here = surroundings.of(session, actor)
        shop = here.shop
        begun = setup.of(session, shop.id)
        if not begun.has_sold:
            return pages.render("shop/begin.html", begun=begun, steps=begun.done(), **here.context())
        found = results.of(session, shop.id, shop.currency, now, query.data["days"])
        month = found if len(found.days) == purse.LOOKED_AT else None
        month = month or results.of(session, shop.id, shop.currency, now, purse.LOOKED_AT)
        budget = purse.of(session, shop.id, month, now) if here.is_owner else None
        sums = sales.totals(session, shop.id, sales.Wanted())
        latest = sales.page(session, shop.id, sales.Wanted(), None, LATEST)
    return pages.render(
        "shop/overview.html",
        begun=begun,
        results=found,
        budget=budget,
        waiting=sales.summed(sums, "pending"),
        first_due=min((one.first_approves_at for one in sums if one.state == "pending"), default=None),
        latest=latest[:LATEST],
        query=query,
        periods=schemas.PERIODS,
        **here.context(),
    )
