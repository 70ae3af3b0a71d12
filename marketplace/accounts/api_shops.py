"""Routes of shops."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.accounts import schemas_shops as shapes
from marketplace.accounts import shops
from marketplace.accounts.models import Shop
from marketplace.core import auth, db, schemas
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint(
    "shops", __name__, url_prefix="/api/v1/shops", description="Shops and their legal details"
)


@blueprint.post("")
@policy("shops", "create")
@blueprint.arguments(shapes.NewShop)
@blueprint.response(201, shapes.ShopRow)
def create(data: dict[str, Any]) -> Shop:
    """Make a shop of yours with its legal details; it is live once its first domain is verified."""
    with db.transaction() as session:
        return shops.create(session, auth.current_actor(), data, request_now())


@blueprint.get("")
@policy("shops", "read")
@blueprint.arguments(schemas.Page, location="query")
@blueprint.response(200, shapes.ShopList)
def list_shops(query: dict[str, Any]) -> dict[str, Any]:
    """List your shops."""
    with db.session() as session:
        rows = shops.listed(session, auth.current_actor(), id_after(query["cursor"]), query["limit"] + 1)
        return page(rows, query["limit"], lambda shop: (shop.id,), lambda shop: shop)


@blueprint.get("/<uuid:shop_id>")
@policy("shops", "read")
@blueprint.response(200, shapes.ShopRow)
def show(shop_id: UUID) -> Shop:
    """Show a shop of yours."""
    with db.session() as session:
        return shops.seen_by(session, auth.current_actor(), shop_id)


@blueprint.patch("/<uuid:shop_id>")
@policy("shops", "update")
@blueprint.arguments(shapes.ShopChange)
@blueprint.response(200, shapes.ShopRow)
def update(data: dict[str, Any], shop_id: UUID) -> Shop:
    """Change a shop that you own."""
    with db.transaction() as session:
        return shops.update(session, auth.current_actor(), shop_id, data, request_now())
