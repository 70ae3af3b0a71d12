"""The door as the API and the pages share it: each act here counts visits, takes its time evenly and commits."""

from __future__ import annotations

from typing import Any

import flask

from marketplace.accounts import (
    advisers,
    emails,
    halfway,
    invitations,
    limits,
    loader,
    passwords,
    sessions,
    users,
)
from marketplace.accounts.evenly import evenly
from marketplace.accounts.models import AuthSession, Membership, UserAccount
from marketplace.core import auth, clock, config, db, pages
from marketplace.core.actor import Actor


def net() -> str:
    """Return the network that this request comes from."""
    return limits.net_of(flask.request.remote_addr)


def sign_up(data: dict[str, Any]) -> None:
    """Make an account for a shop owner or an adviser and mail what comes next, also when there is one already.

    data: as `schemas_people.SignUp` reads it. Raises RateLimited, and InvalidInput for a weak password.
    """
    limits.spend_visit("sign_up", flask.request.remote_addr, emails.key(data["email"]))
    passwords.refuse_weak(data["password"], data["email"], data["name"])
    given = data | {"password_hash": passwords.hash_password(data["password"])}
    now, wall = pages.business_now(), clock.wall()
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


def verify(token: str) -> str:
    """Prove a mailbox with the token of its mail and return the address. Raises as `users.verify_email`."""
    limits.spend_visit("token", flask.request.remote_addr)
    with db.use_scope(db.DOOR), db.transaction() as session:
        return users.verify_email(session, token, pages.business_now(), clock.wall()).email


def sign_in(data: dict[str, Any], kind: str) -> sessions.Opened:
    """Open a sign-in for who knows the password. Raises SignInRefused, TotpRequired, RateLimited and their like.

    data: as `schemas_people.SignIn` reads it; kind: "cookie" for a browser, which gets the cookie with this answer,
    "token" for a program.
    """
    key, address = emails.key(data["email"]), flask.request.remote_addr or "unknown"
    limits.spend_visit("sign_in", address, key)
    with db.use_scope(db.DOOR), db.transaction() as session:
        user = users.by_email(session, data["email"])
    if not passwords.matches(data["password"], user.password_hash if user else None) or user is None:
        with db.transaction() as session:
            sessions.note_refusal(session, user, net(), pages.business_now())
        raise sessions.SignInRefused()
    try:
        return _open(user, data, kind, address)
    except sessions.TotpRequired:
        if kind == "cookie":
            halfway.keep(user)
        raise


def sign_in_code(data: dict[str, Any]) -> sessions.Opened:
    """Open a sign-in for a browser whose password was right a moment ago, with its second factor.

    data: totp or recovery_code. Raises halfway.HalfwayOver when the password has to be given anew, SignInRefused when
    it was changed since, TotpRequired, TotpInvalid, RateLimited and their like.
    """
    user_id, address = halfway.whose(), flask.request.remote_addr or "unknown"
    with db.use_scope(db.DOOR), db.transaction() as session:
        user = users.get(session, user_id)
    limits.spend_visit("sign_in", address, emails.key(user.email))
    if not halfway.is_of(user):
        raise halfway.HalfwayOver()
    return _open(user, data, "cookie", address)


def _open(user: UserAccount, data: dict[str, Any], kind: str, address: str) -> sessions.Opened:
    proof = sessions.Proof(user.password_hash, data["totp"], data["recovery_code"])
    with db.use_scope(db.DOOR), db.transaction() as session:
        opened = sessions.sign_in(
            session, user.id, proof, kind=kind, net=net(), now=pages.business_now(), wall=clock.wall()
        )
    limits.forgive("sign_in.person_address", emails.key(user.email), address)
    if kind == "cookie":
        halfway.forget()
        give_cookie(opened)
    return opened


def sign_out(actor: Actor) -> None:
    """End this sign-in; its cookie or token is dead at the next request."""
    with db.transaction() as session:
        if actor.credential_id is not None:
            sessions.revoke(session, actor, actor.credential_id, pages.business_now(), clock.wall())
    take_cookie()


def reauthenticate(actor: Actor, data: dict[str, Any]) -> AuthSession:
    """Prove again that it is you, for what asks for that within 30 minutes. Raises SignInRefused, TotpInvalid."""
    proof = sessions.Proof(prove_password(actor, data["password"]), data["totp"], data["recovery_code"])
    with db.transaction() as session:
        return sessions.reauthenticate(session, actor, proof, pages.business_now(), clock.wall())


def prove_password(actor: Actor, password: str) -> str:
    """Return the hash that the actor's password matches. Raises SignInRefused, RateLimited."""
    user_id, address = str(users.id_of(actor)), flask.request.remote_addr or "unknown"
    limits.spend("sign_in.person_address", user_id, address)
    with db.transaction() as session:
        user = users.get(session, users.id_of(actor))
    if not passwords.matches(password, user.password_hash):
        with db.transaction() as session:
            sessions.note_refusal(session, user, net(), pages.business_now())
        raise sessions.SignInRefused()
    limits.forgive("sign_in.person_address", user_id, address)
    return user.password_hash


def ask_reset(email: str) -> None:
    """Mail a link for a new password when the address has an account; the answer never tells whether."""
    limits.spend_visit("reset", flask.request.remote_addr, emails.key(email))
    with evenly(), db.use_scope(db.DOOR), db.transaction() as session:
        users.ask_password_reset(session, email, pages.business_now(), clock.wall())


def reset(token: str, password: str) -> None:
    """Choose a new password with the token of the mail; every session ends, and the second factor stays."""
    limits.spend_visit("token", flask.request.remote_addr)
    passwords.refuse_weak(password)
    password_hash = passwords.hash_password(password)
    with db.use_scope(db.DOOR), db.transaction() as session:
        users.reset_password(session, token, password_hash, pages.business_now(), clock.wall())


def change_password(actor: Actor, present: str, wanted: str) -> None:
    """Choose a new password with the present one; every session ends, this one too."""
    matched = prove_password(actor, present)
    passwords.refuse_weak(wanted, actor.name, field="new_password")
    password_hash = passwords.hash_password(wanted)
    with db.transaction() as session:
        user = users.locked(session, users.id_of(actor))
        users.change_password(
            session, user, actor, matched, password_hash, pages.business_now(), clock.wall()
        )


def accept_invitation(actor: Actor, token: str) -> Membership:
    """Join a shop with the token of a mail. Raises as `invitations.accept`, and RateLimited."""
    limits.spend("token.net", f"user:{actor.user_id}")
    # Whoever holds the token is no member yet; the shop's rows are none of theirs until they are.
    with db.use_scope(db.DOOR), db.transaction() as session:
        return invitations.accept(session, actor, token, pages.business_now(), clock.wall())


def csrf_of(opened: sessions.Opened) -> str:
    """Return the token that forms of a sign-in just made must carry."""
    return auth.csrf_token(Actor(credential_id=opened.row.id))


def give_cookie(opened: sessions.Opened) -> None:
    """Give the browser of this request the cookie of a sign-in just made."""
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


def take_cookie() -> None:
    """Take the cookie from the browser of this request."""

    @flask.after_this_request
    def take(response: flask.Response) -> flask.Response:
        secure = config.current().base_url.startswith("https")
        response.delete_cookie(loader.cookie_name(), path="/", secure=secure, httponly=True, samesite="Lax")
        return response
