"""/api/v1/reconciliation: bring in Stripe's movements, read the certificate and the differences."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from marketplace.core import audit, db, jobs, schemas
from marketplace.core.auth import current_actor
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from payouts.reconciliation import importing
from payouts.reconciliation.report import report

JOB = "reconciliation.import"
SWEEP_JOB = "reconciliation.due"

blueprint = ApiBlueprint(
    "reconciliation",
    __name__,
    url_prefix="/api/v1/reconciliation",
    description="Stripe's balance against the ledger, to the cent.",
)


class ImportAsked(schemas.Schema):
    """An import that the worker carries out; GET shows when it is done."""

    id = schemas.Uuid(required=True)
    state = ma.fields.String(required=True)
    asked_at = schemas.Instant(required=True)


class ReconciliationReport(schemas.Schema):
    """Certificates, differences by kind and age, and the differences themselves."""

    certificates = ma.fields.List(ma.fields.Dict(), required=True)
    differences = ma.fields.List(ma.fields.Dict(), required=True)
    items = ma.fields.List(ma.fields.Dict(), required=True)
    last_import_at = ma.fields.String(required=True, allow_none=True)
    imports_waiting = ma.fields.Integer(required=True)
    payouts_frozen = ma.fields.Boolean(required=True)


@blueprint.route("/import", methods=["POST"])
@policy("reconciliation", "import")
@blueprint.response(202, ImportAsked)
def ask() -> dict[str, Any]:
    """Ask for an import of Stripe's balance transactions; the worker does it within seconds."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="reconciliation.ask") as session:
        wanted = importing.ask(session, actor.label, now)
        audit.record(session, actor, "reconciliation.import", "recon_import", wanted.id, {}, now=now)
        db.after_commit(session, lambda: jobs.enqueue(JOB, str(wanted.id)))
        return {"id": wanted.id, "state": wanted.state, "asked_at": wanted.asked_at}


@blueprint.route("", methods=["GET"])
@policy("reconciliation", "read")
@blueprint.response(200, ReconciliationReport)
def read() -> dict[str, Any]:
    """Return the newest certificate per currency, and what does not agree by kind and age."""
    with db.session() as session:
        return report(session, request_now())
