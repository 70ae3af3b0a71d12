"""Pages about mails: which come, and the one that a link in a mail leads to, which asks for no sign-in."""

from __future__ import annotations

from typing import Any

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import notifications, users
from marketplace.accounts import schemas_notifications as shapes
from marketplace.core import auth, db, forms, mail_unsubscribe, pages
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _

blueprint = flask.Blueprint("notifications_pages", __name__)


@blueprint.get("/account/notifications")
@policy("me", "notifications")
def show() -> Response:
    """Show every kind of mail with its switch."""
    return _page(forms.Form(shapes.MailForm))


@blueprint.post("/account/notifications")
@policy("me", "notifications")
def save() -> Response:
    """Take the switches as they stand."""
    form, actor = forms.Form(shapes.MailForm), auth.current_actor()

    def act(data: dict[str, Any]) -> bool:
        optional = [kind.name for kind in notifications.concern(actor) if not kind.is_essential]
        with db.transaction() as session:
            notifications.speak(session, actor, data.get("locale"))
            notifications.choose(
                session, actor, {name: name in data["on"] for name in optional}, request_now()
            )
        return True

    if form.send(act) is None:
        return _page(form)
    pages.said(_("Saved. From now on you get the mails that are switched on."))
    return pages.go("/account/notifications")


def _page(form: forms.Form) -> Response:
    actor = auth.current_actor()
    with db.session() as session:
        choices = notifications.choices(session, actor)
        person = users.get(session, users.id_of(actor))
    form.values.setdefault("locale", person.locale)
    return pages.render(
        "accounts/notifications.html", form.status, form=form, choices=choices, email=person.email
    )


@blueprint.get("/unsubscribe")
@policy("public", "unsubscribe")
def ask() -> Response:
    """Show the one button that switches a kind of mail off: a program that looks at links must not press it."""
    return _link_page(_token())


@blueprint.post("/unsubscribe")
@policy("public", "unsubscribe")
def unsubscribe() -> Response:
    """Switch a kind of mail off, or on again with `act=on`; mail programs post here on their own (RFC 8058)."""
    token = _token()
    user_id, kind = mail_unsubscribe.read(token)
    with db.transaction() as session:
        notifications.by_link(session, user_id, kind, flask.request.form.get("act") == "on", request_now())
    return _link_page(token)


def _token() -> str:
    return flask.request.form.get("t") or flask.request.args.get("t", "")


def _link_page(token: str) -> Response:
    user_id, kind = mail_unsubscribe.read(token)
    with db.session() as session:
        is_on = notifications.is_on_by_link(session, user_id, kind)
    return pages.render("accounts/unsubscribe.html", kind=kind, is_on=is_on, token=token)
