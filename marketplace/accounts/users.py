"""People: sign up, prove the mailbox, choose a new password, end every session."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.accounts import emails
from marketplace.accounts.models import ApiKey, AuthSession, EmailToken, UserAccount
from marketplace.core import audit, config, db, ids, mail
from marketplace.core.actor import ANONYMOUS, Actor
from marketplace.core.errors import Conflict, Gone, InvariantViolation, NotAuthenticated, NotFound

VERIFY_FOR = dt.timedelta(hours=24)
RESET_FOR = dt.timedelta(hours=1)


class LinkUsedUp(Gone):
    """A link from a mail was used, has expired, or never was."""

    code = "link_used_up"
    detail = "This link was used or has expired."
    next = "Ask for a new mail and use the newest link."


def get(session: Session, user_id: UUID) -> UserAccount:
    """Return a person. Raises NotFound."""
    user = session.get(UserAccount, user_id)
    if user is None:
        raise NotFound("user", user_id)
    return user


def locked(session: Session, user_id: UUID) -> UserAccount:
    """Return a person with the row locked until the transaction ends. Raises NotFound."""
    user = session.get(UserAccount, user_id, with_for_update={"key_share": True}, populate_existing=True)
    if user is None:
        raise NotFound("user", user_id)
    return user


def id_of(actor: Actor) -> UUID:
    """Return the id of the person who acts. Raises NotAuthenticated for nobody."""
    if actor.user_id is None:
        raise NotAuthenticated()
    return actor.user_id


def by_email(session: Session, email: str) -> UserAccount | None:
    """Return the person of an address however it is written, or None."""
    return session.scalars(
        select(UserAccount).where(UserAccount.email_key == emails.key(email))
    ).one_or_none()


def slug(text: str, fallback: str, longest: int = 40) -> str:
    """Return text as it may stand in an address: lower-case ASCII letters, digits and single hyphens.

    longest: how many characters at most; a word that does not fit any more is left out whole.
    """
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    whole = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")
    if len(whole) > longest:
        cut = whole[: longest + 1]
        whole = cut.rpartition("-")[0] or cut[:longest]
    return whole.strip("-") or fallback


def rename(session: Session, actor: Actor, name: str, now: dt.datetime) -> UserAccount:
    """Let the actor be called otherwise from now on; what was signed before keeps the name it had."""
    user = locked(session, id_of(actor))
    if user.name != name:
        user.name = name
        audit.record(session, actor, "account.rename", "user_account", user.id, {}, now=now)
    return user


def sign_up(
    session: Session, data: Mapping[str, Any], now: dt.datetime, wall: dt.datetime
) -> UserAccount | None:
    """Make an account for a new address and mail the link that proves it; return it when it is new or unproved.

    data: email, name, locale, password_hash. Somebody who signs up again before proving the mailbox gets a link
    that carries the password of *that* attempt, so that nobody can reserve another's address with their own
    password. Somebody known and proved gets a mail that says so, and None is returned: the caller answers all
    three alike.
    """
    address, key = emails.normalise(data["email"]), emails.key(data["email"])
    inserted = session.execute(
        insert(UserAccount)
        .values(
            id=ids.new_id(),
            email=address,
            email_key=key,
            name=data["name"],
            locale=data["locale"],
            password_hash=data["password_hash"],
            session_key=ids.secret_token(),
        )
        .on_conflict_do_nothing(index_elements=[UserAccount.email_key])
        .returning(UserAccount.id)
    ).scalar()
    user = session.scalars(select(UserAccount).where(UserAccount.email_key == key)).one()
    if user.email_verified_at is not None:
        facts = {"name": user.name, "url": f"{config.current().base_url}/sign-in"}
        mail.queue(
            session, to=user.email, template="already_registered", locale=user.locale, facts=facts, now=now
        )
        return None
    if inserted is not None:
        audit.record(session, ANONYMOUS, "account.sign_up", "user_account", user.id, {}, now=now)
    _mail_token(session, user, "verify", now, wall, password_hash=data["password_hash"])
    return user


def _mail_token(
    session: Session,
    user: UserAccount,
    purpose: str,
    now: dt.datetime,
    wall: dt.datetime,
    password_hash: str | None = None,
) -> None:
    token = ids.secret_token()
    session.add(
        EmailToken(
            user_id=user.id,
            purpose=purpose,
            token_hash=ids.digest(token),
            password_hash=password_hash,
            expires_at=wall + (VERIFY_FOR if purpose == "verify" else RESET_FOR),
        )
    )
    template, page = (
        ("verify_email", "verify") if purpose == "verify" else ("password_reset", "password-reset")
    )
    facts = {"name": user.name, "token": token, "url": f"{config.current().base_url}/{page}?token={token}"}
    mail.queue(session, to=user.email, template=template, locale=user.locale, facts=facts, now=now)


def _spend(session: Session, token: str, purpose: str, wall: dt.datetime) -> EmailToken:
    # One statement, so that of two who come with the same link at once only one finds it unused.
    spent = session.scalars(
        update(EmailToken)
        .where(EmailToken.token_hash == ids.digest(token), EmailToken.purpose == purpose)
        .where(EmailToken.used_at.is_(None), EmailToken.expires_at > wall)
        .values(used_at=wall)
        .returning(EmailToken)
    ).one_or_none()
    if spent is None:
        raise LinkUsedUp(entity="link")
    return spent


def _burn_others(session: Session, user: UserAccount, wall: dt.datetime) -> None:
    session.execute(
        update(EmailToken)
        .where(EmailToken.user_id == user.id, EmailToken.used_at.is_(None))
        .values(used_at=wall)
        .execution_options(synchronize_session=False)
    )


def verify_email(session: Session, token: str, now: dt.datetime, wall: dt.datetime) -> UserAccount:
    """Accept the link that proves a mailbox, once, within 24 hours; every other link of that person is burned.

    Raises LinkUsedUp (410) when the link was used, expired, or never was.
    """
    spent = _spend(session, token, "verify", wall)
    user = locked(session, spent.user_id)
    if user.email_verified_at is None:
        user.email_verified_at = wall
        if spent.password_hash is not None:
            user.password_hash = spent.password_hash
        audit.record(session, ANONYMOUS, "account.verify_email", "user_account", user.id, {}, now=now)
    spent.password_hash = None
    _burn_others(session, user, wall)
    return user


def ask_password_reset(session: Session, email: str, now: dt.datetime, wall: dt.datetime) -> None:
    """Mail a link to choose a new password to the address of the account; do nothing for an unknown one."""
    user = by_email(session, email)
    if user is not None and user.suspended_at is None:
        _mail_token(session, user, "reset", now, wall)
        audit.record(session, ANONYMOUS, "account.ask_password_reset", "user_account", user.id, {}, now=now)


def reset_password(
    session: Session, token: str, password_hash: str, now: dt.datetime, wall: dt.datetime
) -> None:
    """Set the new password of whoever reads the mailbox and end all their sessions; the second factor stays.

    Raises LinkUsedUp (410).
    """
    user = locked(session, _spend(session, token, "reset", wall).user_id)
    user.email_verified_at = user.email_verified_at or wall
    set_password(session, user, ANONYMOUS, password_hash, now, wall)


def set_password(
    session: Session, user: UserAccount, actor: Actor, password_hash: str, now: dt.datetime, wall: dt.datetime
) -> None:
    """Replace a password: every session ends, every link of a mail is burned, and the mailbox is told."""
    user.password_hash, user.session_key = password_hash, ids.secret_token()
    _burn_others(session, user, wall)
    audit.record(session, actor, "account.set_password", "user_account", user.id, {}, now=now)
    tell(session, user, "password_changed", now)


def change_password(
    session: Session,
    user: UserAccount,
    actor: Actor,
    present_hash: str,
    password_hash: str,
    now: dt.datetime,
    wall: dt.datetime,
) -> None:
    """Replace a password whose present one was shown. Raises Conflict when it was changed meanwhile."""
    if user.password_hash != present_hash:
        raise Conflict()
    set_password(session, user, actor, password_hash, now, wall)


def end_sessions(session: Session, user_id: UUID) -> None:
    """End every sign-in of somebody whose rights change: what was opened with other rights counts no more.

    Raises InvariantViolation when it can't be done, so that the change of rights isn't done either.
    """
    statement = (
        update(UserAccount)
        .where(UserAccount.id == user_id)
        .values(session_key=ids.secret_token())
        .returning(UserAccount.id)
    )
    # An owner of a shop changes what its people may do, and nothing else of their accounts.
    with db.within(session, db.DOOR):
        ended = session.execute(statement).scalar()
    if ended is None:
        raise InvariantViolation(what="sessions not ended", user_id=user_id)


def revoke_everywhere(
    session: Session, actor: Actor, now: dt.datetime, wall: dt.datetime, *, keys: bool
) -> int:
    """End all sessions and tokens of the actor; with `keys` their API keys too. Return how many keys still live."""
    user = locked(session, id_of(actor))
    user.session_key = ids.secret_token()
    session.execute(
        update(AuthSession)
        .where(AuthSession.user_id == user.id, AuthSession.revoked_at.is_(None))
        .values(revoked_at=wall)
        .execution_options(synchronize_session=False)
    )
    alive = session.scalars(
        select(ApiKey).where(ApiKey.user_id == user.id, ApiKey.revoked_at.is_(None))
    ).all()
    for key in alive if keys else ():
        key.revoked_at = wall
    audit.record(
        session, actor, "account.revoke_everywhere", "user_account", user.id, {"keys": keys}, now=now
    )
    return 0 if keys else len(alive)


def tell(session: Session, user: UserAccount, event: str, now: dt.datetime) -> None:
    """Mail the person that something about the safety of the account changed."""
    # The page that mails a link: choosing a password anew takes one.
    url = f"{config.current().base_url}/forgot"
    facts = {"name": user.name, "event": event, "at": now.isoformat(), "url": url}
    mail.queue(session, to=user.email, template="security_notice", locale=user.locale, facts=facts, now=now)
