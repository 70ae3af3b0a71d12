"""/adviser: what somebody earned and when it comes; on the first day a list of what to do."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.auth import current_actor
from marketplace.core.forms import Query
from marketplace.core.money import Money
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.offers import coming
from payouts.accrual import earnings
from payouts.earnings import beginning, orders, prospect, results, schemas, uncredited

blueprint = flask.Blueprint("adviser_home", __name__)
LATEST = 8


@blueprint.get("/adviser")
@policy("adviser_pages", "read")
def overview() -> Response:
    """Show where an adviser's money is, what clicks became, and the latest orders."""
    actor, now = current_actor(), request_now()
    adviser_id, query = actor.adviser(), Query(schemas.PeriodQuery)
    with db.session() as session:
        money = earnings.earnings(session, adviser_id)
        begun = beginning.steps(session, adviser_id, now)
        main = money[0] if money else None
        currency = main.currency if main else "EUR"
        ahead = prospect.of(session, adviser_id, main.payable.amount if main else Money.zero(currency), now)
        changes = coming.changes(session, actor, now) if begun.has_news else []
        elsewhere = uncredited.counted(session, adviser_id, now)
        found = results.of(session, adviser_id, currency, now, query.data["days"])
        latest = orders.page(session, adviser_id, orders.Wanted(), None, LATEST)
    return pages.render(
        "earnings/overview.html",
        money=money,
        begun=begun,
        ahead=ahead,
        changes=changes,
        elsewhere=elsewhere,
        results=found,
        latest=latest[:LATEST],
        query=query,
        periods=schemas.PERIODS,
    )
