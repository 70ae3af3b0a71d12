"""/shop/stores: places with a counter, who advises there, and what each sold."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages, tenancy
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.forms import Form
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from marketplace.stores import service
from marketplace.stores.schemas import DAYS, NewStore
from payouts.shopkeeping import counter, schemas, surroundings
from tracking.commissions import stores

blueprint = flask.Blueprint("shop_stores", __name__)
MOST = 100


@blueprint.get("/shop/stores")
@policy("shop_pages", "read")
def index() -> Response:
    """List the stores of a shop."""
    return _list(current_actor(), Form(NewStore, {"country": "NL"}))


@blueprint.post("/shop/stores")
@policy("stores", "change")
def create() -> Response:
    """Open a store."""
    actor, form = current_actor(), Form(NewStore)

    def act(data: dict[str, Any]) -> UUID:
        wanted = {**data, "shop_id": data["shop_id"] or pages.current_shop(actor)}
        with db.transaction(point="shop_pages.open_store") as session:
            return service.create(session, actor, wanted, request_now()).id

    made = form.send(act)
    if made is None:
        return _list(actor, form)
    return pages.go(flask.url_for("shop_stores.show", store_id=made))


@blueprint.get("/shop/stores/<uuid:store_id>")
@policy("shop_pages", "read")
def show(store_id: UUID) -> Response:
    """Show what a store sold, who advised, and who works there."""
    return store_page(current_actor(), store_id, None)


@blueprint.post("/shop/stores/<uuid:store_id>/close")
@policy("stores", "change")
def close(store_id: UUID) -> Response:
    """Close a store for good."""
    actor, form = current_actor(), Form(schemas.WithShop)

    def act(_data: dict[str, Any]) -> str:
        with db.transaction(point="shop_pages.close_store") as session:
            return service.close(session, actor, store_id, request_now()).name

    name = form.send(act)
    if name is None:
        return store_page(actor, store_id, form)
    pages.said(_("%(name)s is closed; its orders and its report stay.", name=name))
    return pages.go("/shop/stores")


def _list(actor: Actor, form: Form) -> Response:
    with db.session() as session:
        here = surroundings.of(session, actor)
        every = service.listed(session, actor, shop_id=here.shop.id, state=None, after=None, limit=MOST)
    return pages.render("shop/stores.html", form.status, stores=every, form=form, **here.context())


def store_page(actor: Actor, store_id: UUID, form: Form | None) -> Response:
    """Return the page of a store: what it sold, who works there, its hours; form: one that was refused."""
    with db.session() as session:
        store = service.of_shop(session, actor, store_id)
        # Finance and admin read stores over the API; this page is of the shop's own people.
        tenancy.require_shop(actor, "shopkeeping.store", store.shop_id)
        here = surroundings.of(session, actor, store.shop_id)
        report = stores.report(session, store, "live", None, None)
        people = counter.people(session, store)
    return pages.render(
        "shop/store.html",
        form.status if form is not None else 200,
        store=store,
        report=report,
        people=people,
        hours={
            day: form.value(day)
            if form is not None and form.value(day)
            else ", ".join(f"{one['from']}-{one['to']}" for one in store.opening_hours.get(day, ()))
            for day in DAYS
        },
        form=form,
        **here.context(),
    )
