"""The mail catcher as a process: what goes in over SMTP comes out over HTTP, also after a kill."""

import http.client
import json
import signal
import smtplib
import subprocess
import sys
import threading
import time
from email.message import EmailMessage

import pytest

from marketplace.devtools import ports
from marketplace.devtools.service import answers_http


class Catcher:
    """A mail catcher of this test."""

    def __init__(self, folder):
        self.folder = folder
        self.smtp, self.http = ports.any_free(2)
        self.process = None

    def start(self):
        argv = [sys.executable, "-m", "marketplace.devtools.mailbox", "--folder", str(self.folder)]
        argv += ["--smtp-port", str(self.smtp), "--http-port", str(self.http)]
        self.process = subprocess.Popen(argv)
        deadline = time.monotonic() + 15
        while not answers_http(self.http, "/messages")():
            assert time.monotonic() < deadline
            time.sleep(0.03)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(10)

    def ask(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=5)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def messages(self):
        status, body = self.ask("GET", "/messages")
        assert status == 200
        return json.loads(body)

    def send(self, subject, text="Hallo", html=None, to="anna@shop.example"):
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "house@aanrader.example", to, subject
        message.set_content(text)
        if html is not None:
            message.add_alternative(html, subtype="html")
        with smtplib.SMTP("127.0.0.1", self.smtp, timeout=5) as client:
            client.send_message(message)


@pytest.fixture
def catcher(tmp_path):
    made = Catcher(tmp_path / "mail")
    made.start()
    yield made
    made.stop(signal.SIGKILL)


def test_mail_comes_out_as_it_went_in_newest_last(catcher):
    catcher.send("Één: bevestig je adres", "Klik op http://127.0.0.1:8400/verify?token=abc-_1&x=2.\nDank!")
    catcher.send("Tweede", html='<p>Ga <a href="https://example.test/a?b=1&amp;c=2">hier</a></p>')
    first, second = catcher.messages()
    assert first["to"] == "anna@shop.example"
    assert first["subject"] == "Één: bevestig je adres"
    assert first["text"].startswith("Klik op")
    assert first["html"] == ""
    assert first["links"] == ["http://127.0.0.1:8400/verify?token=abc-_1&x=2"]
    assert second["subject"] == "Tweede"
    assert second["links"] == ["https://example.test/a?b=1&c=2"]


def test_mail_survives_a_kill(catcher):
    catcher.send("Bewaard")
    catcher.stop(signal.SIGKILL)
    catcher.start()
    catcher.send("Later")
    assert [message["subject"] for message in catcher.messages()] == ["Bewaard", "Later"]


def test_mail_of_many_at_once_is_all_kept(catcher):
    senders = [threading.Thread(target=catcher.send, args=(f"Nummer {n}",)) for n in range(20)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert {message["subject"] for message in catcher.messages()} == {f"Nummer {n}" for n in range(20)}


def test_the_page_shows_the_text_of_others_as_text(catcher):
    catcher.send("<script>alert(1)</script>", "<img src=x onerror=alert(1)>")
    status, page = catcher.ask("GET", "/")
    assert status == 200
    assert "<script>" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_each_mail_has_a_page_with_both_twins_its_headers_and_itself(catcher):
    catcher.send(
        "Één", "Platte tekst", '<html><head></head><body><a href="https://x.example/">Hier</a></body></html>'
    )
    catcher.send("Twee", to="bram@shop.example")
    [only] = json.loads(catcher.ask("GET", "/messages?to=ANNA@")[1])
    assert only["subject"] == "Één"
    here = f"/mail/{only['id']}"
    status, page = catcher.ask("GET", here)
    assert status == 200
    assert "Platte tekst" in page and f'src="{here}/html"' in page and "house@aanrader.example" in page
    assert 'sandbox="allow-popups' in page and "allow-scripts" not in page and "allow-same-origin" not in page
    assert '<base target="_blank">' in catcher.ask("GET", f"{here}/html")[1]
    assert catcher.ask("GET", f"{here}/plain")[1].strip() == "Platte tekst"
    assert "MIME-Version: 1.0" in catcher.ask("GET", f"{here}/raw")[1]
    assert catcher.ask("GET", "/mail/99999999")[0] == catcher.ask("GET", "/mail/..%2f..%2fx")[0] == 404


def test_the_list_is_newest_first_and_can_be_searched(catcher):
    catcher.send("Eerste")
    catcher.send("Tweede", to="bram@shop.example")
    page = catcher.ask("GET", "/")[1]
    assert page.index("Tweede") < page.index("Eerste")
    assert "Eerste" not in catcher.ask("GET", "/?q=BRAM%40")[1]
    assert "Tweede" not in catcher.ask("GET", "/?q=eerste")[1]
    assert '"><script>' not in catcher.ask("GET", "/?q=%22%3E%3Cscript%3E")[1]


def test_delete_empties_it_and_other_paths_are_404(catcher):
    catcher.send("Weg")
    assert catcher.ask("DELETE", "/messages") == (200, "[]")
    assert catcher.messages() == []
    assert catcher.ask("GET", "/elsewhere")[0] == 404
    assert catcher.ask("DELETE", "/")[0] == 404


def test_it_ends_in_order_when_asked(catcher):
    assert catcher.stop(signal.SIGTERM) == 0
    catcher.start()
