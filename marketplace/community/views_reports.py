"""/admin/reports: what readers say is wrong with a page, the oldest first, to be upheld or rejected with a reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
import sqlalchemy as sa
from marshmallow import validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.accounts import public
from marketplace.advice.models import AdvicePage
from marketplace.community import reporting
from marketplace.community.models import PageReport
from marketplace.community.schemas import Decision
from marketplace.core import auth, db, forms, pages, schemas
from marketplace.core.paging import encode_cursor, id_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _

blueprint = flask.Blueprint("admin_reports", __name__)
MOST_IN_A_FILE = 20_000
STATES = ("received", "upheld", "rejected")
COLUMNS: tuple[pages.Column, ...] = (
    ("id", lambda one: one.id),
    ("page id", lambda one: one.page_id),
    ("adviser id", lambda one: one.adviser_id),
    ("reason", lambda one: one.reason),
    ("statement", lambda one: one.statement),
    ("state", lambda one: one.state),
    ("reported at", lambda one: one.reported_at),
    ("decided at", lambda one: one.decided_at),
    ("decision", lambda one: one.decision),
)


class ReportsFilter(schemas.Page):
    """Which reports: those that wait by default."""

    state = schemas.Text(load_default="received", validate=[validate.OneOf((*STATES, "all"))])
    format = schemas.Text(load_default=None, validate=[validate.OneOf(("csv",))])


@blueprint.get("/admin/reports")
@policy("page_reports", "queue")
def index() -> Response:
    """List reports, what waits longest first."""
    return _page(None, None)


@blueprint.post("/admin/reports/<uuid:report_id>/decide")
@policy("page_reports", "decide")
def decide(report_id: UUID) -> Response:
    """Take the page down or leave it, with a reason that the adviser and the reporter read."""
    with db.session() as session:
        # A report that never was is told before what is wrong with the form about it.
        reporting.get(session, report_id)
    form = forms.Form(Decision)

    def run(data: dict[str, Any]) -> str:
        with db.transaction(point="page_reports.page") as session:
            reporting.decide(
                session, auth.current_actor(), report_id, data["outcome"], data["reason"], request_now()
            )
        return str(data["outcome"])

    outcome = form.send(run)
    if outcome is None:
        return _page(form, report_id)
    pages.said(
        _("The page is taken down. Adviser and reporter read your reason.")
        if outcome == "uphold"
        else _("The page stays. The reporter reads your reason.")
    )
    return pages.go(flask.url_for("admin_reports.index"))


def _page(form: forms.Form | None, about: UUID | None) -> Response:
    query = forms.Query(ReportsFilter)
    wanted, limit = query.data["state"], query.data["limit"]
    state = None if wanted == "all" else wanted
    with db.session() as session:
        if query.data["format"] == "csv":
            every = reporting.listed(session, state, limit=MOST_IN_A_FILE)
            return pages.csv(every[:MOST_IN_A_FILE], COLUMNS, "reports")
        found = reporting.listed(session, state, after=id_after(query.data["cursor"]), limit=limit)
        rows = list(found[:limit])
        reported = _reported(session, {one.page_id for one in rows})
        names = public.names_of(session, {one.adviser_id for one in rows})
        counts = _counts(session)
    return pages.render(
        "admin/reports.html",
        form.status if form else 200,
        form=form,
        about=about,
        rows=rows,
        reported=reported,
        names=names,
        counts=counts,
        wanted=wanted,
        query=query,
        next_cursor=encode_cursor(rows[-1].id) if len(found) > limit else None,
    )


def _reported(session: Session, page_ids: set[UUID]) -> dict[UUID, AdvicePage]:
    found = session.scalars(sa.select(AdvicePage).where(AdvicePage.id.in_(page_ids)))
    return {page.id: page for page in found}


def _counts(session: Session) -> dict[str, int]:
    query = sa.select(PageReport.state, sa.func.count()).group_by(PageReport.state)
    found = {state: int(count) for state, count in session.execute(query)}
    return {state: found.get(state, 0) for state in STATES}
