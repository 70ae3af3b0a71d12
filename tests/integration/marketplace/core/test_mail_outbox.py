"""A queued mail goes out once it can, whatever happens in between."""

import dataclasses

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller

from marketplace.core import clock, config, db, mail, mail_letters, mail_sending
from marketplace.devtools import ports


class Catcher:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name.
        self.mails.append(envelope)
        return "250 ok"


@pytest.fixture
def catcher(database, tmp_path, monkeypatch):
    (tmp_path / "hello.en.txt").write_text("Subject: Hello {{ name }}\n\nHi {{ name }},\n")
    for name in ("footer.en.txt", "letter.html"):
        (tmp_path / name).write_text((mail_letters.TEMPLATES / name).read_text())
    monkeypatch.setattr(mail_letters, "TEMPLATES", tmp_path)
    database.open("worker")
    handler = Catcher()
    controller = Controller(handler, hostname="127.0.0.1", port=ports.any_free(1)[0])
    controller.start()
    config.use(dataclasses.replace(config.current(), smtp=f"127.0.0.1:{controller.port}"))
    yield handler
    controller.stop()


def queue_one(**facts):
    with db.transaction() as session:
        mail.queue(
            session, to="kees@a.example", template="hello", facts={"name": "Kees"} | facts, now=clock.now()
        )


def test_a_queued_mail_is_sent_once_and_its_facts_are_forgotten(catcher):
    queue_one(name="<Kees>\r\nBcc: x@y.example")
    assert mail_sending.send_due(clock.wall()) == 1
    assert mail_sending.send_due(clock.wall()) == 0
    assert [envelope.rcpt_tos for envelope in catcher.mails] == [["kees@a.example"]]
    assert b"<Kees>\r\nBcc" not in catcher.mails[0].content.split(b"\r\n\r\n")[0]
    with db.transaction() as session:
        row = session.scalars(sa.select(mail.MailMessage)).one()
        assert row.sent_at is not None
        assert row.facts == {}


def test_a_server_that_is_away_delays_the_mail_and_loses_nothing(catcher):
    there = config.current().smtp
    queue_one()
    config.use(dataclasses.replace(config.current(), smtp="127.0.0.1:1"))
    assert mail_sending.send_due(clock.wall()) == 0
    config.use(dataclasses.replace(config.current(), smtp=there))
    later = clock.wall().replace(year=clock.wall().year + 1)
    assert mail_sending.send_due(later) == 1
