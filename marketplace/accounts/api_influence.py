"""Routes of the kinds of influence and of evidence: stated by advisers, decided by an admin or by a shop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.accounts import evidence, influence
from marketplace.accounts import schemas_influence as shapes
from marketplace.accounts.models import InfluenceEvidence
from marketplace.core import auth, db
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now

kinds_blueprint = ApiBlueprint(
    "influence_kinds",
    __name__,
    url_prefix="/api/v1/influence-kinds",
    description="The five kinds of influence",
)
blueprint = ApiBlueprint(
    "evidence", __name__, url_prefix="/api/v1/evidence", description="Evidence for what an adviser is"
)


@kinds_blueprint.get("")
@policy("public", "read")
@kinds_blueprint.response(200, shapes.Kinds)
def kinds() -> dict[str, Any]:
    """Tell the five kinds of influence: evidence, badge, disclosure, rewards, weight and report line of each."""
    return {"items": [_told(kind) for kind in influence.KINDS.values()]}


@blueprint.post("")
@policy("evidence", "state")
@blueprint.arguments(shapes.NewEvidence)
@blueprint.response(201, shapes.EvidenceWithSteps)
def state(data: dict[str, Any]) -> dict[str, Any]:
    """State what makes you what you are; it counts once it is verified."""
    return _changed(lambda session: evidence.state(session, auth.current_actor(), data, request_now()))


@blueprint.get("")
@policy("evidence", "read")
@blueprint.arguments(shapes.EvidenceQuery, location="query")
@blueprint.response(200, shapes.EvidencePage)
def index(query: dict[str, Any]) -> dict[str, Any]:
    """List evidence, newest first: your own, purchases that name your shop, or all for the platform."""
    found = evidence.listed(
        db.session(), auth.current_actor(), query, id_after(query["cursor"]), query["limit"]
    )
    return page(found, query["limit"], lambda one: (one.id,), lambda one: one)


@blueprint.get("/<uuid:evidence_id>")
@policy("evidence", "read")
@blueprint.response(200, shapes.EvidenceWithSteps)
def show(evidence_id: UUID) -> dict[str, Any]:
    """Show a piece of evidence with every step."""
    session = db.session()
    return _with_steps(session, evidence.get(session, auth.current_actor(), evidence_id))


@blueprint.post("/<uuid:evidence_id>/withdraw")
@policy("evidence", "state")
@blueprint.response(200, shapes.EvidenceWithSteps)
def withdraw(evidence_id: UUID) -> dict[str, Any]:
    """Take your evidence back; a badge that rests on it goes."""
    return _changed(
        lambda session: evidence.withdraw(session, auth.current_actor(), evidence_id, request_now())
    )


@blueprint.post("/<uuid:evidence_id>/review")
@policy("evidence", "decide")
@blueprint.response(200, shapes.EvidenceWithSteps)
def review(evidence_id: UUID) -> dict[str, Any]:
    """Take evidence into review."""
    return _changed(
        lambda session: evidence.review(session, auth.current_actor(), evidence_id, request_now())
    )


@blueprint.post("/<uuid:evidence_id>/verify")
@policy("evidence", "decide")
@blueprint.arguments(shapes.Verification)
@blueprint.response(200, shapes.EvidenceWithSteps)
def verify(data: dict[str, Any], evidence_id: UUID) -> dict[str, Any]:
    """Verify evidence in review; the adviser's badge shows from now on when it is of their kind."""
    return _changed(
        lambda session: evidence.verify(
            session, auth.current_actor(), evidence_id, data["valid_until"], request_now()
        )
    )


@blueprint.post("/<uuid:evidence_id>/refuse")
@policy("evidence", "decide")
@blueprint.arguments(shapes.Refusal)
@blueprint.response(200, shapes.EvidenceWithSteps)
def refuse(data: dict[str, Any], evidence_id: UUID) -> dict[str, Any]:
    """Refuse evidence in review, or take back what was verified; the reason is shown to the adviser."""
    return _changed(
        lambda session: evidence.refuse(
            session, auth.current_actor(), evidence_id, data["reason"], request_now()
        )
    )


@blueprint.post("/<uuid:evidence_id>/confirm")
@policy("evidence", "answer")
@blueprint.response(200, shapes.EvidenceWithSteps)
def confirm(evidence_id: UUID) -> dict[str, Any]:
    """Confirm that the adviser made that order at your shop."""
    return _changed(
        lambda session: evidence.confirm(session, auth.current_actor(), evidence_id, request_now())
    )


@blueprint.post("/<uuid:evidence_id>/deny")
@policy("evidence", "answer")
@blueprint.arguments(shapes.Refusal)
@blueprint.response(200, shapes.EvidenceWithSteps)
def deny(data: dict[str, Any], evidence_id: UUID) -> dict[str, Any]:
    """Say that the adviser did not make that order, or take a confirmation back; with the reason."""
    return _changed(
        lambda session: evidence.deny(
            session, auth.current_actor(), evidence_id, data["reason"], request_now()
        )
    )


def _changed(work: Callable[[Session], InfluenceEvidence]) -> dict[str, Any]:
    with db.transaction(point="evidence.move") as session:
        return _with_steps(session, work(session))


def _with_steps(session: Session, found: InfluenceEvidence) -> dict[str, Any]:
    shown = {name: getattr(found, name) for name in shapes.Evidence().fields}
    return shown | {"steps": evidence.steps_of(session, found.id)}


def _told(kind: influence.Kind) -> dict[str, Any]:
    disclosures = {
        relation: {"label": influence.filled(told.label, kind), "text": influence.filled(told.text, kind)}
        for relation, told in kind.disclosures.items()
    }
    named = {name: getattr(kind, name) for name in shapes.KindView().fields}
    texts = {
        name: influence.filled(named[name], kind) for name in ("evidence_wanted", "badge", "report_line")
    }
    return named | texts | {"disclosures": disclosures, "rewards": list(kind.rewards)}
