"""Mail: the row is the outbox. A service queues a row in its transaction; the worker renders and sends it."""

from __future__ import annotations

import datetime as dt
import smtplib
import uuid
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import make_msgid
from html import escape
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.core import clock, config, db, jobs

log = structlog.get_logger(__name__)
TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "mail"
MAX_ATTEMPTS = 8


class MailMessage(db.Base):
    """A mail that must go out; it stays as the record that it did. `facts` are emptied once it is sent."""

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
    __table_args__ = (
        sa.Index("ix_mail_message_unsent", "next_attempt_at", postgresql_where=sa.text("sent_at IS NULL")),
    )


def queue(
    session: orm.Session,
    *,
    to: str,
    template: str,
    locale: str = "en",
    facts: dict[str, Any],
    now: dt.datetime,
) -> MailMessage:
    """Queue a mail in this transaction; it is sent after the commit, or by the sweep.

    template: name of templates/mail/<template>.<locale>.txt; facts: JSON values for it; now: business time.
    """
    wall = clock.wall()
    message = MailMessage(
        to_address=to, template=template, locale=locale, facts=facts, queued_at=now, next_attempt_at=wall
    )
    session.add(message)
    db.after_commit(session, lambda: jobs.enqueue("mail.send"))
    return message


def render(template: str, locale: str, facts: dict[str, Any]) -> tuple[str, str]:
    """Return (subject, text) of a mail. Raises jinja2 errors when a fact is missing."""
    environment = Environment(  # noqa: S701 - plain text; the HTML part is escaped below.
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    names = [f"{template}.{locale}.txt", f"{template}.en.txt"]
    text = environment.select_template(names).render(**facts)
    first, _, body = text.partition("\n")
    return first.removeprefix("Subject:").strip(), body.strip() + "\n"


def compose(row: MailMessage, sender: str) -> EmailMessage:
    """Return the mail as it goes out: plain text, and the same as simple HTML with working links."""
    subject, body = render(row.template, row.locale, row.facts)
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, sender, _address(row.to_address)
    message["Message-ID"] = make_msgid(idstring=row.id.hex, domain="aanrader.example")
    message.set_content(body)
    lines = [
        f'<a href="{escape(line.strip(), quote=True)}">{escape(line.strip())}</a>'
        if line.strip().startswith(("http://", "https://"))
        else escape(line)
        for line in body.splitlines()
    ]
    message.add_alternative(f"<html><body><p>{'<br>'.join(lines)}</p></body></html>", subtype="html")
    return message


def _address(text: str) -> Address:
    local, _, domain = text.rpartition("@")
    return Address(username=local, domain=domain)


def send_due(wall: dt.datetime) -> int:
    """Send the mails that are due and return how many went out. Safe to run twice at once.

    Each mail is locked, sent and marked in its own transaction: a crash between sending and marking sends it
    again with the same Message-ID, and never loses it.
    """
    settings = config.current()
    if not settings.smtp:
        return 0
    host, _, port = settings.smtp.rpartition(":")
    sent = 0
    while True:
        with db.transaction() as session:
            row = session.scalars(
                sa.select(MailMessage)
                .where(MailMessage.sent_at.is_(None), MailMessage.next_attempt_at <= wall)
                .where(MailMessage.attempts < MAX_ATTEMPTS)
                .order_by(MailMessage.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).first()
            if row is None:
                return sent
            row.attempts += 1
            try:
                with smtplib.SMTP(host, int(port), timeout=10) as server:
                    server.send_message(compose(row, settings.mail_from))
            except (OSError, smtplib.SMTPException) as error:
                row.last_error = repr(error)[:500]
                row.next_attempt_at = wall + dt.timedelta(seconds=2**row.attempts)
                log.warning("mail_failed", mail=str(row.id), attempts=row.attempts, error=row.last_error)
            else:
                row.sent_at, row.facts, sent = wall, {}, sent + 1


def register() -> None:
    """Register the job and the sweep that send mail."""
    jobs.job("mail.send")(lambda: send_due(clock.wall()))
    jobs.sweep("mail", every=5)(lambda: send_due(clock.wall()))


def unsent(session: orm.Session, _now: dt.datetime) -> int:
    """Return how many mails still have to go out."""
    statement = sa.select(sa.func.count()).where(
        MailMessage.sent_at.is_(None), MailMessage.attempts < MAX_ATTEMPTS
    )
    return session.execute(statement).scalar_one()
