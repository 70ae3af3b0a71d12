"""/api/v1/runs: finance drafts, previews and executes payout runs; a second person approves."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import clock, db
from marketplace.core.auth import current_actor
from marketplace.core.money import Money
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.schemas import Page, dump_instant
from marketplace.core.web import ApiBlueprint, request_now
from payouts.runs import candidates, execution, rejection, schemas, service
from payouts.settlement.payout_models import Payout, PayoutAttempt, PayoutRun

blueprint = ApiBlueprint(
    "runs",
    __name__,
    url_prefix="/api/v1/runs",
    description="Payout runs: four eyes, frozen content, progress.",
)


@blueprint.route("", methods=["POST"])
@policy("runs", "create")
@blueprint.arguments(schemas.RunRequest)
@blueprint.response(201, schemas.Run)
def create(data: dict[str, Any]) -> dict[str, Any]:
    """Draft a run in a currency, up to a day when one is named."""
    with db.transaction(point="runs.create") as session:
        run = service.create(session, current_actor(), data["currency"], request_now(), data["cut_off_on"])
    return describe(run)


@blueprint.route("", methods=["GET"])
@policy("runs", "read")
@blueprint.arguments(Page, location="query")
@blueprint.response(200, schemas.RunPage)
def list_runs(query: dict[str, Any]) -> dict[str, Any]:
    """List runs, newest first."""
    statement = sa.select(PayoutRun).order_by(PayoutRun.id.desc()).limit(query["limit"] + 1)
    if query["cursor"]:
        statement = statement.where(PayoutRun.id < id_after(query["cursor"]))
    with db.session() as session:
        rows = session.scalars(statement).all()
    return page(rows, query["limit"], lambda run: (run.id,), describe)


@blueprint.route("/<uuid:run_id>", methods=["GET"])
@policy("runs", "read")
@blueprint.arguments(schemas.PreviewPage, location="query")
@blueprint.response(200, schemas.Run)
def read(query: dict[str, Any], run_id: UUID) -> dict[str, Any]:
    """Return a run with its progress, its payouts and a page of its last preview, at first the first."""
    after = id_after(query["cursor"])
    with db.session() as session:
        run = service.get(session, run_id)
        preview = candidates.part(session, run, after).as_json() if after else run.preview
        return _whole(session, run) | {"preview": preview}


@blueprint.route("/<uuid:run_id>/preview", methods=["POST"])
@policy("runs", "preview")
@blueprint.response(200, schemas.RunPreview)
def preview(run_id: UUID) -> dict[str, Any]:
    """Work out who would be paid and who not, and why."""
    with db.transaction(point="runs.preview") as session:
        found = service.preview(session, current_actor(), run_id, request_now())
    return {"content_hash": found.content_hash, "total": found.total, **found.as_json()}


@blueprint.route("/<uuid:run_id>/approve", methods=["POST"])
@policy("runs", "approve")
@blueprint.arguments(schemas.Approval)
@blueprint.response(200, schemas.Run)
def approve(data: dict[str, Any], run_id: UUID) -> dict[str, Any]:
    """Approve a run that somebody else made, on its content, its total and a second factor."""

    def work(session: Session) -> PayoutRun:
        return service.approve(
            session,
            current_actor(),
            run_id,
            content_hash=data["content_hash"],
            total=data["total"],
            code=data["totp"],
            now=request_now(),
            wall=clock.wall(),
        )

    return describe(db.run_in_transaction(work, point="runs.approve"))


@blueprint.route("/<uuid:run_id>/reject", methods=["POST"])
@policy("runs", "reject")
@blueprint.arguments(schemas.Rejection)
@blueprint.response(200, schemas.Run)
def reject(data: dict[str, Any], run_id: UUID) -> dict[str, Any]:
    """End a draft that somebody else made, with a reason for its maker; its amounts are free for the next run."""
    with db.transaction(point="runs.reject") as session:
        run = rejection.reject(session, current_actor(), run_id, data["reason"], request_now())
    return describe(run)


@blueprint.route("/<uuid:run_id>/execute", methods=["POST"])
@policy("runs", "execute")
@blueprint.response(202, schemas.Run)
def execute(run_id: UUID) -> dict[str, Any]:
    """Start carrying out an approved run; progress is in GET."""
    with db.transaction(point="runs.execute") as session:
        run = service.execute(session, current_actor(), run_id, request_now())
    return describe(run)


def describe(run: PayoutRun) -> dict[str, Any]:
    """Return a run as finance sees it in a list."""
    total = None if run.total_minor is None else Money(run.total_minor, run.currency)
    names = (
        "id number currency state content_hash created_by created_at previewed_at approved_by approved_at "
        "executed_at finished_at rejected_by rejected_at rejected_reason"
    )
    facts = {name: getattr(run, name) for name in names.split()}
    return facts | {"total": total, "cut_off_on": service.cut_off_on(run)}


def _whole(session: Session, run: PayoutRun) -> dict[str, Any]:
    attempts = (
        sa.select(PayoutAttempt.payout_id, sa.func.count().label("n"))
        .group_by(PayoutAttempt.payout_id)
        .subquery()
    )
    rows = session.execute(
        sa.select(Payout, sa.func.coalesce(attempts.c.n, 0))
        .outerjoin(attempts, attempts.c.payout_id == Payout.id)
        .where(Payout.run_id == run.id)
        .order_by(Payout.place)
        .limit(1000)
    )
    return describe(run) | {
        "progress": execution.progress(session, run),
        "payouts": [_payout(payout, int(count)) for payout, count in rows],
    }


def _payout(payout: Payout, attempts: int) -> dict[str, Any]:
    moments = ("approved_at", "paid_at", "in_bank_at", "bank_failed_at", "released_at")
    shown = {name: getattr(payout, name) for name in moments}
    return {
        "id": str(payout.id),
        "adviser_id": str(payout.adviser_id),
        "amount": {"amount": str(payout.amount), "currency": payout.currency},
        "state": payout.state,
        "reason": payout.reason,
        "attempts": attempts,
        "stripe_transfer_id": payout.stripe_transfer_id,
        **{name: None if value is None else dump_instant(value) for name, value in shown.items()},
    }
