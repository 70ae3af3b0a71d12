"""Sending mail: news is spread to its readers, each mail is drawn and handed to the server, and marked as sent."""

from __future__ import annotations

import datetime as dt
import smtplib
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import insert

from marketplace.core import (
    clock,
    config,
    db,
    ids,
    jobs,
    mail,
    mail_headers,
    mail_kinds,
    mail_twins,
    mail_unsubscribe,
)
from marketplace.core.mail import MailMessage

log = structlog.get_logger(__name__)
SPREAD, SWITCHED_OFF = "spread", "switched_off"


class _Server:
    """A connection to the mail server, opened for the first mail and kept for those that follow."""

    def __init__(self, smtp: str) -> None:
        host, _, port = smtp.rpartition(":")
        self._host, self._port = host, int(port)
        self._open: smtplib.SMTP | None = None

    def send(self, message: EmailMessage) -> None:
        """Hand over one mail. Raises OSError, smtplib.SMTPException; the next mail then opens a new connection."""
        if self._open is None:
            self._open = smtplib.SMTP(self._host, self._port, timeout=10)
        try:
            self._open.send_message(message)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        if self._open is not None:
            self._open.close()
            self._open = None


def compose(row: MailMessage, sender: str) -> EmailMessage:
    """Return the mail as it goes out: both twins, and for what can be switched off the headers that do so.

    Raises what `mail_twins.draw` raises.
    """
    settings, kind = config.current(), mail_kinds.of_template(row.template)
    language = row.locale if row.locale in mail_kinds.LANGUAGES else "en"
    switch = None
    if kind is not None and not kind.is_essential and row.user_id is not None:
        switch = mail_unsubscribe.address(row.user_id, kind.name)
    # Who has no account has no switches: such a mail brings its own link that ends what it is about.
    ends = switch or row.facts.get("end")
    said = kind.said[language] if kind is not None else mail_kinds.Said("", "")
    foot = {
        "site": settings.base_url,
        "because": said.because,
        "title": said.title,
        "unsubscribe": switch,
        "has_account": kind is None or kind.of != "readers",
    }
    twins = mail_twins.draw(row.template, language, row.facts, foot)
    message = EmailMessage(policy=mail_headers.POLICY)
    message["Subject"], message["From"], message["To"] = twins.subject, sender, _address(row.to_address)
    message["Message-ID"] = make_msgid(idstring=row.id.hex, domain=message["From"].addresses[0].domain)
    message["Date"] = format_datetime(clock.wall())
    message["Content-Language"] = twins.language
    # So that nobody's machine answers that its owner is on holiday.
    message["Auto-Submitted"] = "auto-generated"
    if ends is not None:
        # RFC 8058: a program that reads mail posts this on its own, with no cookie and no page.
        message["List-Unsubscribe"] = f"<{ends}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(twins.plain, cte="quoted-printable")
    message.add_alternative(twins.rich, subtype="html", cte="quoted-printable")
    return message


def _address(text: str) -> Address:
    local, _, domain = text.rpartition("@")
    return Address(username=local, domain=domain)


def send_due(wall: dt.datetime) -> int:
    """Send the mails that are due and return how many went out. Safe to run twice at once.

    Each mail is locked, sent and marked in its own transaction: a crash between sending and marking sends it
    again with the same Message-ID, and never loses it. Whether its reader switched that kind off is asked then.
    """
    settings = config.current()
    if not settings.smtp:
        return 0
    sent, server = 0, _Server(settings.smtp)
    try:
        while True:
            with db.transaction() as session:
                row = _next(session, wall)
                if row is None:
                    return sent
                sent += _deal_with(session, row, server, wall, settings.mail_from)
    finally:
        server.close()


def _next(session: orm.Session, wall: dt.datetime) -> MailMessage | None:
    return session.scalars(
        sa.select(MailMessage)
        .where(mail.is_due(), MailMessage.next_attempt_at <= wall)
        .order_by(MailMessage.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()


def _deal_with(
    session: orm.Session, row: MailMessage, server: _Server, wall: dt.datetime, sender: str
) -> int:
    """Spread, drop or send one locked mail; return 1 when it went out. What fails is tried again later."""
    row.attempts += 1
    try:
        # What can't be read or drawn must not keep the others waiting, nor undo that it was tried.
        with session.begin_nested():
            if row.audience is not None:
                _spread(session, row, wall)
                return 0
            if _is_switched_off(session, row):
                row.dropped_as, row.facts = SWITCHED_OFF, {}
                return 0
            message = compose(row, sender)
        server.send(message)
    except Exception as error:  # noqa: BLE001 - whatever one mail does, the next is sent; the row says what it was.
        row.last_error = repr(error)[:500]
        row.next_attempt_at = wall + dt.timedelta(seconds=2**row.attempts)
        log.warning("mail_failed", mail=str(row.id), attempts=row.attempts, error=row.last_error)
        return 0
    row.sent_at, row.facts = wall, {}
    return 1


def _spread(session: orm.Session, row: MailMessage, wall: dt.datetime) -> None:
    """Write the news to each of its readers, once each, in their language and under their name."""
    found = mail.readers(session, row.audience or "")
    rows: list[dict[str, Any]] = [
        {
            "id": ids.new_id(),
            "to_address": one.address,
            "template": row.template,
            "locale": one.locale,
            "facts": {**row.facts, "name": one.name},
            "queued_at": row.queued_at,
            "attempts": 0,
            "next_attempt_at": wall,
            "user_id": one.user_id,
            "dedupe": f"{row.dedupe}/{one.user_id}",
        }
        for one in found
    ]
    if rows:
        session.execute(insert(mail.TABLE).values(rows).on_conflict_do_nothing())
    row.dropped_as, row.facts = SPREAD, {}


def _is_switched_off(session: orm.Session, row: MailMessage) -> bool:
    kind = mail_kinds.of_template(row.template)
    if kind is None or kind.is_essential or row.user_id is None:
        return False
    return any(kind.name in one.off for one in mail.readers(session, f"user:{row.user_id}"))


def register() -> None:
    """Register the job and the sweep that send mail."""
    jobs.job(mail.SEND)(lambda: send_due(clock.wall()))

    jobs.sweep("mail", every=5)(lambda: send_due(clock.wall()))
