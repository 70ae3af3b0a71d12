"""Commissions over the API: list, read, approve early, decline with a reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask

from marketplace.core.api import replayed
from marketplace.core.auth import current_actor
from marketplace.core.db import run_in_transaction, session
from marketplace.core.paging import page, place_after
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from tracking.commissions import answers, approval, reading
from tracking.commissions.models import Commission
from tracking.commissions.schemas import (
    CommissionPage,
    CommissionsQuery,
    CommissionView,
    DeclineReport,
    NoContent,
)
from tracking.orders.models import ShopOrder

blueprint = ApiBlueprint(
    "commissions",
    __name__,
    url_prefix="/api/v1/commissions",
    description="What advice earned: pending, approved, declined or reversed, with the arithmetic.",
)


@blueprint.route("", methods=["GET"])
@policy("commissions", "read")
@blueprint.arguments(CommissionsQuery, location="query")
@blueprint.response(200, CommissionPage)
def list_commissions(query: dict[str, Any]) -> Any:
    """List the commissions that you may see, newest first."""
    wanted = reading.Wanted(
        query["state"], query["mode"], query["shop_id"], query["adviser_id"], query["order_ref"]
    )
    with session() as reader:
        rows = reading.page(reader, current_actor(), wanted, place_after(query["cursor"]), query["limit"])
        shown = answers.commission_answers(reader, rows)
    listed = page(
        rows, query["limit"], lambda row: (row[0].created_at.isoformat(), row[0].id), lambda row: row
    )
    return flask.jsonify(listed | {"items": shown[: query["limit"]]})


@blueprint.route("/<uuid:commission_id>", methods=["GET"])
@policy("commissions", "read")
@blueprint.response(200, CommissionView)
def show_commission(commission_id: UUID) -> Any:
    """Show a commission with the arithmetic of each line and every move."""
    with session() as reader:
        commission = reading.get(reader, current_actor(), commission_id)
        return flask.jsonify(_view(reader, commission))


@blueprint.route("/<uuid:commission_id>/approve", methods=["POST"])
@policy("commissions", "approve")
@blueprint.arguments(NoContent)
@blueprint.response(200, CommissionView)
def approve_commission(_data: dict[str, Any], commission_id: UUID) -> Any:
    """Approve a pending commission before its hold has passed; it becomes payable at once if it is funded."""
    actor, now = current_actor(), request_now()

    def work(writer: Any) -> tuple[dict[str, Any], bool]:
        commission, is_replay = approval.approve(writer, actor, commission_id, now)
        return _view(writer, commission), is_replay

    body, is_replay = run_in_transaction(work, point="commissions.approve")
    return replayed(flask.jsonify(body), is_replay)


@blueprint.route("/<uuid:commission_id>/decline", methods=["POST"])
@policy("commissions", "decline")
@blueprint.arguments(DeclineReport)
@blueprint.response(200, CommissionView)
def decline_commission(data: dict[str, Any], commission_id: UUID) -> Any:
    """Decline a pending commission for good; the adviser reads the reason."""
    actor, now = current_actor(), request_now()

    def work(writer: Any) -> tuple[dict[str, Any], bool]:
        commission, is_replay = approval.decline(
            writer, actor, commission_id, data["reason"], data["note"], now
        )
        return _view(writer, commission), is_replay

    body, is_replay = run_in_transaction(work, point="commissions.decline")
    return replayed(flask.jsonify(body), is_replay)


def _view(reader: Any, commission: Commission) -> dict[str, Any]:
    order = reader.get_one(ShopOrder, commission.order_id)
    return answers.commission_answers(reader, [(commission, order)])[0]
