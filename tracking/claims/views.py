"""/adviser/claims/<id>: what was claimed, by when the shop answers, and what came of it."""

from __future__ import annotations

from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import public
from marketplace.core import db, pages, tenancy
from marketplace.core.auth import current_actor
from marketplace.core.errors import NotFound
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from tracking.claims import answers, outcomes, reading, rules, service

blueprint = flask.Blueprint("adviser_claims", __name__)


@blueprint.get("/adviser/claims/<uuid:claim_id>")
@policy("adviser_pages", "read")
def show(claim_id: UUID) -> Response:
    """Show a claim of one's own."""
    actor = current_actor()
    with db.session() as session:
        claim = reading.get(session, actor, claim_id)
        # The people of a shop see a claim on a page of theirs; this one is the adviser's.
        if not tenancy.is_adviser(actor, "claims.page", claim.adviser_id):
            raise NotFound("claim", claim_id)
        events = reading.events_of(session, [claim.id])[claim.id]
        outcome = outcomes.of(session, [claim]).get(claim.id)
        shop = public.names_of_shops(session, [claim.shop_id]).get(claim.shop_id, "")
    mine = [verb for party, verb in rules.may(service.standing_of(claim)) if party == "adviser"]
    return pages.render(
        "claims/adviser.html",
        claim=claim,
        events=events,
        outcome=outcome,
        shop=shop,
        about=answers.amount_of(claim),
        mine=mine,
    )


@blueprint.post("/adviser/claims/<uuid:claim_id>/withdraw")
@policy("adviser_pages", "claim")
def withdraw(claim_id: UUID) -> Response:
    """End a claim of one's own."""
    actor, now = current_actor(), request_now()
    db.run_in_transaction(
        lambda writer: service.withdraw(writer, actor, claim_id, now), point="pages.withdraw_claim"
    )
    pages.said(_("The claim is over; the shop need not answer any more."))
    return pages.go(flask.url_for("adviser_claims.show", claim_id=claim_id))
