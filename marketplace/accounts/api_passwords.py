"""Routes of passwords: a new one through the mailbox, or with the present one."""

from __future__ import annotations

from typing import Any

import flask

from marketplace.accounts import emails, limits, passwords, users
from marketplace.accounts import schemas_people as shapes
from marketplace.accounts.api_accounts import prove_password
from marketplace.accounts.evenly import evenly
from marketplace.core import auth, clock, db
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint("passwords", __name__, url_prefix="/api/v1/accounts", description="New passwords")
RESET_SENT = {
    "state": "mail_sent",
    "next": "When this address has an account, a mail with a link is on its way; it works for an hour.",
}


@blueprint.post("/password-reset")
@policy("accounts", "reset_password")
@blueprint.arguments(shapes.PasswordReset)
@blueprint.response(202, shapes.Accepted)
def ask_reset(data: dict[str, Any]) -> dict[str, str]:
    """Ask for a mail with a link to choose a new password."""
    limits.spend_visit("reset", flask.request.remote_addr, emails.key(data["email"]))
    with evenly(), db.use_scope(db.DOOR), db.transaction() as session:
        users.ask_password_reset(session, data["email"], request_now(), clock.wall())
    return RESET_SENT


@blueprint.post("/password-reset/confirm")
@policy("accounts", "reset_password")
@blueprint.arguments(shapes.PasswordResetConfirm)
@blueprint.response(200, shapes.State)
def confirm_reset(data: dict[str, Any]) -> dict[str, str]:
    """Choose a new password with the token of the mail; every session ends, and the second factor stays."""
    limits.spend_visit("token", flask.request.remote_addr)
    passwords.refuse_weak(data["password"])
    password_hash = passwords.hash_password(data["password"])
    with db.use_scope(db.DOOR), db.transaction() as session:
        users.reset_password(session, data["token"], password_hash, request_now(), clock.wall())
    return {"state": "password_changed"}


@blueprint.post("/change-password")
@policy("accounts", "change_password")
@blueprint.arguments(shapes.ChangePassword)
@blueprint.response(200, shapes.State)
def change(data: dict[str, Any]) -> dict[str, str]:
    """Choose a new password with the present one; every session ends, this one too."""
    actor = auth.current_actor()
    present = prove_password(actor, data["password"])
    passwords.refuse_weak(data["new_password"], actor.name, field="new_password")
    password_hash = passwords.hash_password(data["new_password"])
    with db.transaction() as session:
        user = users.locked(session, users.id_of(actor))
        users.change_password(session, user, actor, present, password_hash, request_now(), clock.wall())
    return {"state": "password_changed"}
