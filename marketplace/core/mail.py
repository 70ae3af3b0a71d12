"""Mail: the row is the outbox. A service queues a row in its transaction; the worker renders and sends it.

`queue` writes to one address, whatever is asked and as often as it is asked: links that prove a mailbox. `tell` brings
news to people by what they are ("adviser:<id>", "owners:<shop id>"): once for each key, in each reader's own language,
and not to who switched that kind off. The worker finds the readers when it sends, because who acts on the web may not
read the addresses of others.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import JSONB, insert

from marketplace.core import clock, db, ids, jobs, mail_kinds
from marketplace.core.errors import InvariantViolation
from marketplace.core.money import Money

MAX_ATTEMPTS = 8
SEND = "mail.send"


class MailMessage(db.Base):
    """A mail that must go out; it stays as the record that it did. `facts` are emptied once it is sent.

    A row with an `audience` is news that is written to each of its readers; then it is dropped as "spread", and each
    reader has a row. `dedupe`: what has such a key is there once. `dropped_as`: why it will never be sent: "spread",
    "switched_off" by the reader, or "too_late" when it was old before anybody could be told.
    """

    __tablename__ = "mail_message"

    id: orm.Mapped[uuid.UUID] = db.uuid_pk()
    to_address: orm.Mapped[str]
    template: orm.Mapped[str]
    locale: orm.Mapped[str]
    facts: orm.Mapped[dict[str, Any]] = orm.mapped_column(JSONB)
    queued_at: orm.Mapped[dt.datetime]
    attempts: orm.Mapped[int] = orm.mapped_column(sa.Integer, default=0)
    next_attempt_at: orm.Mapped[dt.datetime]
    sent_at: orm.Mapped[dt.datetime | None]
    last_error: orm.Mapped[str | None]
    audience: orm.Mapped[str | None]
    # Whose it is; no key points up from here to the people.
    user_id: orm.Mapped[uuid.UUID | None]
    dedupe: orm.Mapped[str | None] = orm.mapped_column(unique=True)
    dropped_as: orm.Mapped[str | None]
    __table_args__ = (
        sa.CheckConstraint("audience IS NOT NULL OR to_address <> ''", name="addressed"),
        sa.CheckConstraint("dropped_as IS NULL OR sent_at IS NULL", name="dropped"),
        sa.Index(
            "ix_mail_message_unsent",
            "next_attempt_at",
            postgresql_where=sa.text("sent_at IS NULL AND dropped_as IS NULL"),
        ),
    )


TABLE = cast(sa.Table, MailMessage.__table__)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who is told: the address, how they are called and the language they read; off: kinds switched off."""

    user_id: uuid.UUID
    address: str
    name: str
    locale: str
    off: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell: whom, by which template, with which facts; once: the key of the fact, told once ever.

    whom: "adviser:<id>", "owners:<shop id>", "user:<id>", "finance" or "finance:not:<id of a person>".
    facts: JSON values; money by `money_fact`, instants as ISO 8601, rates in basis points. `name` is the reader's.
    """

    whom: str
    template: str
    facts: Mapping[str, Any]
    once: str


Directory = Callable[[orm.Session, str], list[Reader]]
_directory: list[Directory] = []


def set_directory(directory: Directory) -> None:
    """Let `directory(session, whom)` find readers; the accounts room calls this at registration."""
    _directory[:] = [directory]


def readers(session: orm.Session, whom: str) -> list[Reader]:
    """Return who is meant by an audience, with what each switched off."""
    return _directory[0](session, whom)


def money_fact(amount: Money) -> dict[str, Any]:
    """Return an amount as a fact of a mail, which the reader's language writes out."""
    return {"minor": amount.minor, "currency": amount.currency}


def queue(
    session: orm.Session,
    *,
    to: str,
    template: str,
    locale: str = "en",
    facts: dict[str, Any],
    now: dt.datetime,
) -> MailMessage:
    """Queue a mail to one address in this transaction; it is sent after the commit, or by the sweep.

    template: name of templates/mail/<template>.<locale>.txt; facts: JSON values for it; now: business time.
    Raises InvariantViolation for a kind that can be switched off: only `tell` knows whose switch to ask.
    """
    kind = mail_kinds.of_template(template)
    if kind is not None and not kind.is_essential:
        raise InvariantViolation(what=f"mail {template} can be switched off and is queued to an address")
    message = MailMessage(
        to_address=to,
        template=template,
        locale=locale,
        facts=facts,
        queued_at=now,
        next_attempt_at=clock.wall(),
    )
    session.add(message)
    _nudge(session)
    return message


def tell(
    session: orm.Session, whom: str, template: str, facts: Mapping[str, Any], *, once: str, now: dt.datetime
) -> bool:
    """Queue news in this transaction; return whether it is news: False when something was told under that key.

    See News. Raises KeyError for a template without a kind.
    """
    return tell_all(session, [News(whom, template, facts, once)], now=now) == 1


def tell_all(session: orm.Session, news: Iterable[News], *, now: dt.datetime) -> int:
    """Queue news in this transaction, in one statement, and return how much of it was news."""
    told = _write(session, news, now)
    if told:
        _nudge(session)
    return told


def pass_over(session: orm.Session, news: Iterable[News], *, now: dt.datetime) -> int:
    """Let old news count as told without telling it, and return how much of it was news; only the worker may."""
    return _write(session, news, now, dropped_as="too_late", facts={})


def _write(session: orm.Session, news: Iterable[News], now: dt.datetime, **instead: Any) -> int:
    rows = [
        {
            "id": ids.new_id(),
            "to_address": "",
            "template": one.template,
            "locale": "en",
            "facts": dict(one.facts),
            "queued_at": now,
            "attempts": 0,
            "next_attempt_at": clock.wall(),
            "audience": one.whom,
            "dedupe": one.once,
        }
        | instead
        for one in news
    ]
    if not rows:
        return 0
    # Without a target, because who may only queue may not read the keys either.
    statement = insert(TABLE).values(rows).on_conflict_do_nothing()
    result: Any = session.execute(statement, execution_options={"preserve_rowcount": True})
    return int(result.rowcount)


def _nudge(session: orm.Session) -> None:
    if not session.info.get("mail_nudged"):
        session.info["mail_nudged"] = True
        db.after_commit(session, lambda: jobs.enqueue(SEND))


def is_due() -> sa.ColumnElement[bool]:
    """Return the condition that a mail still has to go out."""
    return (
        MailMessage.sent_at.is_(None)
        & MailMessage.dropped_as.is_(None)
        & (MailMessage.attempts < MAX_ATTEMPTS)
    )


def unsent(session: orm.Session, _now: dt.datetime) -> int:
    """Return how many mails still have to go out."""
    return session.execute(
        sa.select(sa.func.count(MailMessage.sent_at.is_(None))).where(is_due())
    ).scalar_one()
