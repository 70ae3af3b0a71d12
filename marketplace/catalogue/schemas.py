"""What the API of products takes and gives; other rooms show products as this says."""

from __future__ import annotations

from marshmallow import fields

from marketplace.core.schemas import Instant, MoneyField, QueryBoolean, Schema, ShopPage, Text


class ProductsQuery(ShopPage):
    """Which products to list."""

    sku = Text(minimum=1, maximum=200, load_default=None)
    retired = QueryBoolean(load_default=None, allow_none=True)


class ProductSchema(Schema):
    """A product as its source says: the newest feed, its page, or somebody of the shop."""

    id = fields.UUID()
    shop_id = fields.UUID()
    sku = fields.String()
    title = fields.String()
    description = fields.String()
    link = fields.String()
    image_link = fields.String(allow_none=True)
    brand = fields.String(allow_none=True)
    gtin = fields.String(allow_none=True)
    price = MoneyField()
    sale_price = MoneyField(allow_none=True)
    availability = fields.String(allow_none=True)
    category = fields.String()
    google_product_category = fields.String(attribute="google_category", allow_none=True)
    google_category_id = fields.Integer(allow_none=True)
    google_category_names = fields.Dict(
        keys=fields.String(), values=fields.String(allow_none=True), allow_none=True
    )
    product_type = fields.String(allow_none=True)
    warnings = fields.List(fields.String())
    source = fields.String(metadata={"enum": ["feed", "page", "hand"]})
    seen_at = Instant(
        allow_none=True,
        metadata={
            "description": "when price and stock were last seen at the source; of a product that a feed repeats"
            " unchanged at most six hours behind"
        },
    )
    retired_at = Instant(allow_none=True)
    updated_at = Instant()


class ProductDetailSchema(ProductSchema):
    """A product with what a reduction must be announced beside."""

    lowest_price_30_days = MoneyField(
        allow_none=True,
        metadata={
            "description": "the lowest price in the 30 days before the present reduction began, or before now without"
            " one (Directive 98/6/EC, article 6a); null when no price before the reduction is known"
        },
    )


class PriceSchema(Schema):
    """A price of a product, which held until the next one's instant."""

    price = MoneyField()
    sale_price = MoneyField(allow_none=True)
    from_at = Instant()


class PricePage(Schema):
    """A page of prices of a product, newest first."""

    items = fields.List(fields.Nested(PriceSchema))
    next_cursor = fields.String(allow_none=True)


class ProductPage(Schema):
    """A page of products."""

    items = fields.List(fields.Nested(ProductSchema))
    next_cursor = fields.String(allow_none=True)
