"""An adviser's portrait on the page of their profile: sent, shown, taken away."""

from __future__ import annotations

import uuid

import flask
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.accounts import limits
from marketplace.core import db, hooks, pages
from marketplace.core.auth import current_actor
from marketplace.core.errors import AppError, InvalidInput
from marketplace.core.policy import policy
from marketplace.core.web import body_limit, request_now, takes_bytes
from marketplace.core.wording import _
from marketplace.pictures import drawing, reading, service

blueprint = flask.Blueprint("adviser_portrait", __name__)
# Hung up for the page of the profile, which stands in a room below: (session, adviser_id) -> Shown or None.
PORTRAIT = ("profile", "portrait")
# What a form says beside the file.
_BESIDE = 20_000


def register() -> None:
    """Let the page of a profile show its portrait. Safe to call twice."""
    hooks.figures[PORTRAIT] = portrait


def portrait(session: Session, adviser_id: uuid.UUID) -> reading.Shown | None:
    """Return the portrait of an adviser, or None."""
    return reading.portraits(session, [adviser_id]).get(adviser_id)


@blueprint.post("/adviser/profile/portrait")
@policy("pictures", "send")
@body_limit(drawing.MOST_BYTES + _BESIDE)
@takes_bytes
def send() -> Response:
    """Take a portrait, drawn anew; one that can't be taken is told on the profile's page."""
    actor = current_actor()
    try:
        limits.spend("picture.send", str(actor.adviser()))
        sent = [one for one in flask.request.files.getlist("file") if one.filename]
        if len(sent) != 1:
            raise InvalidInput({"file": ["Send one file."]})
        data = sent[0].read()
        service.refuse_name(sent[0].filename or "", data)
        drawn = drawing.draw(data)
        with db.transaction() as session:
            service.take(session, actor, drawn, kind="portrait", alt=None, now=request_now())
    except AppError as error:
        if error.status >= 500:
            raise
        told = pages.explain(error)
        pages.said(
            _("Choose a picture first.")
            if isinstance(error, InvalidInput)
            else f"{told['title']}. {told['detail']}",
            "notice",
        )
    else:
        pages.said(_("Readers see your portrait from now on."))
    return pages.go(flask.url_for("adviser_profile_pages.show"))
