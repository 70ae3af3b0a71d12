"""Following an adviser: at once with an account, with an address once its owner confirmed; each mail can end it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.accounts import emails, public
from marketplace.community.models import Follow
from marketplace.core import config, db, ids, mail, mail_unsubscribe, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Gone

FOLLOWERS = sa.table(
    "public_followers", sa.column("adviser_id", sa.Uuid()), sa.column("followers", sa.BigInteger())
)


def follow(session: Session, actor: Actor, adviser_id: UUID, language: str, now: dt.datetime) -> None:
    """Let somebody who is signed in follow an adviser from now on; again changes nothing. Raises NotFound."""
    public.adviser(session, adviser_id)
    made = insert(Follow).values(
        id=ids.new_id(), adviser_id=adviser_id, user_id=actor.user_id, language=language, state="confirmed",
        asked_at=now, confirmed_at=now, told_until=now,
    )  # fmt: skip
    session.execute(made.on_conflict_do_nothing())
    session.execute(
        sa.update(Follow)
        .where(_mine(actor), Follow.adviser_id == adviser_id)
        .where(Follow.state != "confirmed")
        .values(state="confirmed", confirmed_at=now, ended_at=None, told_until=now),
        execution_options={"synchronize_session": False},
    )


def ask(session: Session, adviser_id: UUID, address: str, language: str, now: dt.datetime) -> None:
    """Mail a link by which the owner of an address confirms that they follow an adviser.

    The answer is the same whether or not the address follows already. Raises NotFound.
    """
    name = public.adviser(session, adviser_id).display_name
    token = ids.secret_token()
    with db.within(session, db.DOOR):
        made = insert(Follow).values(
            id=ids.new_id(), adviser_id=adviser_id, email=emails.normalise(address), email_key=emails.key(address),
            language=language, state="pending", token_hash=ids.digest(token), asked_at=now,
        )  # fmt: skip
        again = made.on_conflict_do_update(
            index_elements=[Follow.adviser_id, Follow.email_key],
            set_={"token_hash": ids.digest(token), "language": language, "asked_at": now, "state": "pending"},
            where=Follow.state != "confirmed",
        )
        sent = session.execute(again.returning(Follow.id)).first()
        if sent is not None:
            url = f"{config.current().base_url}/follow?token={token}"
            facts = {"adviser": name, "url": url}
            mail.queue(
                session,
                to=emails.normalise(address),
                template="follow_confirm",
                locale=language,
                facts=facts,
                now=now,
            )


def confirm(session: Session, token: str, now: dt.datetime) -> Follow:
    """Follow as the owner of the mailbox that a link was sent to. Raises Gone for a link that ended or never was."""
    with db.within(session, db.DOOR):
        found = _of_token(session, token)
        if found.state == "pending":
            found.state, found.confirmed_at, found.told_until, found.ended_at = "confirmed", now, now, None
            session.flush()
    return found


def whom(session: Session, token: str) -> str:
    """Return the name of the adviser whom the link of a mail is about. Raises Gone for a link that never was."""
    with db.within(session, db.DOOR):
        found = _of_link(session, token)
        return str(public.adviser(session, found.adviser_id).display_name)


def end_by_link(session: Session, token: str, now: dt.datetime) -> Follow:
    """Follow no more, as whoever holds the link of a mail; twice changes nothing. Raises Gone."""
    with db.within(session, db.DOOR):
        found = _of_link(session, token)
        if found.state != "ended":
            found.state, found.ended_at = "ended", now
            session.flush()
    return found


def end(session: Session, actor: Actor, adviser_id: UUID, now: dt.datetime) -> None:
    """Follow an adviser no more, as who is signed in; who did not follow stays like that. Raises NotFound."""
    public.adviser(session, adviser_id)
    session.execute(
        sa.update(Follow)
        .where(_mine(actor), Follow.adviser_id == adviser_id)
        .where(Follow.state != "ended")
        .values(state="ended", ended_at=now),
        execution_options={"synchronize_session": False},
    )


def of(session: Session, actor: Actor) -> Sequence[Follow]:
    """Return whom the actor follows, at most 500, newest first."""
    query = sa.select(Follow).where(_mine(actor), Follow.state == "confirmed")
    return session.scalars(query.order_by(Follow.id.desc()).limit(500)).all()


def followers(session: Session, adviser_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many follow advisers, by adviser; those whom nobody follows are left out."""
    if not adviser_ids:
        return {}
    query = sa.select(FOLLOWERS).where(FOLLOWERS.c.adviser_id.in_(list(adviser_ids)))
    return {row.adviser_id: row.followers for row in session.execute(query)}


def _mine(actor: Actor) -> sa.ColumnElement[bool]:
    return tenancy.person(actor, "follows.own", Follow.user_id)


def _of_link(session: Session, token: str) -> Follow:
    """Return the follow that a link is about: one that confirms, or one that ends it from any mail."""
    follow_id = mail_unsubscribe.follow_of(token)
    found = session.get(Follow, follow_id) if follow_id is not None else _of_token(session, token)
    if found is None:
        raise Gone(entity="link")
    return found


def _of_token(session: Session, token: str) -> Follow:
    found = session.scalars(sa.select(Follow).where(Follow.token_hash == ids.digest(token))).one_or_none()
    if found is None:
        raise Gone(entity="link")
    return found
