"""Products over the API."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy.orm import Session

from marketplace.catalogue import prices_history, products
from marketplace.catalogue.given import schemas as shapes
from marketplace.catalogue.given import service as given
from marketplace.catalogue.given.api import looked_at
from marketplace.catalogue.given.words import words_of_fields
from marketplace.catalogue.models import Product
from marketplace.catalogue.schemas import PricePage, ProductPage, ProductSchema, ProductsQuery
from marketplace.core import clock, tenancy
from marketplace.core.auth import current_actor
from marketplace.core.db import session, transaction
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
@blueprint.response(200, shapes.GivenProductSchema)
def shown(product_id: uuid.UUID) -> Any:
    """Show a product, with the lowest price that a reduction must be announced beside."""
    reading = session()
    return _shown(reading, products.get(reading, current_actor(), product_id))


def _shown(reading: Session, product: Product) -> dict[str, Any]:
    names = [field.attribute or name for name, field in ProductSchema().fields.items()]
    facts = {name: getattr(product, name) for name in names}
    return facts | {
        "lowest_price_30_days": prices_history.lowest(reading, product.id, request_now()),
        "page": given.page_of(reading, product.id) if product.source == "page" else None,
    }


@blueprint.route("", methods=["POST"])
@policy("products", "give")
@blueprint.arguments(shapes.NewProduct)
@blueprint.response(201, shapes.GivenProductSchema)
def give(data: dict[str, Any]) -> Any:
    """Store a product: by hand, or by the address of its page, whose price and stock we read ourselves."""
    actor, now = current_actor(), request_now()
    shop_id = tenancy.meant_shop(actor, data["shop_id"])
    fields = {name: value for name, value in data.items() if name not in ("shop_id", "page_url")}
    page = looked_at(actor, shop_id, url, "page_url") if (url := data.get("page_url")) else None
    with transaction() as writing:
        if page is None:
            product = given.add_by_hand(writing, actor, shop_id, fields, now)
        else:
            own_words = words_of_fields(fields)
            product = given.add_from_page(writing, actor, shop_id, page, own_words, now, clock.wall())
        writing.flush()
        return _shown(writing, product), 201, {"Location": f"/api/v1/products/{product.id}"}


@blueprint.route("/<uuid:product_id>", methods=["PATCH"])
@policy("products", "change")
@blueprint.arguments(shapes.ProductChange)
@blueprint.response(200, shapes.GivenProductSchema)
def change(data: dict[str, Any], product_id: uuid.UUID) -> Any:
    """Change a product that no feed brings; what a page says about price and stock stays the page's."""
    with transaction() as writing:
        return _shown(writing, given.change(writing, current_actor(), product_id, data, request_now()))


@blueprint.route("/<uuid:product_id>/retire", methods=["POST"])
@policy("products", "change")
@blueprint.response(200, shapes.GivenProductSchema)
def retire(product_id: uuid.UUID) -> Any:
    """Take a product that no feed brings out of the catalogue; orders may still name it."""
    with transaction() as writing:
        return _shown(writing, given.retire(writing, current_actor(), product_id, request_now()))


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
