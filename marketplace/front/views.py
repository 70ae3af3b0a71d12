"""Pages that anybody reads first: the front page, how we earn, and the choice about being recognised."""

from __future__ import annotations

import flask
from marshmallow import validate
from werkzeug.wrappers import Response

from marketplace.community import ranking, showing
from marketplace.core import config, db, forms, pages, recognition, schemas, web, wording
from marketplace.core.policy import policy
from marketplace.core.wording import _
from marketplace.front import example

blueprint = flask.Blueprint("front", __name__)
# So many pages of advice stand on the front page.
TASTE = 3


class Choice(schemas.Schema):
    """Whether shops may recognise a reader who comes back."""

    recognise = schemas.Text(required=True, validate=[validate.OneOf(("yes", "no"))])


@blueprint.get("/")
@policy("public", "read")
def home() -> Response:
    """Say what this is, for whom, and where to go on."""
    with db.use_scope(db.NOBODY), db.session() as session:
        shown = ranking.pages(session, pages.business_now(), language=wording.language(), take=TASTE)[:TASTE]
        covers = showing.covers(session, shown)
    return pages.render("front/home.html", sale=example.sale(), rates=example, shown=shown, covers=covers)


@blueprint.get("/how-we-earn")
@policy("public", "read")
def how_we_earn() -> Response:
    """Say where the money comes from, who gets what, and what money can't buy here."""
    return pages.render("front/how_we_earn.html", sale=example.sale(), rates=example)


@blueprint.get("/privacy")
@policy("public", "read")
def privacy() -> Response:
    """Say what is stored and let the reader choose."""
    unknown = flask.request.cookies.get(recognition.COOKIE) == "1"
    form = forms.Form(Choice, {"recognise": "no" if unknown or _signal() else "yes"})
    return _privacy(form, unknown)


def _privacy(form: forms.Form, unknown: bool) -> Response:
    # What the links' domain said on the way back counts only where it fits the cookie that was set here before.
    said = flask.request.args.get("links", "")
    links = said if said == "stale" or said == ("no" if unknown else "yes") else ""
    response = pages.render("front/privacy.html", form.status, form=form, signal=_signal(), links=links)
    settings = config.current()
    if recognition.has_own_host(settings):
        # Browsers hold a form to this policy through the redirect that follows it too.
        own = "form-action 'self'"
        response.headers["Content-Security-Policy"] = web.CONTENT_SECURITY_POLICY.replace(
            own, f"{own} {settings.edge_url}"
        )
    return response


def _signal() -> bool:
    headers = flask.request.headers
    return headers.get("Sec-GPC") == "1" or headers.get("DNT") == "1"


@blueprint.post("/privacy")
@policy("public", "choose")
def choose() -> Response:
    """Remember the choice for a year; links keep working and advisers keep their pay either way."""
    form, settings = forms.Form(Choice), config.current()
    data = form.send(lambda read: read)
    if data is None:
        return _privacy(form, unknown=False)
    unknown, onward = data["recognise"] == "no", "/privacy"
    if recognition.has_own_host(settings):
        agent = flask.request.headers.get("User-Agent", "")
        onward = recognition.address(settings, recognise=not unknown, agent=agent)
    else:
        pages.said(_("Your choice is kept for a year on this device."))
    response = pages.prefer(pages.go(onward), recognition.COOKIE, "1" if unknown else "")
    if unknown:
        secure = settings.base_url.startswith("https")
        response.delete_cookie("aan_v", secure=secure, httponly=True, samesite="Lax")
    return response
