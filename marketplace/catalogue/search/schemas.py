"""What the API of search takes and gives."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.catalogue.schemas import ProductSchema
from marketplace.core.money import Money
from marketplace.core.schemas import Currency, Page, QueryBoolean, QueryInteger, Schema, Text, Uuid


class SearchQuery(Page):
    """What is looked for; what is left out doesn't matter."""

    q = Text(
        maximum=10_000,
        load_default="",
        metadata={"description": "words, of which eight within the first 200 characters are looked at"},
    )
    language = Text(
        load_default=None,
        validate=[validate.OneOf(["nl", "en"])],
        metadata={"description": "stem the words in this language only; both when left out"},
    )
    category = Text(
        minimum=1,
        maximum=750,
        load_default=None,
        metadata={
            "description": "a path, in English or Dutch, or Google's number of it; what lies under it too"
        },
    )
    shop_id = Uuid(load_default=None)
    min_price = Text(maximum=20, load_default=None)
    max_price = Text(maximum=20, load_default=None)
    currency = Currency(load_default="EUR", metadata={"description": "of the prices asked for"})
    in_stock = QueryBoolean(load_default=None, allow_none=True)

    @ma.validates_schema
    def amounts(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Refuse prices that are no amounts of the currency."""
        for name in ("min_price", "max_price"):
            if data.get(name) is not None:
                minor(data[name], data.get("currency", "EUR"), name)


def minor(text: str, currency: str, name: str) -> int:
    """Return an amount in minor units. Raises ValidationError about the field `name`."""
    try:
        amount = Money.parse(text, currency).minor
    except ValueError as error:
        raise ma.ValidationError(f"Not a decimal string exact in {currency}, such as 5.00.", name) from error
    if not 0 <= amount < 2**62:
        raise ma.ValidationError("Must not be negative.", name)
    return amount


class CategoriesQuery(Schema):
    """Which of Google's categories are looked for."""

    q = Text(
        maximum=200,
        load_default="",
        metadata={"description": "words of the path or their beginnings, or a number"},
    )
    limit = QueryInteger(minimum=1, maximum=50, load_default=20)


class CategorySchema(Schema):
    """One of Google's categories: its number, and its whole path in both languages as far as we know it."""

    id = fields.Integer()
    en = fields.String(attribute="english", allow_none=True)
    nl = fields.String(attribute="dutch", allow_none=True)


class CategoriesPage(Schema):
    """Google's categories that fit; those first whose last name does."""

    items = fields.List(fields.Nested(CategorySchema))


class FoundProductSchema(ProductSchema):
    """A product that was found; `matched` says by what: the words asked for, or words like them."""

    matched = fields.String(metadata={"enum": ["words", "similar"]})


class CategoryCount(Schema):
    """How many of the hits lie in a category of the highest level."""

    name = fields.String()
    count = fields.Integer()


class ShopCount(Schema):
    """How many of the hits a shop sells."""

    shop_id = fields.UUID()
    count = fields.Integer()


class SearchPage(Schema):
    """A page of products that were found, best first.

    The order: how well the words match (titles, then brands and codes, then categories, then descriptions), a title,
    brand or code that is exactly what was asked, in stock, newest. What anybody earns plays no part.
    """

    items = fields.List(fields.Nested(FoundProductSchema))
    next_cursor = fields.String(allow_none=True)
    total = fields.Integer(
        allow_none=True,
        metadata={
            "description": "how many products fit; 1000 means that many or more; null when nothing was asked"
        },
    )
    did_you_mean = fields.String(allow_none=True)
    categories = fields.List(fields.Nested(CategoryCount))
    shops = fields.List(fields.Nested(ShopCount))
