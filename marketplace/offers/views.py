"""/adviser/offers: find offers by what they pay and how their shops behave; apply, and leave."""

from __future__ import annotations

import uuid
from typing import Any

import flask
from marshmallow import validate
from werkzeug.wrappers import Response

from marketplace.core import db, formats, pages
from marketplace.core.auth import current_actor
from marketplace.core.errors import NotFound
from marketplace.core.forms import Form, Query
from marketplace.core.policy import policy
from marketplace.core.schemas import QueryInteger, Schema, Text
from marketplace.core.web import request_now
from marketplace.core.wording import _
from marketplace.offers import market, partnerships, terms
from marketplace.offers.schemas import PartnershipRequest

blueprint = flask.Blueprint("adviser_offers", __name__)
RATES, HOLDS, APPROVALS, DAYS = (300, 500, 800, 1000), (14, 30, 60), (80, 90, 95), (30, 45, 60)


class OffersFilter(Schema):
    """What an adviser looks for."""

    state = Text(load_default=None, validate=[validate.OneOf(("joined", "new"))])
    category = Text(load_default=None, maximum=200)
    rate_bp = QueryInteger(load_default=None, validate=[validate.OneOf(RATES)])
    hold_days = QueryInteger(load_default=None, validate=[validate.OneOf(HOLDS)])
    approval = QueryInteger(load_default=None, validate=[validate.OneOf(APPROVALS)])
    days_to_pay = QueryInteger(load_default=None, validate=[validate.OneOf(DAYS)])


@blueprint.get("/adviser/offers")
@policy("adviser_pages", "offers")
def index() -> Response:
    """List the offers that an adviser may join or has joined, with what their shops really did."""
    actor, now, query = current_actor(), request_now(), Query(OffersFilter)
    with db.session() as session:
        every = market.invitations(session, actor, now)
    wish = market.Wish(**query.data)
    # What shops write in two languages is one shelf to who reads either.
    told = {formats.category(shelf): shelf for one in every for shelf in one.shelves}
    categories = [(told[name], name) for name in sorted(told, key=str.lower)]
    return pages.render(
        "offers/index.html",
        found=[one for one in every if wish.fits(one)],
        count=len(every),
        joined=sum(one.state == "accepted" for one in every),
        categories=categories,
        query=query,
        rates=RATES,
        holds=HOLDS,
        approvals=APPROVALS,
        days=DAYS,
    )


@blueprint.get("/adviser/offers/<uuid:offer_id>")
@policy("adviser_pages", "offers")
def show(offer_id: uuid.UUID) -> Response:
    """Show one offer whole: its terms, those that come, and what the shop did so far."""
    return _page(offer_id, Form(PartnershipRequest))


@blueprint.post("/adviser/offers/<uuid:offer_id>/join")
@policy("partnerships", "apply")
def join(offer_id: uuid.UUID) -> Response:
    """Ask the shop to be taken on."""
    actor, now, form = current_actor(), request_now(), Form(PartnershipRequest(exclude=("offer_id",)))

    def act(data: dict[str, Any]) -> str:
        with db.transaction(point="pages.apply") as session:
            return partnerships.apply(session, actor, offer_id, now=now, message=data["message"]).state

    state = form.send(act)
    if state is None:
        try:
            return _page(offer_id, form)
        except NotFound:
            # An offer that is not open has no page for who never joined it, but a reason why not.
            raise form.refusal or NotFound("offer", offer_id) from None
    pages.said(
        _("You applied. The shop is asked; its answer will stand here, and we mail you.")
        if state == "applied"
        else _("The shop has taken you on already: accept the terms below.")
    )
    return pages.go(flask.url_for("adviser_offers.show", offer_id=offer_id))


@blueprint.post("/adviser/partnerships/<uuid:partnership_id>/leave")
@policy("partnerships", "leave")
def leave(partnership_id: uuid.UUID) -> Response:
    """Leave an offer: its links earn nothing more from now on; what was earned stays."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="pages.leave_offer") as session:
        left = partnerships.leave(session, actor, partnership_id, now=now)
        offer_id = left.offer_id
    pages.said(_("You left the offer. What you earned stays; new clicks earn nothing. You may apply again."))
    return pages.go(flask.url_for("adviser_offers.show", offer_id=offer_id))


def _page(offer_id: uuid.UUID, form: Form) -> Response:
    actor, now = current_actor(), request_now()
    with db.session() as session:
        found = market.invitation(session, actor, offer_id, now)
        versions = market.versions(session, found)
        becomes = market.coming_terms(versions, now)
        claims = market.claim_record(session, found.offer.shop_id, now)
        titles = terms.titles(session, found.offer.shop_id, (found.terms, becomes))
    changed = market.differences(found.terms, becomes) if found.terms and becomes else []
    return pages.render(
        "offers/show.html",
        form.status,
        one=found,
        becomes=becomes,
        changed=changed,
        versions=versions,
        titles=titles,
        claims=claims,
        form=form,
    )
