"""/shop/stores, the counter: hours, who works there, spoken codes, and cards to print."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages, tenancy
from marketplace.core.auth import current_actor
from marketplace.core.errors import NotFound
from marketplace.core.forms import Form
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from marketplace.stores import service
from payouts.shopkeeping import counter, schemas, surroundings
from payouts.shopkeeping.views_stores import store_page
from tracking.links import codes

blueprint = flask.Blueprint("shop_counter", __name__)


@blueprint.get("/shop/stores/<uuid:store_id>/cards")
@policy("shop_pages", "read")
def cards(store_id: UUID) -> Response:
    """Show the cards of who works in a store, to print: QR and spoken code of each."""
    actor = current_actor()
    with db.session() as session:
        store = service.of_shop(session, actor, store_id)
        tenancy.require_shop(actor, "shopkeeping.cards", store.shop_id)
        here = surroundings.of(session, actor, store.shop_id)
        every = counter.people(session, store, drawn=True)
    here_first = [one for one in every if one.works_here] or every
    return pages.render(
        "shop/cards.html", store=store, cards=[one for one in here_first if one.spoken], **here.context()
    )


@blueprint.post("/shop/stores/<uuid:store_id>/hours")
@policy("stores", "change")
def change_hours(store_id: UUID) -> Response:
    """Say when a store is open."""
    actor, form = current_actor(), Form(schemas.HoursForm)

    def act(data: dict[str, Any]) -> bool:
        hours = {"opening_hours": data["opening_hours"]}
        with db.transaction(point="shop_pages.store_hours") as session:
            service.update(session, actor, store_id, hours, request_now())
        return True

    if form.send(act) is None:
        return store_page(actor, store_id, form)
    pages.said(_("Hours kept."))
    return pages.go(flask.url_for("shop_stores.show", store_id=store_id))


@blueprint.post("/shop/stores/<uuid:store_id>/advisers")
@policy("stores", "change")
def add_adviser(store_id: UUID) -> Response:
    """Say that an adviser works in a store from now on."""
    actor, form = current_actor(), Form(schemas.Colleague)
    with db.session() as session:
        service.of_shop(session, actor, store_id)

    def act(data: dict[str, Any]) -> UUID:
        with db.transaction(point="shop_pages.store_adviser") as session:
            return service.add_adviser(session, actor, store_id, data["adviser_id"], request_now()).id

    if form.send(act) is None:
        return store_page(actor, store_id, form)
    pages.said(_("Noted. Their sales at this counter count as those of somebody who works here."))
    return pages.go(flask.url_for("shop_stores.show", store_id=store_id))


@blueprint.post("/shop/stores/advisers/<uuid:store_adviser_id>/end")
@policy("stores", "change")
def end_adviser(store_adviser_id: UUID) -> Response:
    """Say that an adviser no longer works in a store."""
    actor = current_actor()
    with db.transaction(point="shop_pages.store_adviser_ends") as session:
        store_id = service.end_adviser(session, actor, store_adviser_id, request_now()).store_id
    pages.said(_("They no longer work here; what they sold here stays in its report."))
    return pages.go(flask.url_for("shop_stores.show", store_id=store_id))


@blueprint.post("/shop/advisers/<uuid:partnership_id>/code")
@policy("codes", "create")
def make_code(partnership_id: UUID) -> Response:
    """Draw a code that an adviser's customers say at the counter; the one that is there stays."""
    actor = current_actor()
    with db.transaction(point="shop_pages.make_code") as session:
        found = counter.offer_and_adviser(session, actor.shop_ids, partnership_id)
        if found is None:
            raise NotFound("partnership", partnership_id)
        wanted = {"code": None, "adviser_id": found.adviser_id, "offer_id": found.offer_id}
        codes.create(session, actor, wanted, request_now())
    pages.said(_("The code works from now on, in every store of yours. Print the card, or tell it."))
    return pages.go(pages.own_address(flask.request.form.get("next"), "/shop/stores"))


@blueprint.post("/shop/codes/<uuid:code_id>/end")
@policy("codes", "revoke")
def end_code(code_id: UUID) -> Response:
    """End a code, such as one that leaked; orders of before keep it."""
    actor = current_actor()
    with db.transaction(point="shop_pages.end_code") as session:
        codes.revoke(session, actor, code_id, request_now())
    pages.said(
        _("The code ended: orders from now on find nobody behind it. Earlier orders keep their adviser.")
    )
    return pages.go(pages.own_address(flask.request.form.get("next"), "/shop/stores"))
