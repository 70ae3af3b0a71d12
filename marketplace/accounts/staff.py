"""People of the platform: made from the command line, never by sign-up; and suspending anybody."""

from __future__ import annotations

import argparse
import base64
import binascii
import datetime as dt
import sys
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from marketplace.accounts import emails, passwords, totp, users
from marketplace.accounts.models import UserAccount
from marketplace.core import audit, clock, config, db, ids
from marketplace.core.actor import SYSTEM, Actor
from marketplace.core.errors import AppError, Conflict, Forbidden, InvalidInput

ROLES = ("finance", "admin")


class EmailTaken(Conflict):
    """The address belongs to an account already."""

    code = "email_taken"
    title = "That address has an account"
    detail = "There is an account with this address already."
    next = "Use another address: people of the platform hold no other role."


class NotYourself(Forbidden):
    """Nobody suspends themselves."""

    code = "not_yourself"
    title = "Somebody else must do this"
    detail = "You can't suspend your own account."
    next = "Ask another admin."


def create(
    session: Session,
    *,
    role: str,
    email: str,
    name: str,
    password_hash: str,
    totp_secret: str | None,
    now: dt.datetime,
    wall: dt.datetime,
) -> UserAccount:
    """Make a person of finance or admin whose address counts as proved.

    totp_secret: base32 of at least 16 bytes, enrolled at once; without it the first sign-in can do nothing but
    enrol. Raises EmailTaken, InvalidInput.
    """
    if role not in ROLES:
        raise InvalidInput({"role": ["finance or admin."]})
    key = emails.key(email)
    if session.scalars(select(UserAccount.id).where(UserAccount.email_key == key)).first() is not None:
        raise EmailTaken()
    user = UserAccount(
        id=ids.new_id(),
        email=emails.normalise(email),
        email_key=key,
        name=name,
        locale="en",
        role=role,
        password_hash=password_hash,
        session_key=ids.secret_token(),
        email_verified_at=wall,
    )
    if totp_secret is not None:
        user.totp_secret = totp.seal_secret(user.id, _base32(totp_secret))
    session.add(user)
    session.flush()
    audit.record(session, SYSTEM, "staff.create", "user_account", user.id, {"role": role}, now=now)
    return user


def _base32(text: str) -> str:
    secret = text.strip().replace(" ", "").upper()
    try:
        raw = base64.b32decode(secret + "=" * (-len(secret) % 8))
    except binascii.Error as error:
        raise InvalidInput({"totp_secret": ["Not base32."]}) from error
    if len(raw) < 16:
        raise InvalidInput({"totp_secret": ["At least 16 bytes, which is 26 characters of base32."]})
    return secret


def suspend(
    session: Session, actor: Actor, user_id: UUID, now: dt.datetime, wall: dt.datetime, reason: str = ""
) -> UserAccount:
    """Shut somebody out: sessions, tokens and keys are dead at their next request. Twice is the same.

    reason: why, in an admin's words; it stays in the history. Raises NotYourself, NotFound.
    """
    if user_id == actor.user_id:
        raise NotYourself()
    user = users.locked(session, user_id)
    if user.suspended_at is None:
        user.suspended_at, user.session_key = wall, ids.secret_token()
        audit.record(session, actor, "user.suspend", "user_account", user.id, _told(reason), now=now)
    return user


def reinstate(
    session: Session, actor: Actor, user_id: UUID, now: dt.datetime, reason: str = ""
) -> UserAccount:
    """Let somebody in again; they sign in anew, and keys that were not revoked count again."""
    user = users.locked(session, user_id)
    if user.suspended_at is not None:
        user.suspended_at = None
        audit.record(session, actor, "user.reinstate", "user_account", user.id, _told(reason), now=now)
    return user


def _told(reason: str) -> dict[str, str]:
    return {"reason": reason} if reason else {}


def command(argv: Sequence[str]) -> int:
    """Make a person of finance or admin from the command line; print the id, never a secret.

    Works as the bootstrap role when AANRADER_ADMIN_DATABASE_URL is set, else as DATABASE_URL, which must then be
    the worker's: the web role may not make such people. `--password -` reads the password from standard input.
    Exit codes: 0 made, 1 refused (with the reason on standard error), 2 wrong usage.
    """
    parser = argparse.ArgumentParser(prog="create-staff", description="Make a person of finance or admin.")
    parser.add_argument("--role", choices=ROLES, required=True)
    parser.add_argument("--email", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--password", required=True, help="or - to read it from standard input")
    parser.add_argument("--totp-secret", help="base32; without it the first sign-in must enrol")
    options = parser.parse_args(list(argv))
    password = sys.stdin.readline().rstrip("\n") if options.password == "-" else options.password  # noqa: S105
    settings = config.current()
    admin = settings.admin_database_url
    db.init(admin or settings.database_url, clock_moves=settings.clock_moves, guard_role=not admin)
    try:
        passwords.refuse_weak(password, options.email, options.name)
        password_hash = passwords.hash_password(password)
        with db.transaction() as session:
            user = create(
                session,
                role=options.role,
                email=options.email,
                name=options.name,
                password_hash=password_hash,
                totp_secret=options.totp_secret,
                now=clock.now(),
                wall=clock.wall(),
            )
    except AppError as refusal:
        print(refusal, refusal.problem()["errors"] or "", file=sys.stderr)
        return 1
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != "42501":
            raise
        print("This database role may not make people of the platform; use the worker's.", file=sys.stderr)
        return 1
    finally:
        db.close()
    print(user.id)
    return 0
