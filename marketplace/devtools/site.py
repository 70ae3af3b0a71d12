"""A shop's web site on loopback: it proves domains, and answers every other address with a plain page."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, MutableMapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

PROOF_PATH = "/.well-known/aanrader.txt"
_HOST = re.compile(rb"https?://([A-Za-z0-9.-]{1,253})(?=[/?#:\s<\"'&\]]|$)")


class ShowsProofs(Protocol):
    """Whatever shows a host's proof once the token stands in `proofs` by the host."""

    @property
    def proofs(self) -> MutableMapping[str, str]:
        """Return the proof tokens by host."""


class Site:
    """The shop's site: which proof each host shows, and where it listens."""

    def __init__(self, port: int = 0) -> None:
        """Listen on a loopback port; 0 takes a free one."""
        proofs: dict[str, str] = {}

        class Handler(BaseHTTPRequestHandler):
            """Answers as whichever host was asked for."""

            def do_GET(self) -> None:
                """Send the proof of the host, or a page."""
                host = (self.headers.get("Host") or "").split(":")[0].lower()
                proof = proofs.get(host)
                found = self.path != PROOF_PATH or proof is not None
                body = (
                    proof
                    if self.path == PROOF_PATH and proof
                    else "<title>Shop</title><p>A product page.</p>"
                )
                content = body.encode()
                self.send_response(200 if found else 404)
                kind = "text/plain" if self.path == PROOF_PATH else "text/html"
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Stay quiet."""

        self.proofs = proofs
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True

    @property
    def address(self) -> str:
        """Return host:port of this site."""
        return f"127.0.0.1:{self.server.server_address[1]}"

    def fetch_hosts(self, hosts: list[str]) -> str:
        """Return the setting that maps these hosts to this site."""
        return ",".join(f"{host}={self.address}" for host in hosts)


@contextlib.contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Answer for as long as the `with` lasts."""
    thread = threading.Thread(target=site.server.serve_forever, name="site", daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()


def hosts_in(feed: bytes, most: int = 200) -> list[str]:
    """Return the hosts that addresses in a feed name, in the order in which they first stand there."""
    found = dict.fromkeys(match.decode("ascii").lower() for match in _HOST.findall(feed))
    return list(found)[:most]
