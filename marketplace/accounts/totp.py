"""The second factor: a six-digit code of an authenticator (RFC 6238), each used once, or a recovery code."""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

import pyotp
from sqlalchemy import update
from sqlalchemy.orm import Session

from marketplace.accounts import limits, sealing, users
from marketplace.accounts.models import AuthSession, RecoveryCode, UserAccount
from marketplace.core import audit, config, ids
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, Forbidden

STEP = 30
DRIFT = 1
RECOVERY_CODES = 8


class TotpInvalid(Forbidden):
    """The code is wrong, was used before, or there is no second factor."""

    code = "totp_invalid"
    title = "That code does not count"
    detail = "The code is wrong, too old, or was used before."
    next = "Wait for the next code of your authenticator and send that one."


class TotpEnrolled(Conflict):
    """A second factor exists already."""

    code = "totp_enrolled"
    title = "There is a second factor already"
    detail = "This account has a second factor."
    next = "Disable it first, with your password and a code."


class TotpNotEnrolled(Conflict):
    """There is no second factor, or no enrolment was begun."""

    code = "totp_not_enrolled"
    title = "No second factor to confirm"
    detail = "No enrolment of a second factor was begun."
    next = "Send POST /api/v1/totp/enrol first."


class TotpMandatory(Forbidden):
    """Finance and admin can't be without a second factor."""

    code = "totp_mandatory"
    title = "Your role needs a second factor"
    detail = "People of the platform always have a second factor."
    next = "Ask an admin to replace the account when the authenticator is lost."


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator needs; shown once."""

    secret: str
    uri: str


def seal_secret(user_id: UUID, secret: str) -> str:
    """Return a seed as it lies in the database: sealed, for this person only."""
    return sealing.seal(secret, f"totp/{user_id}", config.current().secret_key)


def _open(user_id: UUID, sealed: str) -> str:
    settings = config.current()
    return sealing.unseal(sealed, f"totp/{user_id}", (settings.secret_key, *settings.secret_key_fallbacks))


def step_of(secret: str, code: str, wall: dt.datetime) -> int | None:
    """Return the time step that a code belongs to, at most one step off; None when it belongs to none."""
    digits = code.strip()
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        return None
    generator = pyotp.TOTP(secret, interval=STEP)
    present = int(wall.timestamp()) // STEP
    found = None
    # Every step is compared, so that time does not tell which one was close.
    for step in range(present - DRIFT, present + DRIFT + 1):
        if hmac.compare_digest(generator.generate_otp(step), digits):
            found = step
    return found


def _spend_step(session: Session, user_id: UUID, step: int) -> bool:
    spent = session.execute(
        update(UserAccount)
        .where(UserAccount.id == user_id)
        .where((UserAccount.totp_last_step.is_(None)) | (UserAccount.totp_last_step < step))
        .values(totp_last_step=step)
        .returning(UserAccount.id)
        .execution_options(synchronize_session=False)
    )
    return spent.scalar() is not None


def _checked(session: Session, user: UserAccount, sealed: str | None, code: str, wall: dt.datetime) -> None:
    who = str(user.id)
    limits.refuse_exhausted("totp.failures", who)
    limits.spend("totp.tries", who)
    step = step_of(_open(user.id, sealed), code, wall) if sealed is not None else None
    if step is None or not _spend_step(session, user.id, step):
        limits.spend("totp.failures", who)
        raise TotpInvalid(user_id=user.id)
    limits.forgive("totp.tries", who)


def verify(session: Session, user: UserAccount | UUID, code: str, now_wall: dt.datetime) -> None:
    """Accept a code of the person's authenticator, each time step once.

    user: the person or their id; now_wall: security time, aware.
    Raises TotpInvalid (403 `totp_invalid`) when it is wrong, used, or nothing is enrolled; RateLimited after five
    tries in five minutes, twenty failures in an hour or fifty in a day.
    """
    person = users.get(session, user) if isinstance(user, UUID) else user
    _checked(session, person, person.totp_secret, code, now_wall)


def burn_recovery_code(session: Session, user: UserAccount, code: str, wall: dt.datetime) -> None:
    """Accept a recovery code and burn it. Raises TotpInvalid when it is unknown or burned, RateLimited as above."""
    who = str(user.id)
    limits.refuse_exhausted("totp.failures", who)
    limits.spend("totp.tries", who)
    burned = session.execute(
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user.id, RecoveryCode.burned_at.is_(None))
        .where(RecoveryCode.code_hash == ids.digest(_plain(code)))
        .values(burned_at=wall)
        .returning(RecoveryCode.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    if burned is None:
        limits.spend("totp.failures", who)
        raise TotpInvalid(user_id=user.id)
    limits.forgive("totp.tries", who)
    users.tell(session, user, "second_factor_recovered", wall)


def enrol(session: Session, actor: Actor, now: dt.datetime) -> Enrolment:
    """Begin an enrolment: make a seed that counts only after `confirm`. Raises TotpEnrolled when one counts."""
    user = users.locked(session, users.id_of(actor))
    if user.totp_enrolled:
        raise TotpEnrolled(user_id=user.id)
    secret = pyotp.random_base32()
    user.totp_pending = seal_secret(user.id, secret)
    audit.record(session, actor, "totp.enrol", "user_account", user.id, {}, now=now)
    return Enrolment(secret, uri_of(secret, user.email))


def uri_of(secret: str, email: str) -> str:
    """Return the address that an authenticator reads from a QR."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Aanrader")


def confirm(session: Session, actor: Actor, code: str, now: dt.datetime, wall: dt.datetime) -> list[str]:
    """Finish an enrolment with a code; return eight recovery codes, shown once.

    Raises TotpNotEnrolled when none was begun, TotpInvalid for a wrong code.
    """
    user = users.locked(session, users.id_of(actor))
    if user.totp_pending is None:
        raise TotpNotEnrolled(user_id=user.id)
    _checked(session, user, user.totp_pending, code, wall)
    user.totp_secret, user.totp_pending = user.totp_pending, None
    if (
        actor.credential_id is not None
        and (here := session.get(AuthSession, actor.credential_id)) is not None
    ):
        here.totp_at = wall
    codes = _fresh_codes(session, user, wall)
    audit.record(session, actor, "totp.confirm", "user_account", user.id, {}, now=now)
    users.tell(session, user, "second_factor_on", now)
    return codes


def disable(session: Session, actor: Actor, now: dt.datetime, wall: dt.datetime) -> None:
    """Take the second factor away. Raises TotpMandatory for finance and admin, TotpNotEnrolled without one."""
    user = users.locked(session, users.id_of(actor))
    if user.is_staff:
        raise TotpMandatory(user_id=user.id)
    if not user.totp_enrolled:
        raise TotpNotEnrolled(user_id=user.id)
    user.totp_secret = user.totp_pending = None
    _burn_all(session, user, wall)
    audit.record(session, actor, "totp.disable", "user_account", user.id, {}, now=now)
    users.tell(session, user, "second_factor_off", now)


def _fresh_codes(session: Session, user: UserAccount, wall: dt.datetime) -> list[str]:
    _burn_all(session, user, wall)
    codes = [
        f"{secrets.token_hex(4)}-{secrets.token_hex(4)}-{secrets.token_hex(4)}" for _ in range(RECOVERY_CODES)
    ]
    session.add_all(RecoveryCode(user_id=user.id, code_hash=ids.digest(_plain(code))) for code in codes)
    session.flush()
    return codes


def _burn_all(session: Session, user: UserAccount, wall: dt.datetime) -> None:
    session.execute(
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user.id, RecoveryCode.burned_at.is_(None))
        .values(burned_at=wall)
        .execution_options(synchronize_session=False)
    )


def _plain(code: str) -> str:
    return code.strip().lower().replace("-", "").replace(" ", "")
