"""Claims over the API: list, read, make, answer, withdraw, ask again, close."""

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
from tracking.claims import answers, making, reading, service
from tracking.claims.making import Missing
from tracking.claims.models import Claim
from tracking.claims.schemas import ClaimAnswer, ClaimPage, ClaimReport, ClaimsQuery, ClaimView, ClaimWords
from tracking.claims.service import Said
from tracking.commissions.schemas import NoContent

blueprint = ApiBlueprint(
    "claims",
    __name__,
    url_prefix="/api/v1/claims",
    description="Purchases that an adviser misses: the shop is asked, and what it reports goes by the rules.",
)
Outcome = tuple[Claim, bool]


@blueprint.route("", methods=["GET"])
@policy("claims", "read")
@blueprint.arguments(ClaimsQuery, location="query")
@blueprint.response(200, ClaimPage)
def list_claims(query: dict[str, Any]) -> Any:
    """List the claims that you may see, newest first."""
    wanted = reading.Wanted(query["state"] and [query["state"]], query["shop_id"], query["adviser_id"])
    with session() as reader:
        rows = reading.page(reader, current_actor(), wanted, place_after(query["cursor"]), query["limit"])
        shown = answers.claim_answers(reader, rows)
    listed = page(rows, query["limit"], lambda row: (row.claimed_at.isoformat(), row.id), lambda row: row)
    return flask.jsonify(listed | {"items": shown[: query["limit"]]})


@blueprint.route("/<uuid:claim_id>", methods=["GET"])
@policy("claims", "read")
@blueprint.response(200, ClaimView)
def show_claim(claim_id: UUID) -> Any:
    """Show a claim with everything that was said, and what the rules gave for the order that was found."""
    with session() as reader:
        claim = reading.get(reader, current_actor(), claim_id)
        return flask.jsonify(answers.claim_answers(reader, [claim])[0])


@blueprint.route("", methods=["POST"])
@policy("claims", "make")
@blueprint.arguments(ClaimReport)
@blueprint.response(201, ClaimView)
def make_claim(data: dict[str, Any]) -> Any:
    """Claim a purchase 7 to 100 days old that the shop did not report. The same again gets the same claim."""
    actor, now, missing = current_actor(), request_now(), Missing(**data)
    return _answer(
        *run_in_transaction(
            _viewed(lambda writer: making.make(writer, actor, missing, now)), point="claims.make"
        ),
        status=201,
    )


@blueprint.route("/<uuid:claim_id>/answer", methods=["POST"])
@policy("claims", "answer")
@blueprint.arguments(ClaimAnswer)
@blueprint.response(200, ClaimView)
def answer_claim(data: dict[str, Any], claim_id: UUID) -> Any:
    """Answer as the shop: the number of the order, which must be reported, or no with a reason."""
    actor, now = current_actor(), request_now()
    return _answer(
        *run_in_transaction(
            _viewed(lambda writer: service.answer(writer, actor, claim_id, data, now)),
            point="claims.answer",
        )
    )


@blueprint.route("/<uuid:claim_id>/withdraw", methods=["POST"])
@policy("claims", "withdraw")
@blueprint.arguments(NoContent)
@blueprint.response(200, ClaimView)
def withdraw_claim(_data: dict[str, Any], claim_id: UUID) -> Any:
    """End a claim of yours; the order can't be claimed again."""
    actor, now = current_actor(), request_now()
    return _answer(
        *run_in_transaction(
            _viewed(lambda writer: service.withdraw(writer, actor, claim_id, now)), point="claims.withdraw"
        )
    )


@blueprint.route("/<uuid:claim_id>/ask", methods=["POST"])
@policy("claims", "decide")
@blueprint.arguments(ClaimWords)
@blueprint.response(200, ClaimView)
def ask_again(data: dict[str, Any], claim_id: UUID) -> Any:
    """Ask a shop that was silent once more; it gets a new term."""
    actor, now, said = current_actor(), request_now(), Said(statement=data["statement"])
    return _answer(
        *run_in_transaction(
            _viewed(lambda writer: service.ask(writer, actor, claim_id, said, now)), point="claims.ask"
        )
    )


@blueprint.route("/<uuid:claim_id>/close", methods=["POST"])
@policy("claims", "decide")
@blueprint.arguments(ClaimWords)
@blueprint.response(200, ClaimView)
def close_claim(data: dict[str, Any], claim_id: UUID) -> Any:
    """Close a claim that the shop did not answer, with words that both sides read."""
    actor, now, said = current_actor(), request_now(), Said(statement=data["statement"])
    return _answer(
        *run_in_transaction(
            _viewed(lambda writer: service.close(writer, actor, claim_id, said, now)), point="claims.close"
        )
    )


def _viewed(work: Callable[[Session], Outcome]) -> Callable[[Session], tuple[dict[str, Any], bool]]:
    def viewed(writer: Session) -> tuple[dict[str, Any], bool]:
        claim, is_replay = work(writer)
        return answers.claim_answers(writer, [claim])[0], is_replay

    return viewed


def _answer(body: dict[str, Any], is_replay: bool, *, status: int = 200) -> flask.Response:
    response = flask.jsonify(body)
    response.status_code = status
    return replayed(response, is_replay)
