"""A mail program reads what the headers say: the one click, the subject, and nobody else's lines."""

import datetime as dt
import email.policy
import re
import uuid
from email.message import EmailMessage
from email.parser import BytesParser

import pytest

from marketplace.core import config, ids, mail, mail_headers, mail_sending
from tests import letters

HOSTILE = "Eve\r\nBcc: y@z.example\u202e\u2028=?utf-8?q?x?= <b>é</b>"


def sent(template: str, user_id: uuid.UUID | None = None, **changes: object) -> bytes:
    """Return a mail as it goes to the server."""
    row = mail.MailMessage(
        id=ids.new_id(),
        to_address="noor@advice.example",
        template=template,
        locale="nl",
        facts=letters.facts(template, **changes),
        user_id=user_id,
        queued_at=dt.datetime(2026, 11, 23, tzinfo=dt.UTC),
    )
    message = mail_sending.compose(row, config.Settings.mail_from)
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))


def header(raw: bytes, name: str) -> list[str]:
    """Return the lines of a header as they stand, unfolded but not decoded."""
    head = re.sub(rb"\r\n[ \t]", b" ", raw.partition(b"\r\n\r\n")[0]).decode("ascii")
    return [
        line.partition(": ")[2] for line in head.split("\r\n") if line.lower().startswith(f"{name.lower()}:")
    ]


def read(raw: bytes) -> EmailMessage:
    return BytesParser(_class=EmailMessage, policy=email.policy.default).parsebytes(raw)


def test_a_program_finds_the_address_that_switches_mails_off_as_it_stands():
    # Encoded words are no address to it, and Python writes long ones so by itself.
    base = config.current().base_url
    for template, user, page in (
        ("first_click", ids.new_id(), f"{base}/unsubscribe?t="),
        ("new_advice_to_reader", None, letters.URL),
    ):
        raw = sent(template, user, **({"end": letters.URL} if user is None else {}))
        [address] = header(raw, "List-Unsubscribe")
        assert address.startswith(f"<{page}")
        assert re.fullmatch(r"<https?://[!-~]+>", address)
        assert header(raw, "List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    assert header(sent("payout_sent", ids.new_id()), "List-Unsubscribe") == []


@pytest.mark.parametrize(
    "page",
    ["Koffie in de nachtdienst: wat er in mijn tas past", "Waarom de vos niet lacht: over één prentenboek"],
)
@pytest.mark.parametrize(
    "asker",
    [
        "Saskia",
        "Lotte, 9 jaar",
        "Zoë",
        "Een collega van de nachtdienst uit Zwolle",
        "a" * 300,
        "é" * 300,
        HOSTILE,
    ],
)
def test_a_subject_comes_out_as_it_was_written_on_lines_of_a_mail(asker, page):
    raw = sent("question_asked", asker=asker, page=page)
    subject = read(raw)["Subject"]
    assert subject.endswith(f'"{page}"')
    assert subject == " ".join(subject.split())
    assert [name.lower() for name in read(raw)].count("bcc") == 0
    head = raw.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    lines = head.decode().split("\r\n")
    at = next(n for n, line in enumerate(lines) if line.startswith("Subject:"))
    assert len(lines[at]) > len("Subject: ")
    assert all(len(line) <= 78 for line in lines[at : at + 2])


def test_whoever_sends_can_be_answered_because_mails_ask_for_answers():
    assert "no-reply" not in config.Settings.mail_from
    assert header(sent("report_decided"), "From") == [config.Settings.mail_from]
    [number] = header(sent("report_decided"), "Message-ID")
    assert number.endswith("@aanrader.example>")


def test_an_address_that_fits_on_no_line_is_refused_and_not_broken():
    message = EmailMessage(policy=mail_headers.POLICY)
    message["List-Unsubscribe"] = f"<https://a.example/{'x' * 1000}>"
    with pytest.raises(mail_headers.HeaderTooLong):
        message.as_bytes()
