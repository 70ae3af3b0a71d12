"""A mail catcher for the demo and the tests: takes every mail over SMTP, keeps it in a folder, shows it over HTTP.

`GET /messages` lists `[{to, subject, text, html, links, received_at}]`, newest last; `DELETE /messages` empties it;
`GET /` is a page for people. Run as `python -m marketplace.devtools.mailbox --smtp-port N --http-port N --folder F`.
"""

import argparse
import email.policy
import html
import json
import os
import re
import signal
import threading
from email.message import EmailMessage
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
_LINK = re.compile(r"https?://[^\s<>\"')\]]+")
_LARGEST_MAIL = 10_000_000


class Mailbox:
    """Mail in a folder: one file per message, numbered in the order of arrival."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, content: bytes) -> None:
        """Store a message durably before the sender hears that it was taken."""
        with self._lock:
            number = max((int(path.stem) for path in self.folder.glob("*.eml")), default=0) + 1
            unfinished = self.folder / f".{number:08d}"
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self.folder / f"{number:08d}.eml")

    def messages(self) -> list[dict[str, Any]]:
        """Return every message as the list that `GET /messages` gives, newest last."""
        return [_read(path) for path in sorted(self.folder.glob("*.eml"))]

    def empty(self) -> None:
        """Throw every message away."""
        with self._lock:
            for path in self.folder.glob("*.eml"):
                path.unlink()


def _read(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    message = BytesParser(_class=EmailMessage, policy=email.policy.default).parsebytes(content)
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    text = plain.get_content() if plain is not None else ""
    page = rich.get_content() if rich is not None else ""
    links = _LINK.findall(text) + [html.unescape(link) for link in _LINK.findall(page)]
    return {
        "to": str(message["X-Envelope-To"] or message["To"] or ""),
        "subject": str(message["Subject"] or ""),
        "text": text,
        "html": page,
        "links": list(dict.fromkeys(link.rstrip(".,;") for link in links)),
        "received_at": str(message["X-Received-At"] or message["Date"] or ""),
    }


class _Receiver:
    """What aiosmtpd calls for each mail."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail; recipients of the envelope go in a header of our own."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        recipients = ", ".join(envelope.rcpt_tos).replace("\r", "").replace("\n", "")
        self._mailbox.keep(f"X-Envelope-To: {recipients}\r\n".encode() + content)
        return "250 Kept"


def _handler(mailbox: Mailbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers for one mailbox."""

        def do_GET(self) -> None:
            """List the messages as JSON or as a page."""
            if self.path == "/messages":
                self._reply(200, "application/json", json.dumps(mailbox.messages(), ensure_ascii=False))
            elif self.path == "/":
                self._reply(200, "text/html", _page(mailbox.messages()))
            else:
                self._reply(404, "text/plain", "There are / and /messages here.")

        def do_DELETE(self) -> None:
            """Empty the mailbox."""
            if self.path != "/messages":
                return self._reply(404, "text/plain", "DELETE /messages empties the mailbox.")
            mailbox.empty()
            return self._reply(200, "application/json", "[]")

        def _reply(self, status: int, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            # A mail is somebody else's text: nothing in it may run or load anything.
            self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet; mail is logged when it arrives."""

    return Handler


def _page(messages: list[dict[str, Any]]) -> str:
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Mail caught</title>",
        "<style>body{font:16px/1.5 system-ui;max-width:48rem;margin:2rem auto;padding:0 1rem}",
        "article{border-top:1px solid #ccc;padding:1rem 0}pre{white-space:pre-wrap}</style>",
        f"<h1>Mail caught ({len(messages)})</h1>",
    ]
    for message in reversed(messages):
        links = "".join(
            f'<li><a rel=noreferrer href="{html.escape(link)}">{html.escape(link)}</a>'
            for link in message["links"]
        )
        parts.append(
            f"<article><h2>{html.escape(message['subject'])}</h2><p>to {html.escape(message['to'])}, "
            f"{html.escape(message['received_at'])}</p><pre>{html.escape(message['text'] or message['html'])}</pre>"
            f"<ul>{links}</ul></article>"
        )
    return "".join(parts)


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="mailbox", description="Catch mail and show it.")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args(argv)
    mailbox = Mailbox(options.folder)
    receiver = Controller(
        _Receiver(mailbox), hostname=HOST, port=options.smtp_port, data_size_limit=_LARGEST_MAIL
    )
    pages = ThreadingHTTPServer((HOST, options.http_port), _handler(mailbox))
    pages.daemon_threads = True
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    receiver.start()
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    stopped.wait()
    receiver.stop()
    pages.shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
