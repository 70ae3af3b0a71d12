"""What the pages of earnings take in their addresses and forms."""

from __future__ import annotations

from marshmallow import validate

from marketplace.core.schemas import Day, Page, QueryInteger, Schema, Text, Uuid
from payouts.earnings.orders import STATES

PERIODS = (7, 30, 90)


class PeriodQuery(Schema):
    """How many days an overview looks back."""

    days = QueryInteger(load_default=30, validate=[validate.OneOf(PERIODS)])


class EarningsFilter(Page):
    """Which orders; days are those of Amsterdam, both counted."""

    status = Text(load_default=None, validate=[validate.OneOf(STATES)])
    shop_id = Uuid(load_default=None)
    link_id = Uuid(load_default=None)
    since = Day(load_default=None)
    until = Day(load_default=None)
    format = Text(load_default=None, validate=[validate.OneOf(("csv",))])


class ElsewhereFilter(Page):
    """Where the last page ended, and which order is missed."""

    shop_id = Uuid(load_default=None)
    order_ref = Text(load_default=None, maximum=100)
