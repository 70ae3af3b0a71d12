"""Products over the API."""

from __future__ import annotations

import uuid
from typing import Any

from marketplace.catalogue import prices_history, products
from marketplace.catalogue.schemas import (
    PricePage,
    ProductDetailSchema,
    ProductPage,
    ProductSchema,
    ProductsQuery,
)
from marketplace.core.auth import current_actor
from marketplace.core.db import session
from marketplace.core.paging import id_after, number_after, page
from marketplace.core.policy import policy
from marketplace.core.schemas import Page
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint("products", __name__, url_prefix="/api/v1/products", description="Products of shops")


@blueprint.route("")
@policy("products", "read")
@blueprint.arguments(ProductsQuery, location="query")
@blueprint.response(200, ProductPage)
def listed(query: dict[str, Any]) -> Any:
    """List products: a shop's people their own, advisers what is published."""
    limit = query["limit"]
    rows = products.listed(
        session(),
        current_actor(),
        shop_id=query["shop_id"],
        sku=query["sku"],
        retired=query["retired"],
        after=id_after(query["cursor"]),
        limit=limit,
    )
    return page(rows, limit, lambda product: (product.id,), lambda product: product)


@blueprint.route("/<uuid:product_id>")
@policy("products", "read")
@blueprint.response(200, ProductDetailSchema)
def shown(product_id: uuid.UUID) -> Any:
    """Show a product, with the lowest price that a reduction must be announced beside."""
    reading = session()
    product = products.get(reading, current_actor(), product_id)
    names = [field.attribute or name for name, field in ProductSchema().fields.items()]
    facts = {name: getattr(product, name) for name in names}
    return facts | {"lowest_price_30_days": prices_history.lowest(reading, product.id, request_now())}


@blueprint.route("/<uuid:product_id>/prices")
@policy("products", "read")
@blueprint.arguments(Page, location="query")
@blueprint.response(200, PricePage)
def prices(query: dict[str, Any], product_id: uuid.UUID) -> Any:
    """List what a product has cost since it is known, newest first."""
    reading, limit = session(), query["limit"]
    product = products.get(reading, current_actor(), product_id)
    rows = prices_history.of(reading, product, before=number_after(query["cursor"]), limit=limit)
    return page(rows, limit, lambda one: (one.id,), lambda one: one)
