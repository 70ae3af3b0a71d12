"""/adviser/links/qr-sheet: cards of links as PDF, to print and cut."""

from __future__ import annotations

from uuid import UUID

import flask

from marketplace.core import db, wording
from marketplace.core.auth import current_actor
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from tracking.links import sheet

blueprint = flask.Blueprint("qr_sheet", __name__)


@blueprint.get("/adviser/links/qr-sheet")
@policy("links", "read")
def qr_sheet() -> flask.Response:
    """Send the cards of the links named in `ids`, or of the newest ones; what names no link of yours is left out."""
    with db.session() as session:
        made = sheet.of_links(session, current_actor(), _named(flask.request.args.getlist("ids")))
    response = flask.Response(
        sheet.pdf(made, wording.locale_name(), request_now()), mimetype="application/pdf"
    )
    response.headers["Content-Disposition"] = 'inline; filename="aanrader-qr-sheet.pdf"'
    return response


def _named(texts: list[str]) -> list[UUID]:
    """Return the ids in `?ids=a&ids=b` or `?ids=a,b`; what is none is left out."""
    found = []
    for text in ",".join(texts).split(",")[:1000]:
        try:
            found.append(UUID(text.strip()))
        except ValueError:
            continue
    return found
