"""Orders over the API: report, add lines, refund, cancel, read. Answers hold attribution and commissions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
import marshmallow as ma
import sqlalchemy as sa

from marketplace.accounts import shops
from marketplace.core import tenancy
from marketplace.core.api import replayed
from marketplace.core.auth import current_actor
from marketplace.core.db import run_in_transaction, session
from marketplace.core.errors import InvalidInput, NotFound
from marketplace.core.paging import page, place_after
from marketplace.core.policy import policy
from marketplace.core.schemas import dump_instant
from marketplace.core.web import ApiBlueprint, request_now
from tracking.attribution import service as attribution
from tracking.commissions import answers, intake, visibility
from tracking.commissions.answers import Answer
from tracking.commissions.schemas import OrderPage, OrdersQuery, OrderView, PlaceQuery, RefundView
from tracking.orders import listing, reports
from tracking.orders.models import ShopOrder
from tracking.orders.schemas import CancelReport, LinesReport, OrderReport, Ref, RefundReport

blueprint = ApiBlueprint(
    "orders",
    __name__,
    url_prefix="/api/v1/orders",
    description="Sales that shops report, what came back of them, and who earned what by them and why.",
)
blueprint.after_request(reports.keep_in_mind)


def _place(query: dict[str, Any], order_ref: str) -> tuple[UUID, str, str]:
    """Return shop, mode and reference of the order that its shop's owner changes. Raises NotFound, OwnerNeeded."""
    actor, order_ref = current_actor(), _reference(order_ref)
    shop_id, mode = shops.require_owner(actor, tenancy.meant_shop(actor, query["shop_id"])), query["mode"]
    if actor.via == "key" and mode not in (None, actor.mode):
        raise NotFound("order", order_ref)
    return shop_id, actor.mode if actor.via == "key" else mode or "live", order_ref


def _reference(text: str) -> str:
    """Return a reference of the path as orders keep it. Raises InvalidInput for one that no order can have."""
    try:
        return str(Ref().deserialize(text))
    except ma.ValidationError as error:
        raise InvalidInput({"order_ref": error.messages}) from error


def _respond(answer: Answer) -> flask.Response:
    return replayed(flask.Response(answer.body, answer.status, mimetype="application/json"), answer.is_replay)


@blueprint.route("", methods=["POST"])
@policy("orders", "report")
@blueprint.arguments(OrderReport)
@blueprint.response(201, OrderView)
def report_order(data: dict[str, Any]) -> Any:
    """Report a sale; the answer says who earns what by it. The same report again gets the same answer."""
    actor, now = current_actor(), request_now()
    shop_id = tenancy.meant_shop(actor)
    return _respond(
        run_in_transaction(
            lambda writer: intake.report_order(writer, shop_id, actor.mode, data, now), point="orders.report"
        )
    )


@blueprint.route("", methods=["GET"])
@policy("orders", "read")
@blueprint.arguments(OrdersQuery, location="query")
@blueprint.response(200, OrderPage)
def list_orders(query: dict[str, Any]) -> Any:
    """List the orders that you may see, newest first."""
    actor = current_actor()
    allowed = visibility.orders(actor, query["mode"])
    if query["shop_id"] is not None:
        allowed = sa.and_(allowed, ShopOrder.shop_id == query["shop_id"])
    if query["adviser_id"] is not None:
        allowed = sa.and_(allowed, visibility.of_adviser(actor, query["adviser_id"]))
    if query["store_id"] is not None:
        allowed = sa.and_(allowed, ShopOrder.store_id == query["store_id"])
    if query["store"] is not None:
        allowed = sa.and_(allowed, visibility.in_a_store(is_known=query["store"] == "matched"))
    with session() as reader:
        along = visibility.along(actor, query["adviser_id"])
        rows = listing.page(
            reader, allowed, query["state"], place_after(query["cursor"]), query["limit"], along
        )
        decisions = attribution.newest_of(reader, [order.id for order, _ in rows])

    def shown(row: tuple[ShopOrder, str]) -> dict[str, Any]:
        order, state = row
        decision, only = decisions.get(order.id), visibility.part_of(actor, order)
        winner = decision.adviser_id if decision is not None else None
        return {
            "order_ref": order.order_ref,
            "shop_id": str(order.shop_id),
            "mode": order.mode,
            "state": state,
            "ordered_at": dump_instant(order.ordered_at),
            "received_at": dump_instant(order.received_at),
            "currency": order.currency,
            "channel": order.channel,
            "store_ref": order.store_ref if only is None else None,
            "store_id": str(order.store_id) if order.store_id is not None and only is None else None,
            "attribution": {
                "state": decision.state if decision is not None else None,
                "winner": {"adviser_id": str(winner)} if winner and only in (None, winner) else None,
            },
        }

    return flask.jsonify(
        page(rows, query["limit"], lambda row: (row[0].received_at.isoformat(), row[0].id), shown)
    )


@blueprint.route("/<path:order_ref>", methods=["GET"])
@policy("orders", "read")
@blueprint.arguments(PlaceQuery, location="query")
@blueprint.response(200, OrderView)
def show_order(query: dict[str, Any], order_ref: str) -> Any:
    """Show an order with its attribution, each adviser's reason and the arithmetic of each line."""
    actor, order_ref = current_actor(), _reference(order_ref)
    allowed = visibility.orders(actor, query["mode"], default_mode="live")
    with session() as reader:
        order = listing.one(reader, allowed, order_ref, query["shop_id"])
        return flask.jsonify(answers.order_answer(reader, order, visibility.part_of(actor, order)))


@blueprint.route("/<path:order_ref>/lines", methods=["POST"])
@policy("orders", "amend")
@blueprint.arguments(PlaceQuery, location="query")
@blueprint.arguments(LinesReport)
@blueprint.response(201, OrderView)
def add_lines(query: dict[str, Any], data: dict[str, Any], order_ref: str) -> Any:
    """Add lines to an order until its commission is approved."""
    place, now = _place(query, order_ref), request_now()
    return _respond(
        run_in_transaction(lambda writer: intake.add_lines(writer, place, data, now), point="orders.lines")
    )


@blueprint.route("/<path:order_ref>/refunds", methods=["POST"])
@policy("orders", "refund")
@blueprint.arguments(PlaceQuery, location="query")
@blueprint.arguments(RefundReport)
@blueprint.response(201, RefundView)
@blueprint.alt_response(202, schema=RefundView, description="Waiting for its order")
def refund_order(query: dict[str, Any], data: dict[str, Any], order_ref: str) -> Any:
    """Report what came back; before its order it waits (202) and is applied when the order comes."""
    place, now = _place(query, order_ref), request_now()
    return _respond(
        run_in_transaction(
            lambda writer: intake.refund(writer, place, "refund", data, now), point="orders.refund"
        )
    )


@blueprint.route("/<path:order_ref>/cancel", methods=["POST"])
@policy("orders", "cancel")
@blueprint.arguments(PlaceQuery, location="query")
@blueprint.arguments(CancelReport)
@blueprint.response(201, RefundView)
@blueprint.alt_response(202, schema=RefundView, description="Waiting for its order")
def cancel_order(query: dict[str, Any], data: dict[str, Any], order_ref: str) -> Any:
    """Cancel what is left of an order; before its order it waits (202)."""
    place, now = _place(query, order_ref), request_now()
    return _respond(
        run_in_transaction(
            lambda writer: intake.refund(writer, place, "cancel", data, now), point="orders.cancel"
        )
    )
