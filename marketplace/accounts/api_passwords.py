"""Routes of passwords: a new one through the mailbox, or with the present one."""

from __future__ import annotations

from typing import Any

from marketplace.accounts import entrance
from marketplace.accounts import schemas_people as shapes
from marketplace.core import auth
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint

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
    entrance.ask_reset(data["email"])
    return RESET_SENT


@blueprint.post("/password-reset/confirm")
@policy("accounts", "reset_password")
@blueprint.arguments(shapes.PasswordResetConfirm)
@blueprint.response(200, shapes.State)
def confirm_reset(data: dict[str, Any]) -> dict[str, str]:
    """Choose a new password with the token of the mail; every session ends, and the second factor stays."""
    entrance.reset(data["token"], data["password"])
    return {"state": "password_changed"}


@blueprint.post("/change-password")
@policy("accounts", "change_password")
@blueprint.arguments(shapes.ChangePassword)
@blueprint.response(200, shapes.State)
def change(data: dict[str, Any]) -> dict[str, str]:
    """Choose a new password with the present one; every session ends, this one too."""
    entrance.change_password(auth.current_actor(), data["password"], data["new_password"])
    return {"state": "password_changed"}
