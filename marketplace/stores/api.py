"""Routes of stores; what was sold in one is told by the rooms of orders."""

from __future__ import annotations

import uuid
from typing import Any

from marketplace.core import db
from marketplace.core.auth import current_actor
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from marketplace.stores import schemas, service
from marketplace.stores.models import Store, StoreAdviser

blueprint = ApiBlueprint(
    "stores",
    __name__,
    url_prefix="/api/v1/stores",
    description="Physical stores of shops, and who advises there.",
)


@blueprint.post("")
@policy("stores", "change")
@blueprint.arguments(schemas.NewStore)
@blueprint.response(201, schemas.StoreView)
def create(data: dict[str, Any]) -> Store:
    """Open a store of your shop; its code is what tills send as store_ref."""
    with db.transaction(point="stores.create") as session:
        return service.create(session, current_actor(), data, request_now())


@blueprint.get("")
@policy("stores", "read")
@blueprint.arguments(schemas.StoresQuery, location="query")
@blueprint.response(200, schemas.StorePage)
def index(query: dict[str, Any]) -> dict[str, Any]:
    """List stores: open ones of live shops, and all of your own shops."""
    found = service.listed(
        db.session(),
        current_actor(),
        shop_id=query["shop_id"],
        state=query["state"],
        after=id_after(query["cursor"]),
        limit=query["limit"],
    )
    return page(found, query["limit"], lambda store: (store.id,), lambda store: store)


@blueprint.get("/<uuid:store_id>")
@policy("stores", "read")
@blueprint.response(200, schemas.StoreView)
def show(store_id: uuid.UUID) -> Store:
    """Show a store with its address and hours."""
    return service.get(db.session(), current_actor(), store_id)


@blueprint.patch("/<uuid:store_id>")
@policy("stores", "change")
@blueprint.arguments(schemas.StoreChange)
@blueprint.response(200, schemas.StoreView)
def update(data: dict[str, Any], store_id: uuid.UUID) -> Store:
    """Change a store of your shop; its code stays."""
    with db.transaction(point="stores.update") as session:
        return service.update(session, current_actor(), store_id, data, request_now())


@blueprint.post("/<uuid:store_id>/close")
@policy("stores", "change")
@blueprint.response(200, schemas.StoreView)
def close(store_id: uuid.UUID) -> Store:
    """Close a store for good; its orders and its report stay."""
    with db.transaction(point="stores.close") as session:
        return service.close(session, current_actor(), store_id, request_now())


@blueprint.get("/<uuid:store_id>/advisers")
@policy("stores", "inside")
@blueprint.response(200, schemas.StoreAdvisers)
def advisers(store_id: uuid.UUID) -> dict[str, Any]:
    """List who advises in a store of your shop, newest first."""
    session = db.session()
    return {"items": service.advisers_of(session, service.of_shop(session, current_actor(), store_id))}


@blueprint.post("/<uuid:store_id>/advisers")
@policy("stores", "change")
@blueprint.arguments(schemas.NewStoreAdviser)
@blueprint.response(201, schemas.StoreAdviserView)
def add_adviser(data: dict[str, Any], store_id: uuid.UUID) -> StoreAdviser:
    """Say that an adviser works in your store from now on."""
    with db.transaction(point="stores.adviser_begins") as session:
        return service.add_adviser(session, current_actor(), store_id, data["adviser_id"], request_now())


@blueprint.post("/advisers/<uuid:store_adviser_id>/end")
@policy("stores", "change")
@blueprint.response(200, schemas.StoreAdviserView)
def end_adviser(store_adviser_id: uuid.UUID) -> StoreAdviser:
    """Say that an adviser works in your store no more."""
    with db.transaction(point="stores.adviser_ends") as session:
        return service.end_adviser(session, current_actor(), store_adviser_id, request_now())
