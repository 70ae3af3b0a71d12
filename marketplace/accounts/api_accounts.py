"""Routes of signing up and in: every answer about an unknown address is the same as about a known one."""

from __future__ import annotations

from typing import Any

from marketplace.accounts import entrance, users
from marketplace.accounts import schemas_people as shapes
from marketplace.core import auth, clock, db
from marketplace.core import policy as policies
from marketplace.core.errors import Conflict
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint(
    "accounts", __name__, url_prefix="/api/v1/accounts", description="Sign up, sign in, prove who you are"
)
MAIL_SENT = {
    "state": "mail_sent",
    "next": "Read the mail that we sent to this address and use its link within 24 hours.",
}


class KeyStays(Conflict):
    """A key asked to be signed out; it never signed in."""

    code = "key_stays"
    title = "A key doesn't sign out"
    detail = "This request came with an API key, which opened no session."
    next = "Revoke the key when it should end."


@blueprint.post("/sign-up")
@policy("accounts", "sign_up")
@blueprint.arguments(shapes.SignUp)
@blueprint.response(202, shapes.Accepted)
def sign_up(data: dict[str, Any]) -> dict[str, str]:
    """Make an account for a shop owner or an adviser; a mail tells what to do next, also when there is one."""
    entrance.sign_up(data)
    return MAIL_SENT


@blueprint.post("/verify")
@policy("accounts", "verify")
@blueprint.arguments(shapes.TokenIn)
@blueprint.response(200, shapes.Verified)
def verify(data: dict[str, Any]) -> dict[str, str]:
    """Prove the mailbox with the token of the mail, once, within 24 hours."""
    return {"state": "verified", "email": entrance.verify(data["token"])}


@blueprint.post("/sign-in")
@policy("accounts", "sign_in")
@blueprint.arguments(shapes.SignIn)
@blueprint.response(200, shapes.SignedIn)
def sign_in(data: dict[str, Any]) -> dict[str, Any]:
    """Sign in for a token, or with `session` for a browser's cookie; the token is shown once."""
    kind = "cookie" if data["session"] else "token"
    opened = entrance.sign_in(data, kind)
    return {
        "token": opened.token if kind == "token" else None,
        "csrf_token": entrance.csrf_of(opened) if kind == "cookie" else None,
        "expires_at": opened.row.expires_at,
        "totp_enrolment_needed": opened.user.is_staff and not opened.user.totp_enrolled,
    }


@blueprint.post("/sign-out")
@policy("accounts", "sign_out")
@blueprint.arguments(shapes.Nothing)
@blueprint.response(200, shapes.State)
def sign_out(_data: dict[str, Any]) -> dict[str, str]:
    """End this sign-in; its cookie or token is dead at the next request."""
    actor = auth.current_actor()
    if actor.via == "key":
        raise KeyStays()
    entrance.sign_out(actor)
    return {"state": "signed_out"}


@blueprint.post("/revoke-everywhere")
@policy("accounts", "revoke_everywhere")
@blueprint.arguments(shapes.RevokeEverywhere)
@blueprint.response(200, shapes.Revoked)
def revoke_everywhere(data: dict[str, Any]) -> dict[str, Any]:
    """End every session and token of yours, this one too; with `api_keys` your API keys as well."""
    with db.transaction() as session:
        alive = users.revoke_everywhere(
            session, auth.current_actor(), request_now(), clock.wall(), keys=data["api_keys"]
        )
    entrance.take_cookie()
    return {"state": "revoked", "api_keys_alive": alive}


@blueprint.post("/reauthenticate")
@policy("accounts", "reauthenticate")
@blueprint.arguments(shapes.Reauthenticate)
@blueprint.response(200, shapes.Fresh)
def reauthenticate(data: dict[str, Any]) -> dict[str, Any]:
    """Prove again that it is you, for what asks for that within 30 minutes."""
    row = entrance.reauthenticate(auth.current_actor(), data)
    return {"fresh_until": row.password_at + policies.FRESH}
