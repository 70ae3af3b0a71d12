"""/finance/runs: draft a run, look at who is paid and why not, let a second person approve it, watch it being paid."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.core import clock, db, pages
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.errors import InvalidInput
from marketplace.core.forms import Form, Query
from marketplace.core.money import Money
from marketplace.core.paging import encode_cursor, id_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from payouts.finance import names, runs, schemas
from payouts.runs import candidates, content, execution, rejection, service
from payouts.runs.schemas import Approval, Rejection, RunRequest
from payouts.settlement import freeze
from payouts.settlement.payout_models import PayoutRun

blueprint = flask.Blueprint("finance_runs", __name__)
MOST_IN_A_FILE = 100_000


@blueprint.get("/finance/runs")
@policy("runs", "read")
def index() -> Response:
    """List runs, newest first."""
    return _index(Form(RunRequest, {"currency": "EUR"}))


@blueprint.post("/finance/runs")
@policy("runs", "create")
def create() -> Response:
    """Draft a run and work out at once whom it pays; pressed twice, it is one run."""
    actor, now, form, run_id = current_actor(), request_now(), Form(RunRequest), pages.once_sent()

    def act(data: dict[str, Any]) -> UUID:
        with db.transaction(point="pages.runs.create") as session:
            service.create(session, actor, data["currency"], now, data["cut_off_on"], run_id)
        with db.transaction(point="pages.runs.preview") as session:
            if service.get(session, run_id, lock=True).previewed_at is None:
                service.preview(session, actor, run_id, now)
        return run_id

    made = form.send(act)
    return pages.go(f"/finance/runs/{made}") if made else _index(form)


@blueprint.get("/finance/runs/<uuid:run_id>")
@policy("runs", "read")
def show(run_id: UUID) -> Response:
    """Show one run at the step where it is; its lines as a file too."""
    return _show(run_id, Form(Approval))


@blueprint.post("/finance/runs/<uuid:run_id>/preview")
@policy("runs", "preview")
def preview(run_id: UUID) -> Response:
    """Work out anew who would be paid and who not."""
    actor, now, form = current_actor(), request_now(), Form(schemas.Nothing)

    def act(_data: dict[str, Any]) -> bool:
        with db.transaction(point="pages.runs.preview_again") as session:
            service.preview(session, actor, run_id, now)
        return True

    if form.send(act):
        pages.said(_("Worked out anew. Look at it; then somebody else approves it."))
        return pages.go(f"/finance/runs/{run_id}")
    return _show(run_id, form)


@blueprint.post("/finance/runs/<uuid:run_id>/approve")
@policy("runs", "approve")
def approve(run_id: UUID) -> Response:
    """Approve a run that somebody else made: its content, its total typed again, and a second factor."""
    actor, now, form = current_actor(), request_now(), Form(Approval)

    def act(data: dict[str, Any]) -> bool:
        with db.session() as session:
            _typed(service.get(session, run_id), data["total"])
        db.run_in_transaction(
            lambda session: (
                service.approve(
                    session,
                    actor,
                    run_id,
                    content_hash=data["content_hash"],
                    total=data["total"],
                    code=data["totp"],
                    now=now,
                    wall=clock.wall(),
                ).id
            ),
            point="pages.runs.approve",
        )
        return True

    if form.send(act):
        pages.said(_("Approved. The money is reserved; nothing is sent yet."))
        return pages.go(f"/finance/runs/{run_id}")
    form.values.pop("totp", None)
    return _show(run_id, form)


@blueprint.post("/finance/runs/<uuid:run_id>/reject")
@policy("runs", "reject")
def reject(run_id: UUID) -> Response:
    """End a draft that somebody else made, with the reason that its maker reads."""
    actor, now, form = current_actor(), request_now(), Form(Rejection)

    def act(data: dict[str, Any]) -> bool:
        with db.transaction(point="pages.runs.reject") as session:
            rejection.reject(session, actor, run_id, data["reason"], now)
        return True

    if form.send(act):
        pages.said(_("Rejected. Its maker reads why; what is payable goes into the next run."))
        return pages.go(f"/finance/runs/{run_id}")
    return _show(run_id, form)


@blueprint.post("/finance/runs/<uuid:run_id>/execute")
@policy("runs", "execute")
def execute(run_id: UUID) -> Response:
    """Start carrying out an approved run, or nudge one that is under way to try what is left."""
    actor, now, form = current_actor(), request_now(), Form(schemas.Nothing)

    def act(_data: dict[str, Any]) -> bool:
        with db.transaction(point="pages.runs.execute") as session:
            service.execute(session, actor, run_id, now)
        return True

    return pages.go(f"/finance/runs/{run_id}") if form.send(act) else _show(run_id, form)


def _typed(run: PayoutRun, typed: Money) -> None:
    """Refuse a total that is not the run's, at the field where it was typed; the service asks it again."""
    if run.state == "draft" and run.total_minor is not None and typed != Money(run.total_minor, run.currency):
        raise InvalidInput({"total": [_("This is not the total of the run. Type it as it stands above.")]})


def _index(form: Form) -> Response:
    query = Query(schemas.AccountPage)
    limit = query.data["limit"]
    with db.session() as session:
        found = runs.page(session, id_after(query.data["cursor"]), limit)
        shown = found[:limit]
        how_far = runs.settled(session, [run.id for run in shown])
        called = names.of(
            session,
            people={one for run in shown for one in (run.created_by, run.approved_by, run.rejected_by)},
        )
        frozen = freeze.standing(session)
    return pages.render(
        "finance/runs.html",
        form.status,
        runs=shown,
        how_far=how_far,
        names=called,
        frozen=frozen,
        cut_off_on=service.cut_off_on,
        today=service.newest_day(request_now()),
        query=query,
        next_cursor=encode_cursor(shown[-1].id) if len(found) > limit else None,
        form=form,
    )


def _show(run_id: UUID, form: Form) -> Response:
    actor, now, query = current_actor(), request_now(), Query(schemas.RunTab)
    tab, limit = query.data["tab"], query.data["limit"]
    with db.session() as session:
        run = service.get(session, run_id)
        before = runs.previous(session, run)
        if query.data["format"] == "csv":
            return _file(session, run, before, tab)
        tabs = runs.tabs(session, run)
        found = runs.rows(session, run, before, tab, id_after(query.data["cursor"]), limit)
        shown = found[:limit]
        total = Money(run.total_minor or 0, run.currency)
        changes = candidates.changes(session, run, now) if run.state == "draft" and run.previewed_at else []
        progress = execution.progress(session, run) if run.approved_at else None
        for part in progress["parts"] if progress else ():
            part["money"] = Money.parse(part["amount"]["amount"], run.currency)
        people = (run.created_by, run.approved_by, run.executed_by, run.rejected_by)
        called = names.of(
            session,
            advisers={row.adviser_id for row in shown} | {one.adviser_id for one in changes},
            people=people,
        )
        is_ahead = run.state in ("draft", "approved")
        seen = runs.newest_certificate(session, run.currency) if is_ahead else None
        facts = {
            "cover": runs.Cover.of(run.id, total, seen, runs.under_way(session) if is_ahead else {}),
            "frozen": freeze.standing(session) if progress is None or progress["frozen"] else None,
        }
    return pages.render(
        "finance/run.html",
        form.status,
        run=run,
        total=total,
        before=before,
        least=content.minimum(run.currency),
        tabs=tabs,
        tab=tab,
        rows=shown,
        changes=changes,
        progress=progress,
        names=called,
        query=query,
        next_cursor=encode_cursor(shown[-1].adviser_id) if len(found) > limit else None,
        may=_may(actor, run),
        may_reject=run.state == "draft" and "finance" in actor.roles and not service.is_maker(run, actor),
        cut_off_on=service.cut_off_on(run),
        form=form,
        **facts,
    )


def _may(actor: Actor, run: PayoutRun) -> str:
    """Return the one thing that this person can do with the run now: preview, approve, execute, wait, or nothing."""
    if "finance" not in actor.roles:
        return ""
    if run.state == "draft":
        if run.previewed_at is None or not run.total_minor:
            return "preview"
        return "wait" if service.is_maker(run, actor) else "approve"
    return {"approved": "execute", "executing": "nudge"}.get(run.state, "")


def _file(session: Any, run: PayoutRun, before: PayoutRun | None, tab: str) -> Response:
    rows = runs.rows(session, run, before, tab, None, MOST_IN_A_FILE)[:MOST_IN_A_FILE]
    called = names.of(session, advisers={row.adviser_id for row in rows})
    columns: tuple[pages.Column, ...] = (
        ("adviser", lambda row: called.owner(row.adviser_id)),
        ("adviser id", lambda row: row.adviser_id),
        ("opening", lambda row: row.opening),
        ("earned", lambda row: row.earned),
        ("reversed", lambda row: row.reversed),
        ("net", lambda row: row.net),
        ("on hold", lambda row: row.held),
        ("run before", lambda row: row.before),
        ("lines", lambda row: row.lines),
        ("left out because", lambda row: row.reason),
        ("state", lambda row: row.payout.state if row.payout else None),
        ("reason", lambda row: row.payout.reason if row.payout else None),
        ("transfer", lambda row: row.payout.stripe_transfer_id if row.payout else None),
        ("paid at", lambda row: row.payout.paid_at if row.payout else None),
        ("in bank at", lambda row: row.payout.in_bank_at if row.payout else None),
    )
    return pages.csv(rows, columns, f"{run.number}-{tab}")
