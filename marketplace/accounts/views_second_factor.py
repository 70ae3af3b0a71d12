"""Pages of the second factor: set it up with an app, keep the recovery codes, take it away where that is allowed."""

from __future__ import annotations

from typing import Any

import flask
import segno
from markupsafe import Markup
from marshmallow import validate
from werkzeug.wrappers import Response

from marketplace.accounts import schemas_people as shapes
from marketplace.accounts import totp, users
from marketplace.core import auth, clock, db, forms, navigation, pages, schemas
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _

blueprint = flask.Blueprint("second_factor", __name__)


class CodeForm(shapes.TotpCode):
    """The six digits, and the secret that the page showed, so that a mistyped code leaves it in sight."""

    secret = schemas.Text(required=True, validate=[validate.Regexp(r"\A[A-Z2-7]{16,64}\Z")])


@blueprint.get("/account/second-factor")
@policy("totp", "confirm")
def show() -> Response:
    """Say whether there is a second factor, what it protects, and how it is set up or taken away."""
    return pages.render("accounts/second_factor.html")


@blueprint.post("/account/second-factor/begin")
@policy("totp", "enrol")
def begin() -> Response:
    """Make a secret and show it as QR and as text; it counts once a code confirmed it."""
    form = forms.Form(shapes.Nothing)

    def act(_data: dict[str, Any]) -> totp.Enrolment:
        with db.transaction() as session:
            return totp.enrol(session, auth.current_actor(), request_now())

    made = form.send(act)
    if made is None:
        return pages.render("accounts/second_factor.html", form.status, form=form)
    return _setting_up(forms.Form(CodeForm), made.secret)


@blueprint.post("/account/second-factor/confirm")
@policy("totp", "confirm")
def confirm() -> Response:
    """Take a code of the app; from then on the second factor counts, and eight recovery codes are shown, once."""
    form = forms.Form(CodeForm)

    def act(data: dict[str, Any]) -> list[str]:
        with db.transaction() as session:
            return totp.confirm(
                session, auth.current_actor(), data["code"].strip(), request_now(), clock.wall()
            )

    codes = form.send(act)
    if codes is not None:
        home = navigation.home_of(auth.current_actor())
        return pages.render("accounts/recovery_codes.html", codes=codes, next=home)
    secret = str(form.values.pop("secret", ""))
    if form.errors.get("secret") or not secret:
        return pages.render("accounts/second_factor.html", form.status, form=form)
    return _setting_up(form, secret)


@blueprint.post("/account/second-factor/disable")
@policy("totp", "disable")
def disable() -> Response:
    """Take the second factor away; finance and admin can't."""
    form = forms.Form(shapes.Nothing)

    def act(_data: dict[str, Any]) -> bool:
        with db.transaction() as session:
            totp.disable(session, auth.current_actor(), request_now(), clock.wall())
        return True

    if form.send(act) is None:
        return pages.render("accounts/second_factor.html", form.status, form=form)
    pages.said(_("The second factor is off. Your password alone opens your account now."), kind="notice")
    return pages.go("/account/second-factor")


def _setting_up(form: forms.Form, secret: str) -> Response:
    with db.session() as session:
        person = users.get(session, users.id_of(auth.current_actor()))
    drawn = segno.make(totp.uri_of(secret, person.email), error="m", micro=False).svg_inline(
        border=4, dark="#000", light="#fff", omitsize=True, svgclass=None, lineclass=None
    )
    return pages.render(
        "accounts/second_factor_begun.html",
        form.status,
        form=form,
        secret=secret,
        qr=Markup(drawn),  # noqa: S704 - drawn by us; the secret in it is checked by its form.
    )
