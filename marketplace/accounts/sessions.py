"""Sign-ins that count: opened by a password, found by a token, ended by time, by a word, or everywhere at once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from marketplace.accounts import totp, users
from marketplace.accounts.models import AuthSession, UserAccount
from marketplace.core import audit, ids, tenancy
from marketplace.core.actor import ANONYMOUS, Actor
from marketplace.core.errors import Forbidden, NotAuthenticated, NotFound

TOKEN_PREFIX = "aan_session_"  # noqa: S105 - what tokens begin with, so that scanners find lost ones.
SEEN_EVERY = dt.timedelta(minutes=1)
# How long without a request, and how long in all, a sign-in counts (wall time): (idle, absolute).
LIFETIMES = {
    ("cookie", False): (dt.timedelta(hours=8), dt.timedelta(days=7)),
    ("token", False): (dt.timedelta(days=7), dt.timedelta(days=30)),
    ("cookie", True): (dt.timedelta(hours=1), dt.timedelta(hours=12)),
    ("token", True): (dt.timedelta(hours=4), dt.timedelta(hours=24)),
}


class SignInRefused(NotAuthenticated):
    """The address or the password is wrong; the answer does not tell which."""

    code = "sign_in_refused"
    title = "That did not match"
    detail = "The e-mail address or the password is wrong."
    next = "Check both, or ask for a new password."


class TotpRequired(NotAuthenticated):
    """The password is right and the second factor is missing."""

    code = "totp_required"
    title = "Your second factor is needed"
    detail = "This account has a second factor."
    next = "Send the same with totp (six digits), or with recovery_code."


class EmailNotVerified(Forbidden):
    """The password is right and the mailbox was never proved."""

    code = "email_not_verified"
    title = "Your e-mail address is not confirmed yet"
    detail = "The link in the mail that we sent was not used yet."
    next = "Use that link, or sign up again with the same address to get a new one."


class AccountSuspended(Forbidden):
    """The person may not come in."""

    code = "account_suspended"
    title = "This account is suspended"
    detail = "This account was suspended by the platform."
    next = "Write to us if you think that this is wrong."


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody shows at the door: `password_hash` is the one that their password was found to match."""

    password_hash: str
    totp: str | None = None
    recovery_code: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A sign-in just made; `token` is shown once."""

    token: str
    row: AuthSession
    user: UserAccount


def note_refusal(session: Session, user: UserAccount | None, net: str, now: dt.datetime) -> None:
    """Write down a wrong password, in a transaction of its own that stays."""
    audit.record(
        session,
        ANONYMOUS,
        "account.sign_in_refused",
        "user_account",
        user.id if user is not None else "unknown",
        {"net": net},
        now=now,
    )


def sign_in(
    session: Session, user_id: UUID, proof: Proof, *, kind: str, net: str, now: dt.datetime, wall: dt.datetime
) -> Opened:
    """Open a sign-in for somebody whose password was right. The token is new at every sign-in.

    kind: "cookie" for a browser, "token" for a program; net: the network it came from.
    Raises SignInRefused when the password was changed meanwhile, AccountSuspended, EmailNotVerified,
    TotpRequired, TotpInvalid, RateLimited.
    """
    user = users.locked(session, user_id)
    if user.password_hash != proof.password_hash:
        raise SignInRefused()
    if user.suspended_at is not None:
        raise AccountSuspended(user_id=user.id)
    if user.email_verified_at is None:
        raise EmailNotVerified(user_id=user.id)
    proved = _second_factor(session, user, proof, wall)
    token = TOKEN_PREFIX + ids.secret_token()
    row = AuthSession(
        user_id=user.id,
        kind=kind,
        token_hash=ids.digest(token),
        session_key=user.session_key,
        password_at=wall,
        totp_at=wall if proved else None,
        address_net=net,
        last_seen_at=wall,
        expires_at=wall + LIFETIMES[kind, user.is_staff][1],
    )
    session.add(row)
    session.flush()
    actor = Actor(
        user_id=user.id, roles=frozenset({user.role}), via="session" if kind == "cookie" else "token"
    )
    audit.record(session, actor, "account.sign_in", "auth_session", row.id, {"kind": kind}, now=now)
    return Opened(token, row, user)


def _second_factor(session: Session, user: UserAccount, proof: Proof, wall: dt.datetime) -> bool:
    if not user.totp_enrolled:
        return False
    if proof.totp is not None:
        totp.verify(session, user, proof.totp, wall)
    elif proof.recovery_code is not None:
        totp.burn_recovery_code(session, user, proof.recovery_code, wall)
    else:
        raise TotpRequired(user_id=user.id)
    return True


def reauthenticate(
    session: Session, actor: Actor, proof: Proof, now: dt.datetime, wall: dt.datetime
) -> AuthSession:
    """Make the present sign-in fresh again, for what asks who you are within 30 minutes (mark 2).

    Raises TotpRequired, TotpInvalid, SignInRefused when the password was changed meanwhile, NotAuthenticated for
    an API key.
    """
    if actor.via == "key" or actor.credential_id is None:
        raise NotAuthenticated()
    user = users.locked(session, users.id_of(actor))
    row = session.get(AuthSession, actor.credential_id)
    if row is None:
        raise NotAuthenticated()
    if user.password_hash != proof.password_hash:
        raise SignInRefused()
    row.totp_at = wall if _second_factor(session, user, proof, wall) else None
    row.password_at = wall
    audit.record(session, actor, "account.reauthenticate", "auth_session", row.id, {}, now=now)
    return row


def find(
    session: Session, token: str, kind: str, wall: dt.datetime, *beside: ColumnElement[Any]
) -> tuple[AuthSession, UserAccount, tuple[Any, ...]] | None:
    """Return the sign-in of a token, its person, and the values `beside` them, when it still counts; else None.

    beside: columns about the person (of UserAccount), asked in the same statement because every request asks.
    It counts while it is not revoked, not idle or old beyond its lifetime, carries the person's present session
    key, and the person is not suspended.
    """
    found = session.execute(
        select(AuthSession, UserAccount, *beside)
        .join(UserAccount, UserAccount.id == AuthSession.user_id)
        .where(AuthSession.token_hash == ids.digest(token), AuthSession.kind == kind)
    ).one_or_none()
    if found is None:
        return None
    row, user, *values = found
    idle, _ = LIFETIMES[kind, user.is_staff]
    dead = (
        row.revoked_at is not None
        or wall >= row.expires_at
        or wall - row.last_seen_at >= idle
        or row.session_key != user.session_key
        or user.suspended_at is not None
        or user.email_verified_at is None
    )
    return None if dead else (row, user, tuple(values))


def touch(session: Session, row: AuthSession, wall: dt.datetime) -> None:
    """Remember that the sign-in was used, at most once a minute."""
    if wall - row.last_seen_at >= SEEN_EVERY:
        session.execute(
            update(AuthSession)
            .where(AuthSession.id == row.id, AuthSession.last_seen_at < wall)
            .values(last_seen_at=wall)
            .execution_options(synchronize_session=False)
        )


def living(session: Session, actor: Actor, wall: dt.datetime) -> list[AuthSession]:
    """Return the actor's own sign-ins that still count, newest first."""
    user = users.get(session, users.id_of(actor))
    rows = session.scalars(
        select(AuthSession)
        .where(
            tenancy.person(actor, "sessions.listed", AuthSession.user_id),
            AuthSession.revoked_at.is_(None),
            AuthSession.expires_at > wall,
            # One that an older password opened counts no more.
            AuthSession.session_key == user.session_key,
        )
        .order_by(AuthSession.id.desc())
        .limit(100)
    ).all()
    return [row for row in rows if wall - row.last_seen_at < LIFETIMES[row.kind, user.is_staff][0]]


def revoke(
    session: Session, actor: Actor, session_id: UUID, now: dt.datetime, wall: dt.datetime
) -> AuthSession:
    """End one of the actor's own sign-ins; ending it twice is the same. Raises NotFound for anybody else's."""
    row = session.get(AuthSession, session_id)
    if row is None or not tenancy.is_person(actor, "sessions.revoke", row.user_id):
        raise NotFound("session", session_id)
    if row.revoked_at is None:
        row.revoked_at = wall
        audit.record(session, actor, "account.sign_out", "auth_session", row.id, {}, now=now)
    return row
