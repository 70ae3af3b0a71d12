"""/finance/freeze: stop all payouts, see what is in the way of going on, and lift it with two people."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
import sqlalchemy as sa
from werkzeug.wrappers import Response

from marketplace.core import db, jobs, pages
from marketplace.core.auth import current_actor
from marketplace.core.forms import Form
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from payouts.finance import names, schemas
from payouts.reconciliation import lifting
from payouts.reconciliation.api import SWEEP_JOB
from payouts.reconciliation.api_freeze import FreezeWanted
from payouts.settlement import freeze
from payouts.settlement.freeze import PayoutFreeze

blueprint = flask.Blueprint("finance_freeze", __name__)
SHOWN = 20


@blueprint.get("/finance/freeze")
@policy("payout_freeze", "read")
def index() -> Response:
    """Show whether payouts are frozen, why, and what is in the way of going on."""
    return _page(Form(FreezeWanted))


@blueprint.post("/finance/freeze")
@policy("payout_freeze", "begin")
def begin() -> Response:
    """Freeze payouts by hand: nothing is approved or sent from here on."""
    actor, now, form = current_actor(), request_now(), Form(FreezeWanted)

    def act(data: dict[str, Any]) -> bool:
        with db.transaction(point="pages.payouts.freeze") as session:
            freeze.impose(session, actor, data["note"], now)
        return True

    if form.send(act):
        pages.said(_("Payouts are frozen. Two people of finance lift it."), "notice")
        return pages.go("/finance/freeze")
    return _page(form)


@blueprint.post("/finance/freeze/lift")
@policy("payout_freeze", "lift")
def lift() -> Response:
    """Ask for the freeze to be lifted, or lift it as the second person."""
    actor, now, form = current_actor(), request_now(), Form(schemas.Nothing)

    def act(_data: dict[str, Any]) -> str:
        with db.transaction(point="pages.payouts.lift") as session:
            standing = lifting.lift(session, actor, now)
            db.after_commit(session, lambda: jobs.enqueue(SWEEP_JOB))
            return "lifted" if standing.lifted_at else "asked"

    done = form.send(act)
    if done is None:
        return _page(form)
    pages.said(
        _("The freeze is lifted; payouts go on.")
        if done == "lifted"
        else _("Asked for. Stripe is asked once more; then a second person lifts it.")
    )
    return pages.go("/finance/freeze")


def _page(form: Form) -> Response:
    actor = current_actor()
    with db.session() as session:
        standing = freeze.standing(session)
        way = lifting.in_the_way(session, standing) if standing else []
        unknown = lifting.unknown_transfers(session) if standing else []
        past = session.scalars(
            sa.select(PayoutFreeze)
            .where(PayoutFreeze.lifted_at.is_not(None))
            .order_by(PayoutFreeze.frozen_at.desc())
            .limit(SHOWN)
        ).all()
        people = {one.lift_asked_by for one in (*past, *([standing] if standing else []))}
        by_whom = _person_of(standing.frozen_by) if standing else None
        called = names.of(session, people=people | {one.lifted_by for one in past} | {by_whom})
    return pages.render(
        "finance/freeze.html",
        form.status,
        standing=standing,
        in_the_way=way,
        unknown=unknown,
        past=past,
        by_whom=by_whom,
        names=called,
        asked_by_me=standing is not None and lifting.is_asked_by(standing, actor),
        form=form,
    )


def _person_of(label: str) -> UUID | None:
    """Return the person whom the history of a freeze names, None for a program of ours."""
    try:
        return UUID(label.partition(":")[2])
    except ValueError:
        return None
