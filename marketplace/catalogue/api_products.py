"""Products over the API."""

from __future__ import annotations

import uuid
from typing import Any

from marketplace.catalogue import products
from marketplace.catalogue.schemas import ProductPage, ProductSchema, ProductsQuery
from marketplace.core.auth import current_actor
from marketplace.core.db import session
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint

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
@blueprint.response(200, ProductSchema)
def shown(product_id: uuid.UUID) -> Any:
    """Show a product."""
    return products.get(session(), current_actor(), product_id)
