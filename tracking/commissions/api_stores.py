"""The report of a store over the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.core.auth import current_actor
from marketplace.core.db import session
from marketplace.core.errors import NotFound
from marketplace.core.policy import policy
from marketplace.core.schemas import Instant, Integer, MoneyField, Schema, Text, Uuid
from marketplace.core.web import ApiBlueprint
from marketplace.stores import service
from tracking.commissions import stores
from tracking.orders.models import MODES

blueprint = ApiBlueprint(
    "store_reports",
    __name__,
    url_prefix="/api/v1/stores",
    description="What was sold in a store, and who advised.",
)


class ReportQuery(Schema):
    """Of which time, by when it was ordered: from the one instant up to the other; a key has its own mode."""

    since = Instant(data_key="from", load_default=None)
    until = Instant(data_key="to", load_default=None)
    mode = Text(load_default=None, validate=[validate.OneOf(MODES)])

    @ma.validates_schema
    def check_order(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse a time that ends before it begins."""
        if data["since"] is not None and data["until"] is not None and data["until"] <= data["since"]:
            raise ma.ValidationError("Must lie after from.", "to")


class Refunds(Schema):
    """What came back."""

    orders = Integer(required=True)
    net = MoneyField(required=True)


class Advised(Refunds):
    """What came by advice, and what it earns."""

    commissions = MoneyField(required=True)


class OfAdviser(Schema):
    """What came by one adviser."""

    adviser_id = Uuid(required=True)
    adviser_name = Text(required=True, allow_none=True)
    works_here = fields.Boolean(required=True)
    orders = Integer(required=True)
    net = MoneyField(required=True)
    refunded = MoneyField(required=True)
    commissions = MoneyField(required=True)


class ReportView(Schema):
    """What was sold in a store."""

    store_id = Uuid(required=True)
    shop_id = Uuid(required=True)
    code = Text(required=True)
    mode = Text(required=True)
    since = Instant(data_key="from", required=True, allow_none=True)
    until = Instant(data_key="to", required=True, allow_none=True)
    orders = Integer(required=True)
    net = MoneyField(required=True)
    refunds = fields.Nested(Refunds, required=True)
    net_left = MoneyField(required=True)
    advised = fields.Nested(Advised, required=True)
    not_advised = fields.Nested(Refunds, required=True)
    by_adviser = fields.List(fields.Nested(OfAdviser), required=True)


@blueprint.get("/<uuid:store_id>/report")
@policy("stores", "report")
@blueprint.arguments(ReportQuery, location="query")
@blueprint.response(200, ReportView)
def report(query: dict[str, Any], store_id: UUID) -> Any:
    """Tell what a store of yours sold, what of it came by advice, what that earns, and by whom."""
    actor, reader = current_actor(), session()
    store = service.of_shop(reader, actor, store_id)
    if actor.via == "key" and query["mode"] not in (None, actor.mode):
        raise NotFound("store", store_id)
    mode = actor.mode if actor.via == "key" else query["mode"] or "live"
    return stores.report(reader, store, mode, query["since"], query["until"])
