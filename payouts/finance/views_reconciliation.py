"""/finance/reconciliation: books, Stripe and banks side by side; /finance/differences: one that does not agree."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import flask
import sqlalchemy as sa
from werkzeug.wrappers import Response

from marketplace.core import audit, db, jobs, pages
from marketplace.core.auth import current_actor
from marketplace.core.errors import InvalidInput
from marketplace.core.forms import Form, Query
from marketplace.core.paging import decode_cursor, encode_cursor
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from payouts.finance import matches, names, schemas
from payouts.reconciliation import bookings, importing, report
from payouts.reconciliation.api import JOB, SWEEP_JOB
from payouts.reconciliation.api_freeze import BookingWanted
from payouts.reconciliation.models import ReconImport
from payouts.settlement.breaks import ALARMS
from payouts.settlement.models import Break

blueprint = flask.Blueprint("finance_reconciliation", __name__)
MOST_OPEN = 200
MOST_IN_A_FILE = 20_000
COLUMNS: tuple[pages.Column, ...] = (
    ("entry", lambda row: row.entry_id),
    ("kind", lambda row: row.kind),
    ("at", lambda row: row.at),
    ("ledger", lambda row: row.booked),
    ("stripe", lambda row: row.moved),
    ("balance transaction", lambda row: row.tx.id),
    ("object at stripe", lambda row: row.tx.source_id),
    ("bank", lambda row: row.payout.state if row.payout else None),
    ("in bank at", lambda row: row.payout.in_bank_at if row.payout else None),
)


@blueprint.get("/finance/reconciliation")
@policy("reconciliation", "read")
def index() -> Response:
    """Show the certificates, what does not agree, and what does."""
    query, now = Query(schemas.AccountPage), request_now()
    limit = query.data["limit"]
    with db.session() as session:
        if query.data["format"] == "csv":
            every = matches.page(session, None, MOST_IN_A_FILE)[:MOST_IN_A_FILE]
            return pages.csv(every, COLUMNS, "reconciliation")
        found = matches.page(session, _before(query.data["cursor"]), limit)
        shown = found[:limit]
        certificates = report.newest_certificates(session)
        open_ones = session.scalars(
            sa.select(Break)
            .where(Break.state != "corrected")
            .order_by(Break.state.desc(), Break.first_seen_at, Break.id)
            .limit(MOST_OPEN)
        ).all()
        corrected = session.scalars(
            sa.select(Break).where(Break.state == "corrected").order_by(Break.resolved_at.desc()).limit(1)
        ).one_or_none()
        imports = session.execute(
            sa.select(
                sa.func.max(ReconImport.finished_at),
                sa.func.count().filter(ReconImport.state == "asked"),
            )
        ).one()
        sent = matches.sent(session)
        called = names.of(session, advisers={row.payout.adviser_id for row in shown if row.payout})
    return pages.render(
        "finance/reconciliation.html",
        certificates=certificates,
        differences=open_ones,
        last_corrected=corrected,
        last_import=imports[0],
        imports_waiting=imports[1],
        sent=sent,
        rows=shown,
        next_cursor=encode_cursor(shown[-1].at.isoformat(), shown[-1].tx.source_id or shown[-1].tx.id)
        if len(found) > limit
        else None,
        query=query,
        names=called,
        age_of=lambda moment: report.business_days(moment, now),
    )


@blueprint.post("/finance/reconciliation/import")
@policy("reconciliation", "import")
def ask() -> Response:
    """Ask for Stripe's movements to be brought in; the worker does it within seconds."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="pages.reconciliation.ask") as session:
        wanted = importing.ask(session, actor.label, now)
        audit.record(session, actor, "reconciliation.import", "recon_import", wanted.id, {}, now=now)
        db.after_commit(session, lambda: jobs.enqueue(JOB, str(wanted.id)))
    pages.said(_("Asked Stripe for its movements; the certificate is new within seconds."))
    return pages.go("/finance/reconciliation")


@blueprint.get("/finance/differences/<uuid:break_id>")
@policy("payout_freeze", "read")
def difference(break_id: UUID) -> Response:
    """Show one difference: what it is, how old, what explains it, and what can be done."""
    return _difference(break_id, Form(BookingWanted))


@blueprint.post("/finance/differences/<uuid:break_id>/book")
@policy("payout_freeze", "book")
def book(break_id: UUID) -> Response:
    """Say whose money a transfer was whose payout the books lost; a second person approves it."""
    actor, now, form = current_actor(), request_now(), Form(BookingWanted)

    def act(data: dict[str, Any]) -> bool:
        with db.transaction(point="pages.reconciliation.ask_booking") as session:
            bookings.ask(session, actor, break_id, now=now, **data)
        return True

    if form.send(act):
        pages.said(_("Written down. Somebody else of finance approves it; then it is booked."))
        return pages.go(f"/finance/differences/{break_id}")
    return _difference(break_id, form)


@blueprint.post("/finance/differences/<uuid:break_id>/approve")
@policy("payout_freeze", "approve")
def approve(break_id: UUID) -> Response:
    """Agree as the second person; the worker books it within seconds."""
    actor, now, form = current_actor(), request_now(), Form(schemas.Nothing)

    def act(_data: dict[str, Any]) -> bool:
        with db.transaction(point="pages.reconciliation.approve_booking") as session:
            bookings.approve(session, actor, break_id, now)
            db.after_commit(session, lambda: jobs.enqueue(SWEEP_JOB))
        return True

    if form.send(act):
        pages.said(_("Approved; it is in the books within seconds."))
        return pages.go(f"/finance/differences/{break_id}")
    return _difference(break_id, form)


def _difference(break_id: UUID, form: Form) -> Response:
    actor, now = current_actor(), request_now()
    with db.session() as session:
        found = matches.explained(session, break_id)
        booking = found.booking
        called = names.of(
            session,
            advisers={one for one in (found.adviser_id, booking.adviser_id if booking else None) if one},
            shops={booking.shop_id} if booking else (),
            people={booking.asked_by, booking.approved_by} if booking else (),
        )
    return pages.render(
        "finance/difference.html",
        form.status,
        found=found,
        one=found.difference,
        days=report.business_days(found.difference.first_seen_at, found.difference.resolved_at or now),
        alarm=found.difference.kind in ALARMS,
        is_mine=booking is not None and bookings.is_asked_by(booking, actor),
        names=called,
        form=form,
    )


def _before(cursor: str | None) -> tuple[dt.datetime, str] | None:
    if not cursor:
        return None
    instant, source = decode_cursor(cursor, 2)
    try:
        return dt.datetime.fromisoformat(instant), source
    except ValueError as error:
        raise InvalidInput({"cursor": ["Not a cursor of this list."]}) from error
