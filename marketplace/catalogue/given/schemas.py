"""What the API takes of products that a shop's people give, and what it says of a page that was looked at."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.catalogue.feeds.schemas import NoteSchema
from marketplace.catalogue.schemas import ProductDetailSchema, ProductSchema
from marketplace.core.schemas import Instant, MoneyField, Schema, Text, Uuid

_STOCK = ("in_stock", "out_of_stock", "preorder", "backorder")
_URL: dict[str, Any] = {"minimum": 8, "maximum": 2000}
# Of a page these are its own words; everything else that is given goes before what the page says.
BY_HAND_ONLY = ("title", "link", "price", "sale_price", "availability")
_NEEDED = ("sku", "title", "link", "price")


class ProductFields(Schema):
    """What somebody may say of a product themselves."""

    title = Text(minimum=1, maximum=500)
    description = Text(maximum=10_000, multiline=True)
    link = Text(**_URL)
    image_link = Text(allow_none=True, **_URL)
    brand = Text(maximum=200, allow_none=True)
    gtin = Text(maximum=20, allow_none=True)
    price = MoneyField(non_negative=True)
    sale_price = MoneyField(non_negative=True, allow_none=True)
    availability = Text(allow_none=True, validate=[validate.OneOf(_STOCK)])
    google_product_category = Text(maximum=750, allow_none=True)
    product_type = Text(maximum=750, allow_none=True)


class NewProduct(ProductFields):
    """A product by hand, or by the address of its page; then price and stock are those of the page."""

    shop_id = Uuid(load_default=None)
    page_url = Text(
        metadata={"description": "the page on a verified host of the shop, which we read"}, **_URL
    )
    sku = Text(
        minimum=1,
        maximum=200,
        metadata={"description": "of a page: which variant, or the number it leaves out"},
    )

    @ma.validates_schema
    def one_way(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse what belongs to the other way of giving a product, and what is missing."""
        if data.get("page_url"):
            wrong = {name: ["The page says this."] for name in BY_HAND_ONLY if name in data}
        else:
            wrong = {name: ["Missing data for required field."] for name in _NEEDED if data.get(name) is None}
        if wrong:
            raise ma.ValidationError(wrong)


class ProductChange(ProductFields):
    """What of a product is changed; what is left out stays, null takes it away."""


class PastedPage(Schema):
    """The address of a product's page."""

    shop_id = Uuid(load_default=None)
    url = Text(required=True, metadata={"description": "the https address of a product's page"}, **_URL)


class FoundSchema(Schema):
    """What a page says about one field, and where it stood."""

    field = fields.String()
    value = fields.String()
    origin = fields.String(metadata={"enum": ["json-ld", "opengraph", "html"]})


class VariantSchema(Schema):
    """A variant that the page sells, in its own words."""

    sku = fields.String(allow_none=True)
    title = fields.String(allow_none=True)
    link = fields.String(allow_none=True)
    gtin = fields.String(allow_none=True)
    price = fields.String(allow_none=True)
    sale_price = fields.String(allow_none=True)
    availability = fields.String(allow_none=True)


class PageFactsSchema(ProductSchema):
    """What the page would make of a product."""

    class Meta:
        """A product that is not stored has no id and no history."""

        exclude = ("id", "shop_id", "retired_at", "updated_at", "source", "seen_at")


class LookedAtSchema(Schema):
    """A page that was looked at: field by field what it says, what that makes, and what is to be said about it."""

    url = fields.String(metadata={"description": "the address that answered in the end"})
    host_verified = fields.Boolean()
    seen_at = Instant()
    fields_ = fields.List(fields.Nested(FoundSchema), data_key="fields")
    product = fields.Nested(PageFactsSchema, allow_none=True)
    variants = fields.List(fields.Nested(VariantSchema))
    notes = fields.List(fields.Nested(NoteSchema))


class PageStateSchema(Schema):
    """The page that a product is read from, when it is looked at next, and what went wrong last."""

    url = fields.String()
    next_at = Instant(allow_none=True)
    failures = fields.Integer()
    failure = fields.Method("failure_of", allow_none=True)

    def failure_of(self, page: object) -> dict[str, str] | None:
        """Return why nothing came of the last look, or None."""
        if getattr(page, "failure_code", None) is None:
            return None
        return {name: getattr(page, f"failure_{name}") for name in ("code", "reason", "fix")}


class GivenProductSchema(ProductDetailSchema):
    """A product in full, with its page where it is read from one (for the shop's own people)."""

    page = fields.Nested(PageStateSchema, allow_none=True)
