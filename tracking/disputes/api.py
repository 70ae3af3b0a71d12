"""Disputes over the API: list, read, open, answer, escalate, withdraw, decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import flask
from sqlalchemy.orm import Session

from marketplace.core.api import replayed
from marketplace.core.auth import current_actor
from marketplace.core.db import run_in_transaction, session
from marketplace.core.paging import page, place_after
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from tracking.commissions.schemas import NoContent
from tracking.disputes import answers, reading, service
from tracking.disputes.models import Dispute
from tracking.disputes.schemas import (
    AnswerReport,
    DecideReport,
    DisputePage,
    DisputesQuery,
    DisputeView,
    EscalateReport,
    OpenReport,
)
from tracking.disputes.service import Said

blueprint = ApiBlueprint(
    "disputes",
    __name__,
    url_prefix="/api/v1/disputes",
    description="Declined commissions that an adviser does not accept: answered by the shop, decided by us or by time.",
)
Outcome = tuple[Dispute, bool]


@blueprint.route("", methods=["GET"])
@policy("disputes", "read")
@blueprint.arguments(DisputesQuery, location="query")
@blueprint.response(200, DisputePage)
def list_disputes(query: dict[str, Any]) -> Any:
    """List the disputes that you may see, newest first."""
    wanted = reading.Wanted(
        query["state"], query["mode"], query["shop_id"], query["adviser_id"], query["commission_id"]
    )
    with session() as reader:
        rows = reading.page(reader, current_actor(), wanted, place_after(query["cursor"]), query["limit"])
        shown = answers.dispute_answers(reader, rows, request_now())
    listed = page(
        rows, query["limit"], lambda row: (row[0].opened_at.isoformat(), row[0].id), lambda row: row
    )
    return flask.jsonify(listed | {"items": shown[: query["limit"]]})


@blueprint.route("/<uuid:dispute_id>", methods=["GET"])
@policy("disputes", "read")
@blueprint.response(200, DisputeView)
def show_dispute(dispute_id: UUID) -> Any:
    """Show a dispute with everything that was said, and what became of the money."""
    with session() as reader:
        return flask.jsonify(_view(reader, reading.get(reader, current_actor(), dispute_id)))


@blueprint.route("", methods=["POST"])
@policy("disputes", "open")
@blueprint.arguments(OpenReport)
@blueprint.response(201, DisputeView)
def open_dispute(data: dict[str, Any]) -> Any:
    """Dispute a declined commission of yours, once, within the time for it. The same again gets the same dispute."""
    actor, now = current_actor(), request_now()
    said = Said(statement=data["statement"], links=data["links"])
    return _answer(
        *run_in_transaction(
            _viewed(lambda writer: service.open_dispute(writer, actor, data["commission_id"], said, now)),
            point="disputes.open",
        ),
        status=201,
    )


@blueprint.route("/<uuid:dispute_id>/answer", methods=["POST"])
@policy("disputes", "answer")
@blueprint.arguments(AnswerReport)
@blueprint.response(200, DisputeView)
def answer_dispute(data: dict[str, Any], dispute_id: UUID) -> Any:
    """Answer as the shop: accept, and the commission stands again; or reject with a reason."""
    actor, now = current_actor(), request_now()
    said = Said(data["reason"], data["statement"])
    return _answer(
        *run_in_transaction(
            _viewed(lambda writer: service.answer(writer, actor, dispute_id, data["outcome"], said, now)),
            point="disputes.answer",
        )
    )


@blueprint.route("/<uuid:dispute_id>/escalate", methods=["POST"])
@policy("disputes", "escalate")
@blueprint.arguments(EscalateReport)
@blueprint.response(200, DisputeView)
def escalate_dispute(data: dict[str, Any], dispute_id: UUID) -> Any:
    """Bring a dispute that the shop rejected to the platform."""
    actor, now = current_actor(), request_now()
    said = Said(statement=data["statement"])
    return _answer(
        *run_in_transaction(
            _viewed(lambda writer: service.escalate(writer, actor, dispute_id, said, now)),
            point="disputes.escalate",
        )
    )


@blueprint.route("/<uuid:dispute_id>/withdraw", methods=["POST"])
@policy("disputes", "withdraw")
@blueprint.arguments(NoContent)
@blueprint.response(200, DisputeView)
def withdraw_dispute(_data: dict[str, Any], dispute_id: UUID) -> Any:
    """End a dispute of yours; the commission stays declined."""
    actor, now = current_actor(), request_now()
    return _answer(
        *run_in_transaction(
            _viewed(lambda writer: service.withdraw(writer, actor, dispute_id, now)),
            point="disputes.withdraw",
        )
    )


@blueprint.route("/<uuid:dispute_id>/decide", methods=["POST"])
@policy("disputes", "decide")
@blueprint.arguments(DecideReport)
@blueprint.response(200, DisputeView)
def decide_dispute(data: dict[str, Any], dispute_id: UUID) -> Any:
    """Decide an escalated dispute for good, with a reason that both sides read."""
    actor, now = current_actor(), request_now()
    said = Said(data["reason"])
    return _answer(
        *run_in_transaction(
            _viewed(lambda writer: service.decide(writer, actor, dispute_id, data["outcome"], said, now)),
            point="disputes.decide",
        )
    )


def _viewed(work: Callable[[Session], Outcome]) -> Callable[[Session], tuple[dict[str, Any], bool]]:
    def viewed(writer: Session) -> tuple[dict[str, Any], bool]:
        dispute, is_replay = work(writer)
        return _view(writer, dispute), is_replay

    return viewed


def _view(reader: Session, dispute: Dispute) -> dict[str, Any]:
    return answers.dispute_answers(reader, [reading.row_of(reader, dispute)], request_now())[0]


def _answer(body: dict[str, Any], is_replay: bool, *, status: int = 200) -> flask.Response:
    response = flask.jsonify(body)
    response.status_code = status
    return replayed(response, is_replay)
