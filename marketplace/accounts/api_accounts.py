"""Routes of signing up and in: every answer about an unknown address is the same as about a known one."""

from __future__ import annotations

from typing import Any

import flask

from marketplace.accounts import advisers, emails, limits, loader, passwords, sessions, users
from marketplace.accounts import schemas_people as shapes
from marketplace.accounts.evenly import evenly
from marketplace.core import auth, clock, config, db
from marketplace.core import policy as policies
from marketplace.core.actor import Actor
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
    limits.spend_visit("sign_up", flask.request.remote_addr, emails.key(data["email"]))
    passwords.refuse_weak(data["password"], data["email"], data["name"])
    given = data | {"password_hash": passwords.hash_password(data["password"])}
    now, wall = request_now(), clock.wall()
    with evenly(), db.use_scope(db.DOOR), db.transaction() as session:
        user = users.sign_up(session, given, now, wall)
        if user is not None and data["kind"] == "adviser" and advisers.of_user(session, user.id) is None:
            profile = {
                "display_name": data["display_name"] or data["name"],
                "kind": data["adviser_kind"],
                "country": data["country"],
                "code": data["code"],
            }
            advisers.become(session, user, profile, now)
    return MAIL_SENT


@blueprint.post("/verify")
@policy("accounts", "verify")
@blueprint.arguments(shapes.TokenIn)
@blueprint.response(200, shapes.Verified)
def verify(data: dict[str, Any]) -> dict[str, str]:
    """Prove the mailbox with the token of the mail, once, within 24 hours."""
    limits.spend_visit("token", flask.request.remote_addr)
    with db.use_scope(db.DOOR), db.transaction() as session:
        user = users.verify_email(session, data["token"], request_now(), clock.wall())
        return {"state": "verified", "email": user.email}


@blueprint.post("/sign-in")
@policy("accounts", "sign_in")
@blueprint.arguments(shapes.SignIn)
@blueprint.response(200, shapes.SignedIn)
def sign_in(data: dict[str, Any]) -> dict[str, Any]:
    """Sign in for a token, or with `session` for a browser's cookie; the token is shown once."""
    key, address, net = emails.key(data["email"]), flask.request.remote_addr or "unknown", _net()
    limits.spend_visit("sign_in", address, key)
    with db.use_scope(db.DOOR), db.transaction() as session:
        user = users.by_email(session, data["email"])
    if not passwords.matches(data["password"], user.password_hash if user else None) or user is None:
        with db.transaction() as session:
            sessions.note_refusal(session, user, net, request_now())
        raise sessions.SignInRefused()
    proof = sessions.Proof(user.password_hash, data["totp"], data["recovery_code"])
    kind = "cookie" if data["session"] else "token"
    with db.use_scope(db.DOOR), db.transaction() as session:
        opened = sessions.sign_in(
            session, user.id, proof, kind=kind, net=net, now=request_now(), wall=clock.wall()
        )
    limits.forgive("sign_in.person_address", key, address)
    csrf = None
    if kind == "cookie":
        _set_cookie(opened)
        csrf = auth.csrf_token(Actor(credential_id=opened.row.id))
    return {
        "token": opened.token if kind == "token" else None,
        "csrf_token": csrf,
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
    with db.transaction() as session:
        if actor.credential_id is not None:
            sessions.revoke(session, actor, actor.credential_id, request_now(), clock.wall())
    _clear_cookie()
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
    _clear_cookie()
    return {"state": "revoked", "api_keys_alive": alive}


@blueprint.post("/reauthenticate")
@policy("accounts", "reauthenticate")
@blueprint.arguments(shapes.Reauthenticate)
@blueprint.response(200, shapes.Fresh)
def reauthenticate(data: dict[str, Any]) -> dict[str, Any]:
    """Prove again that it is you, for what asks for that within 30 minutes."""
    actor = auth.current_actor()
    password_hash = prove_password(actor, data["password"])
    proof = sessions.Proof(password_hash, data["totp"], data["recovery_code"])
    with db.transaction() as session:
        row = sessions.reauthenticate(session, actor, proof, request_now(), clock.wall())
    return {"fresh_until": row.password_at + policies.FRESH}


def prove_password(actor: Actor, password: str) -> str:
    """Return the hash that the actor's password matches. Raises SignInRefused, RateLimited."""
    user_id = str(users.id_of(actor))
    limits.spend("sign_in.person_address", user_id, flask.request.remote_addr or "unknown")
    with db.transaction() as session:
        user = users.get(session, users.id_of(actor))
    if not passwords.matches(password, user.password_hash):
        with db.transaction() as session:
            sessions.note_refusal(session, user, _net(), request_now())
        raise sessions.SignInRefused()
    limits.forgive("sign_in.person_address", user_id, flask.request.remote_addr or "unknown")
    return user.password_hash


def _net() -> str:
    return limits.net_of(flask.request.remote_addr)


def _set_cookie(opened: sessions.Opened) -> None:
    lives = int((opened.row.expires_at - opened.row.last_seen_at).total_seconds())

    @flask.after_this_request
    def give(response: flask.Response) -> flask.Response:
        response.set_cookie(
            loader.cookie_name(),
            opened.token,
            max_age=lives,
            path="/",
            secure=config.current().base_url.startswith("https"),
            httponly=True,
            samesite="Lax",
        )
        return response


def _clear_cookie() -> None:
    @flask.after_this_request
    def take(response: flask.Response) -> flask.Response:
        secure = config.current().base_url.startswith("https")
        response.delete_cookie(loader.cookie_name(), path="/", secure=secure, httponly=True, samesite="Lax")
        return response
