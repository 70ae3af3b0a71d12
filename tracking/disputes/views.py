"""/adviser/disputes/<id>: what was said, who is to act until when, and what that means for the money."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages, tenancy
from marketplace.core.auth import current_actor
from marketplace.core.errors import NotFound
from marketplace.core.forms import Form
from marketplace.core.money import Money
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from tracking.disputes import reading, rules, service
from tracking.disputes.models import DisputePolicy
from tracking.disputes.schemas import EscalateReport
from tracking.disputes.service import Said

blueprint = flask.Blueprint("adviser_disputes", __name__)


@blueprint.get("/adviser/disputes/<uuid:dispute_id>")
@policy("adviser_pages", "read")
def show(dispute_id: UUID) -> Response:
    """Show a dispute of one's own."""
    return _page(dispute_id, Form(EscalateReport))


@blueprint.post("/adviser/disputes/<uuid:dispute_id>/escalate")
@policy("adviser_pages", "dispute")
def escalate(dispute_id: UUID) -> Response:
    """Bring a dispute that the shop rejected to the platform."""
    actor, now, form = current_actor(), request_now(), Form(EscalateReport)

    def act(data: dict[str, Any]) -> bool:
        said = Said(statement=data["statement"])
        db.run_in_transaction(
            lambda writer: service.escalate(writer, actor, dispute_id, said, now),
            point="pages.escalate_dispute",
        )
        return True

    if form.send(act) is None:
        return _page(dispute_id, form)
    pages.said(_("We look at it now; you hear from us by mail."))
    return pages.go(flask.url_for("adviser_disputes.show", dispute_id=dispute_id))


@blueprint.post("/adviser/disputes/<uuid:dispute_id>/withdraw")
@policy("adviser_pages", "dispute")
def withdraw(dispute_id: UUID) -> Response:
    """End a dispute of one's own."""
    actor, now = current_actor(), request_now()
    db.run_in_transaction(
        lambda writer: service.withdraw(writer, actor, dispute_id, now), point="pages.withdraw_dispute"
    )
    pages.said(_("The dispute is over; the commission stays declined."))
    return pages.go(flask.url_for("adviser_disputes.show", dispute_id=dispute_id))


def _page(dispute_id: UUID, form: Form) -> Response:
    actor, now = current_actor(), request_now()
    with db.session() as session:
        dispute = reading.get(session, actor, dispute_id)
        if not tenancy.is_adviser(actor, "disputes.page", dispute.adviser_id):
            raise NotFound("dispute", dispute_id)
        _dispute, commission, order = reading.row_of(session, dispute)
        events = reading.events_of(session, [dispute.id])[dispute.id]
        silence = service.terms_of(session.get_one(DisputePolicy, dispute.policy_id))
    standing, stake = service.standing_of(dispute), Money(dispute.amount_minor, dispute.currency)
    return pages.render(
        "disputes/adviser.html",
        form.status,
        dispute=dispute,
        commission=commission,
        order=order,
        events=events,
        stake=stake,
        reinstated=Money(dispute.reinstated_minor or 0, dispute.currency),
        mine=[verb for party, verb in rules.may(standing, now) if party == "adviser"],
        acts_by=standing.acts_by,
        silence_is_mine=silence.silence_decides(stake),
        form=form,
    )
