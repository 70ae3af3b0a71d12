"""A mail catcher for the demo and the tests: takes every mail over SMTP, keeps it in a folder, shows it over HTTP.

`GET /messages` lists `[{id, to, subject, text, html, links, received_at}]`, newest last, with `?to=` those to one
address; `DELETE /messages` empties it; `GET /` is a page for people, newest first, `?q=` searches. Run as
`python -m marketplace.devtools.mailbox --smtp-port N --http-port N --folder F`.
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
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from marketplace.devtools import mailbox_pages

HOST = "127.0.0.1"
_LINK = re.compile(r"https?://[^\s<>\"')\]]+")
_LARGEST_MAIL = 10_000_000
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
PAGE_POLICY = f"{MAIL_POLICY}; frame-src 'self'; form-action 'self'; base-uri 'none'"


class Mailbox:
    """Mail in a folder: one file per message, numbered in the order of arrival."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        # A mail never changes once it is kept, so each is read once.
        self._read: dict[str, dict[str, Any]] = {}
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

    def messages(self, to: str = "") -> list[dict[str, Any]]:
        """Return every message (to an address that holds `to`) as the list that `GET /messages` gives, newest last."""
        found = [self._one(path) for path in sorted(self.folder.glob("*.eml"))]
        return [message for message in found if to.lower() in message["to"].lower()]

    def message(self, number: str) -> dict[str, Any] | None:
        """Return one message by its number, or None."""
        path = self.folder / f"{number}.eml"
        return self._one(path) if number.isdecimal() and path.is_file() else None

    def raw(self, number: str) -> bytes:
        """Return one message as it came."""
        return (self.folder / f"{number}.eml").read_bytes()

    def _one(self, path: Path) -> dict[str, Any]:
        if path.name not in self._read:
            self._read[path.name] = {"id": path.stem, **_read(path)}
        return self._read[path.name]

    def empty(self) -> None:
        """Throw every message away."""
        with self._lock:
            for path in self.folder.glob("*.eml"):
                path.unlink()
            self._read.clear()


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
        "headers": [(name, str(value)) for name, value in message.items()],
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
            """List the messages as JSON or as a page, or show one."""
            address = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(address.query).items()}
            if address.path == "/messages":
                return self._reply(
                    200,
                    "application/json",
                    json.dumps(mailbox.messages(query.get("to", "")), ensure_ascii=False),
                )
            if address.path == "/":
                return self._reply(200, "text/html", mailbox_pages.listed(mailbox.messages(), query))
            _, first, number, *rest = [*address.path.split("/"), "", ""]
            message = mailbox.message(number) if first == "mail" else None
            if message is None:
                return self._reply(404, "text/plain", "There are / and /messages here, and /mail/<number>.")
            match rest[0]:
                case "html":
                    # Links lead to a tab of their own; nothing in a mail runs, sends a form or loads anything.
                    policy = f"{MAIL_POLICY}; sandbox allow-popups allow-popups-to-escape-sandbox"
                    return self._reply(200, "text/html", mailbox_pages.rich(message), policy)
                case "plain":
                    return self._reply(200, "text/plain", message["text"])
                case "raw":
                    return self._reply(200, "text/plain", mailbox.raw(number).decode("utf-8", "replace"))
            return self._reply(200, "text/html", mailbox_pages.one(message))

        def do_DELETE(self) -> None:
            """Empty the mailbox."""
            if self.path != "/messages":
                return self._reply(404, "text/plain", "DELETE /messages empties the mailbox.")
            mailbox.empty()
            return self._reply(200, "application/json", "[]")

        def _reply(self, status: int, kind: str, text: str, policy: str = PAGE_POLICY) -> None:
            body = text.encode(errors="replace")
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            # A mail is somebody else's text: nothing in it may run or load anything.
            self.send_header("Content-Security-Policy", policy)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet; mail is logged when it arrives."""

    return Handler


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
