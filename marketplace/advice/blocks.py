"""The blocks that a page is built of: read strictly, kept in one form, numbered by version.

A block is a JSON object with `id` (of its own choosing, unique on the page) and `type`. The disclosure is no block:
it is worked out (`disclosure`) and stands above everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.core.errors import InvalidInput
from marketplace.core.schemas import Boolean, Schema, Text, Url, Uuid, flatten

FORM: Final = 1
MOST_BLOCKS, MOST_CARDS = 60, 20
OBTAINED = ("bought", "received", "loaned", "tried_in_shop", "paid_for", "not_tried")


class Block(Schema):
    """What every block has."""

    id = Text(required=True, minimum=1, maximum=40, validate=[validate.Regexp(r"[A-Za-z0-9_-]+\Z")])
    type = Text(required=True, maximum=20)


class TextBlock(Block):
    """Running text in Markdown, without HTML."""

    text = Text(load_default="", maximum=20_000, multiline=True)


class ProductBlock(Block):
    """One product: of the catalogue, or anywhere on the web by its address, which then pays nothing.

    offer_id: through which joined offer its button pays; without one it pays nothing.
    obtained: how the adviser came by it; readers always see it.
    """

    product_id = Uuid(load_default=None, allow_none=True)
    url = Url(load_default=None, allow_none=True)
    name = Text(load_default="", maximum=200)
    seller = Text(load_default="", maximum=100)
    offer_id = Uuid(load_default=None, allow_none=True)
    label = Text(load_default="", maximum=60)
    why = Text(load_default="", maximum=1_500, multiline=True)
    plus = fields.List(Text(minimum=1, maximum=160), load_default=list, validate=validate.Length(max=8))
    minus = fields.List(Text(minimum=1, maximum=160), load_default=list, validate=validate.Length(max=8))
    for_whom = Text(load_default="", maximum=300)
    obtained = Text(load_default=None, allow_none=True, validate=[validate.OneOf(OBTAINED)])
    obtained_note = Text(load_default="", maximum=120)
    picture_id = Uuid(load_default=None, allow_none=True)
    alt = Text(load_default="", maximum=200)

    @ma.validates_schema
    def check_subject(self, data: Mapping[str, Any], **_kwargs: Any) -> None:
        """Refuse a card about nothing, about two things, or one that would pay without a shop of ours."""
        if (data["product_id"] is None) == (data["url"] is None):
            raise ma.ValidationError("Give a product_id, or the url of a page elsewhere.", "product_id")
        if data["url"] is not None and data["offer_id"] is not None:
            raise ma.ValidationError("Only a product of a shop here can pay.", "offer_id")


class PictureBlock(Block):
    """A picture of the adviser's, with what it shows in words."""

    picture_id = Uuid(required=True)
    alt = Text(load_default="", maximum=200)
    caption = Text(load_default="", maximum=300)
    is_cover = Boolean(load_default=False)


class VerdictBlock(Block):
    """What it comes down to, once more and longer than above the page."""

    text = Text(load_default="", maximum=3_000, multiline=True)


class MethodBlock(Block):
    """How it was tested or chosen."""

    text = Text(load_default="", maximum=5_000, multiline=True)


class QuestionsBlock(Block):
    """Where readers ask; `text` invites them."""

    text = Text(load_default="", maximum=500, multiline=True)


TYPES: Final[Mapping[str, type[Block]]] = {
    "text": TextBlock,
    "product": ProductBlock,
    "picture": PictureBlock,
    "verdict": VerdictBlock,
    "method": MethodBlock,
    "questions": QuestionsBlock,
}


def read(given: Sequence[Any]) -> list[dict[str, Any]]:
    """Return blocks in the form in which they are kept: all fields present, ids as text.

    Raises InvalidInput with the place of what is wrong ("blocks.2.why").
    """
    if len(given) > MOST_BLOCKS:
        raise InvalidInput({"blocks": [f"A page has at most {MOST_BLOCKS} blocks."]})
    kept: list[dict[str, Any]] = []
    errors: dict[str, list[str]] = {}
    for place, block in enumerate(given):
        try:
            kept.append(_read(block))
        except ma.ValidationError as error:
            told = flatten(error.normalized_messages())  # type: ignore[no-untyped-call]
            errors |= {f"blocks.{place}.{name}".removesuffix("._body"): said for name, said in told.items()}
    names = [block["id"] for block in kept]
    if not errors and len(set(names)) != len(names):
        errors["blocks"] = ["Two blocks have the same id."]
    if len(list(cards(kept))) > MOST_CARDS:
        errors["blocks"] = [f"A page shows at most {MOST_CARDS} products."]
    if errors:
        raise InvalidInput(errors)
    return kept


def _read(block: Any) -> dict[str, Any]:
    if not isinstance(block, dict):
        raise ma.ValidationError("A block is an object.")
    schema = TYPES.get(str(block.get("type")))
    if schema is None:
        raise ma.ValidationError(f"One of {', '.join(TYPES)}.", "type")
    loaded = schema().load(block)
    return {name: str(value) if isinstance(value, UUID) else value for name, value in loaded.items()}


def cards(blocks: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Return the product cards among blocks, in their order."""
    return (block for block in blocks if block["type"] == "product")


def texts(block: Mapping[str, Any]) -> list[str]:
    """Return everything that readers read in a block."""
    found = [str(block.get(name) or "") for name in ("label", "text", "why", "for_whom", "caption", "name")]
    return [text for text in (*found, *block.get("plus", ()), *block.get("minus", ())) if text]


def pictures(blocks: Sequence[Mapping[str, Any]]) -> list[UUID]:
    """Return the pictures that blocks show, the cover first."""
    shown = sorted(
        (block for block in blocks if block.get("picture_id")), key=lambda block: not block.get("is_cover")
    )
    return [UUID(str(block["picture_id"])) for block in shown]
