"""/finance: what needs me today."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.auth import current_actor
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from payouts.finance import names, today
from payouts.reconciliation.report import business_days

blueprint = flask.Blueprint("finance_today", __name__)


@blueprint.get("/finance")
@policy("ledger", "read")
def index() -> Response:
    """Show what needs somebody of finance, the most urgent first, and whether the books are right."""
    actor, now = current_actor(), request_now()
    with db.session() as session:
        found = today.of(session, actor, now)
        called = names.of(
            session,
            advisers={one.payout.adviser_id for one in found.failed},
            people={who for one in found.waiting for who in (one.run.created_by, one.run.rejected_by)},
        )
    return pages.render(
        "finance/today.html",
        today=found,
        names=called,
        age_of=lambda moment: business_days(moment, now),
        others=len(found.differences) - 10,
    )
