"""What the API of offers takes and gives."""

from __future__ import annotations

from typing import Any, NoReturn

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.core.errors import InvalidInput
from marketplace.core.schemas import Currency, Instant, Integer, Page, Schema, Text, Uuid, flatten
from marketplace.offers.documents import DocumentSchema
from marketplace.offers.models import JOININGS, ON_APPROVAL, PARTING_REASONS

OFFER_STATES = ["draft", "open", "paused", "closed"]
PARTNERSHIP_STATES = ["applied", "approved", "accepted", "declined", "left"]


class OfferRequest(Schema):
    """A new offer; it gets the shop's currency, and `currency` may only repeat that."""

    shop_id = Uuid(load_default=None)
    name = Text(minimum=1, maximum=200, required=True)
    description = Text(maximum=5000, multiline=True, load_default="")
    currency = Currency(load_default=None)
    notice_days = Integer(minimum=0, maximum=90, load_default=7)
    joining = Text(load_default=ON_APPROVAL, validate=[validate.OneOf(JOININGS)])


class OfferChange(Schema):
    """What changes of an offer: how advisers join it from now on."""

    joining = Text(required=True, validate=[validate.OneOf(JOININGS)])


class OffersQuery(Page):
    """Which offers to list."""

    shop_id = Uuid(load_default=None)
    state = Text(load_default=None, validate=[validate.OneOf(OFFER_STATES)])


class OfferSchema(Schema):
    """An offer; advisers join it `at_once`, or when the shop has approved them."""

    id = fields.UUID()
    shop_id = fields.UUID()
    code = fields.String()
    name = fields.String()
    description = fields.String()
    currency = fields.String()
    notice_days = fields.Integer()
    state = fields.String(metadata={"enum": OFFER_STATES})
    joining = fields.String(metadata={"enum": list(JOININGS)})
    created_at = Instant()


class TermsRequest(DocumentSchema):
    """A new version of the terms: the document's fields, and from when it holds."""

    effective_from = Instant(load_default=None, allow_none=True)

    @ma.post_load(pass_original=True)
    def keep(self, data: dict[str, Any], original: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Return the document as it was written, for the service to read in the offer's currency."""
        document = {name: value for name, value in original.items() if name != "effective_from"}
        return {"document": document, "effective_from": data["effective_from"]}

    def handle_error(self, error: ma.ValidationError, data: Any, *, many: bool, **kwargs: Any) -> NoReturn:
        """Name wrong fields by their path, as the service does."""
        raise InvalidInput(flatten(error.messages_dict)) from error


class TermsSchema(Schema):
    """A version of the terms; `sha256` is of the document as JSON with sorted keys and no spaces."""

    id = fields.UUID()
    offer_id = fields.UUID()
    version = fields.Integer()
    currency = fields.String()
    effective_from = Instant()
    published_at = Instant()
    document = fields.Raw()
    sha256 = fields.Function(lambda row: row.sha256.hex())
    window_days = fields.Integer()
    hold_days = fields.Integer()


class PartnershipRequest(Schema):
    """An adviser asks to join an offer."""

    offer_id = Uuid(required=True)
    message = Text(maximum=2000, multiline=True, load_default="")


class Parting(Schema):
    """Why a shop refuses an adviser, or ends with one; `other` needs a note."""

    reason = Text(
        required=True,
        validate=[validate.OneOf(PARTING_REASONS)],
        error_messages={"required": "A decline needs a reason; the adviser reads it."},
    )
    note = Text(load_default=None, allow_none=True, maximum=500)


class PartnershipsQuery(Page):
    """Which partnerships to list."""

    offer_id = Uuid(load_default=None)
    state = Text(load_default=None, validate=[validate.OneOf(PARTNERSHIP_STATES)])


class PartnershipSchema(Schema):
    """A partnership; `accepted_terms_id` is the version in force when the adviser accepted.

    `reason` and `note` say why the shop refused the adviser, or ended with them, while that stands.
    """

    id = fields.UUID()
    offer_id = fields.UUID()
    shop_id = fields.UUID()
    adviser_id = fields.UUID()
    state = fields.String(metadata={"enum": PARTNERSHIP_STATES})
    message = fields.String()
    applied_at = Instant()
    approved_at = Instant(allow_none=True)
    accepted_at = Instant(allow_none=True)
    declined_at = Instant(allow_none=True)
    left_at = Instant(allow_none=True)
    accepted_terms_id = fields.UUID(allow_none=True)
    reason = fields.String(allow_none=True, metadata={"enum": [*PARTING_REASONS, None]})
    note = fields.String(allow_none=True)


class OfferPage(Schema):
    """A page of offers."""

    items = fields.List(fields.Nested(OfferSchema))
    next_cursor = fields.String(allow_none=True)


class TermsPage(Schema):
    """A page of versions, newest first; `product_titles` by the `sku` of their rules, where they can be seen."""

    items = fields.List(fields.Nested(TermsSchema))
    product_titles = fields.Dict(keys=fields.String(), values=fields.String())
    next_cursor = fields.String(allow_none=True)


class PartnershipPage(Schema):
    """A page of partnerships."""

    items = fields.List(fields.Nested(PartnershipSchema))
    next_cursor = fields.String(allow_none=True)
