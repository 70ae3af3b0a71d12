"""Pages about one's own account: who one is, the language of the pages, the password, and every sign-in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from marshmallow import validate
from werkzeug.wrappers import Response

from marketplace.accounts import agreements, entrance, sessions, shops, users
from marketplace.accounts import schemas_people as shapes
from marketplace.core import auth, clock, db, forms, navigation, pages, schemas, wording
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _

blueprint = flask.Blueprint("account", __name__)


class AccountForm(schemas.Schema):
    """How somebody is called, and the language of their pages."""

    name = shapes.person_name(required=True)
    locale = schemas.Text(load_default=None, validate=[validate.OneOf(wording.LOCALES)])


@blueprint.get("/account")
@policy("me", "read")
def show() -> Response:
    """Show who somebody is here, in which roles, and where the rest of the account is."""
    return _account(None)


@blueprint.post("/account")
@policy("me", "update")
def save() -> Response:
    """Take a new name, and the language that the pages speak on this device."""
    form = forms.Form(AccountForm)

    def act(data: dict[str, Any]) -> dict[str, Any]:
        with db.transaction() as session:
            users.rename(session, auth.current_actor(), data["name"], request_now())
        return data

    data = form.send(act)
    if data is None:
        return _account(form)
    if data["locale"] is not None:
        wording.speak(data["locale"])
    pages.said(_("Saved."))
    return pages.prefer(pages.go("/account"), pages.LOCALE_COOKIE, data["locale"] or wording.locale_name())


def _account(form: forms.Form | None) -> Response:
    actor = auth.current_actor()
    with db.session() as session:
        person = users.get(session, users.id_of(actor))
        works_for = shops.worked_for(session, actor, 50)
        open_texts = len(agreements.not_agreed(session, actor))
    shown = form or forms.Form(AccountForm, {"name": person.name})
    shown.values.setdefault("locale", wording.locale_name())
    return pages.render(
        "accounts/account.html",
        shown.status,
        form=shown,
        person=person,
        works_for=works_for,
        open_texts=open_texts,
        homes=navigation.areas_of(actor),
    )


@blueprint.get("/account/password")
@policy("accounts", "change_password")
def password() -> Response:
    """Ask for the present password and the new one."""
    return pages.render("accounts/password.html", form=forms.Form(shapes.ChangePassword))


@blueprint.post("/account/password")
@policy("accounts", "change_password")
def change_password() -> Response:
    """Take the new password; every session ends, this one too."""
    form = forms.Form(shapes.ChangePassword)

    def act(data: dict[str, Any]) -> bool:
        entrance.change_password(auth.current_actor(), data["password"], data["new_password"])
        return True

    if form.send(act) is None:
        form.values.clear()
        return pages.render("accounts/password.html", form.status, form=form)
    entrance.take_cookie()
    pages.said(_("Your password is changed and every session is ended. Sign in with the new one."))
    return pages.go("/sign-in")


@blueprint.get("/account/sessions")
@policy("accounts", "sessions")
def list_sessions() -> Response:
    """List the sign-ins that still count, newest first."""
    return _sessions(forms.Form(shapes.RevokeEverywhere))


def _sessions(form: forms.Form) -> Response:
    actor = auth.current_actor()
    with db.session() as session:
        living = sessions.living(session, actor, clock.wall())
    return pages.render("accounts/sessions.html", form.status, living=living, wall=clock.wall(), form=form)


@blueprint.post("/account/sessions/<uuid:session_id>/end")
@policy("accounts", "sessions")
def end_session(session_id: UUID) -> Response:
    """End one sign-in; when it is this one, the door is next."""
    actor = auth.current_actor()
    with db.transaction() as session:
        sessions.revoke(session, actor, session_id, request_now(), clock.wall())
    if session_id == actor.credential_id:
        entrance.take_cookie()
        pages.said(_("You are signed out."))
        return pages.go("/sign-in")
    pages.said(_("That session is ended: whoever used it has to sign in again."))
    return pages.go("/account/sessions")


@blueprint.post("/account/sessions/end-all")
@policy("accounts", "revoke_everywhere")
def end_all() -> Response:
    """End every sign-in, this one too, and with `api_keys` every key."""
    form = forms.Form(shapes.RevokeEverywhere)

    def act(data: dict[str, Any]) -> int:
        with db.transaction() as session:
            return users.revoke_everywhere(
                session, auth.current_actor(), request_now(), clock.wall(), keys=data["api_keys"]
            )

    alive = form.send(act)
    if alive is None:
        return _sessions(form)
    entrance.take_cookie()
    pages.said(
        _("Every session is ended. %(count)s of your API keys still work.", count=alive)
        if alive
        else _("Every session is ended, and no API key of yours works.")
    )
    return pages.go("/sign-in")
