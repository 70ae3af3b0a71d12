"""Statements as PDF, for the adviser's page and for programs."""

from __future__ import annotations

from uuid import UUID

import flask

from marketplace.core import db, wording
from marketplace.core.auth import current_actor
from marketplace.core.policy import policy
from payouts.statements import pdf

blueprint = flask.Blueprint("statement_pdf", __name__)


@blueprint.get("/adviser/statements/<uuid:statement_id>.pdf")
@policy("statements", "read")
def page(statement_id: UUID) -> flask.Response:
    """Send a statement as PDF in the reader's language."""
    return _sent(statement_id)


@blueprint.get("/api/v1/statements/<uuid:statement_id>.pdf")
@policy("statements", "read")
def program(statement_id: UUID) -> flask.Response:
    """Send a statement as PDF in the language that Accept-Language asks for."""
    return _sent(statement_id)


def _sent(statement_id: UUID) -> flask.Response:
    with db.session() as session:
        told = pdf.facts(session, current_actor(), statement_id)
    response = flask.Response(pdf.pdf(told, wording.locale_name()), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{pdf.name(told)}"'
    return response
