"""/admin/accounts: find anybody, read what was done by and to them, shut them out or let them in, with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import flask
from marshmallow import validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.accounts import advisers, people, staff
from marketplace.core import auth, clock, db, forms, pages, schemas, wording
from marketplace.core.paging import encode_cursor, id_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _

blueprint = flask.Blueprint("admin_accounts", __name__)
MOST_IN_A_FILE = 20_000
COLUMNS: tuple[pages.Column, ...] = (
    ("id", lambda one: one.user.id),
    ("name", lambda one: one.user.name),
    ("email", lambda one: one.user.email),
    ("roles", lambda one: " ".join(one.roles)),
    ("shops", lambda one: ", ".join(name for _id, name, _role in one.shops)),
    ("adviser id", lambda one: one.adviser.id if one.adviser else None),
    ("adviser", lambda one: one.adviser.display_name if one.adviser else None),
    ("state", lambda one: one.state),
    ("second factor", lambda one: "yes" if one.user.totp_enrolled else "no"),
    ("made at", lambda one: one.user.created_at),
)


class PeopleFilter(schemas.Page):
    """Which people: by words, role and state, or all as a file."""

    q = schemas.Text(load_default=None, maximum=100)
    role = schemas.Text(load_default=None, validate=[validate.OneOf(people.ROLES)])
    state = schemas.Text(load_default=None, validate=[validate.OneOf(people.STATES)])
    format = schemas.Text(load_default=None, validate=[validate.OneOf(("csv",))])


class Reason(schemas.Schema):
    """Why, in an admin's words; it stays in the history."""

    reason = schemas.Text(required=True, minimum=3, maximum=500)


@blueprint.get("/admin/accounts")
@policy("users", "read")
def index() -> Response:
    """Find people by name, address or id, newest first."""
    query = forms.Query(PeopleFilter)
    limit = query.data["limit"]
    with db.session() as session:
        if query.data["format"] == "csv":
            every = people.listed(session, query.data, limit=MOST_IN_A_FILE)
            return pages.csv(every[:MOST_IN_A_FILE], COLUMNS, "accounts")
        found = people.listed(session, query.data, after=id_after(query.data["cursor"]), limit=limit)
    shown = found[:limit]
    return pages.render(
        "admin/accounts.html",
        rows=shown,
        query=query,
        next_cursor=encode_cursor(shown[-1].user.id) if len(found) > limit else None,
    )


@blueprint.get("/admin/accounts/<uuid:user_id>")
@policy("users", "read")
def show(user_id: UUID) -> Response:
    """Show one person: roles, sign-ins, and what was done by and to them."""
    return _page(user_id, None)


@blueprint.post("/admin/accounts/<uuid:user_id>/suspend")
@policy("users", "suspend")
def suspend(user_id: UUID) -> Response:
    """Shut somebody out at once."""

    def act(session: Session, reason: str) -> None:
        staff.suspend(session, auth.current_actor(), user_id, request_now(), clock.wall(), reason)

    return _done(user_id, act, _("The account is suspended: sessions and keys stop working from now on."))


@blueprint.post("/admin/accounts/<uuid:user_id>/reinstate")
@policy("users", "suspend")
def reinstate(user_id: UUID) -> Response:
    """Let somebody in again."""

    def act(session: Session, reason: str) -> None:
        staff.reinstate(session, auth.current_actor(), user_id, request_now(), reason)

    return _done(user_id, act, _("The account is open again. They sign in anew."))


@blueprint.post("/admin/advisers/<uuid:adviser_id>/ban")
@policy("advisers", "ban")
def ban(adviser_id: UUID) -> Response:
    """Ban an adviser from now on: links go on to the shops, and earn nothing."""
    user_id, act = _move(adviser_id, "banned")
    return _done(user_id, act, _("The adviser is banned: from now on their links earn nothing."))


@blueprint.post("/admin/advisers/<uuid:adviser_id>/reinstate")
@policy("advisers", "ban")
def unban(adviser_id: UUID) -> Response:
    """Let a banned adviser earn again from now on."""
    user_id, act = _move(adviser_id, "active")
    return _done(user_id, act, _("The adviser earns again from now on."))


def _move(adviser_id: UUID, state: str) -> tuple[UUID, Callable[[Session, str], None]]:
    with db.session() as session:
        user_id = advisers.get(session, adviser_id).user_id

    def act(session: Session, reason: str) -> None:
        advisers.change_state(session, adviser_id, state, auth.current_actor(), request_now(), reason)

    return user_id, act


def _done(user_id: UUID, act: Callable[[Session, str], None], said: str) -> Response:
    form = forms.Form(Reason)

    def run(data: dict[str, Any]) -> bool:
        with db.transaction() as session:
            act(session, data["reason"])
        return True

    if form.send(run) is None:
        return _page(user_id, form)
    pages.said(said)
    return pages.go(flask.url_for("admin_accounts.show", user_id=user_id))


def _page(user_id: UUID, form: forms.Form | None) -> Response:
    with db.session() as session:
        found = people.one(session, user_id)
        living = people.sign_ins(session, user_id, clock.wall())
        events = people.history(session, found)
        actors = people.names_of(session, [one.user_id for one in events if one.user_id is not None])
    return pages.render(
        "admin/account.html",
        form.status if form else 200,
        form=form,
        found=found,
        living=living,
        events=events,
        acts={one.action: wording.pgettext("act", one.action) for one in events},
        actors=actors,
    )
