"""The sites of the three shops on one loopback port: pages, pictures, feeds and the proofs of their domains.

A shop is chosen by the Host header, or without a name server by the first part of the path:
http://127.0.0.1:PORT/bergkoffie.example/.
"""

from __future__ import annotations

import argparse
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.ports import HOST
from marketplace.devtools.site import PROOF_PATH
from marketplace.devtools.world import pages, plots
from marketplace.devtools.world.drawings import logo, picture
from marketplace.devtools.world.feeds import feed
from marketplace.devtools.world.shelf import Shelved, shelf
from marketplace.devtools.world.shops import SHOPS, ShopFacts, product, shop_of_host
from marketplace.devtools.world.site_control import Control
from marketplace.devtools.world.till import REF, new_ref, report

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,512}", re.ASCII)
_MOST_TOKENS = 5
_MOST_SENT = 10_000
_FEED_KINDS = {"rss": "application/rss+xml", "atom": "application/atom+xml", "csv": "text/csv"}


class Answer(NamedTuple):
    """What is sent: a status, a media type, the bytes, and where a redirect leads."""

    status: int
    kind: str
    body: bytes
    location: str = ""


def hosts_setting(port: int) -> str:
    """Return AANRADER_FETCH_HOSTS so that every host of the shops, and each free name, is found at this port."""
    hosts = [host for one in SHOPS for host in one.hosts]
    return ",".join(f"{host}={HOST}:{port}" for host in (*hosts, *plots.PLOTS))


def answer(host: str, target: str, control: Control) -> Answer:
    """Return the answer to GET `target` on a host, with or without a port in it."""
    parts = urlsplit(target)
    facts, prefix, path = _shop_and_path(host.partition(":")[0], parts.path)
    if path == PROOF_PATH:
        proof = control.proofs.get(facts.host if prefix and facts else host.partition(":")[0].lower())
        return Answer(404, "text/plain", b"") if proof is None else Answer(200, "text/plain", proof.encode())
    if facts is None and path == "/open":
        return _opened((parse_qs(parts.query).get("url") or [""])[0])
    if facts is None:
        return (
            _html(pages.index(control.day)) if path == "/" else Answer(404, "text/plain", b"No such shop.\n")
        )
    query = parse_qs(parts.query, keep_blank_values=True)
    tokens = tuple(dict.fromkeys(one for one in query.get("aan", []) if _TOKEN.fullmatch(one)))[:_MOST_TOKENS]
    visit = pages.Visit(facts, control.day, prefix, tokens)
    if path == "/":
        return _html(pages.home(visit))
    if path.startswith("/i/") and path.endswith(".svg"):
        made = product(path[3:-4])
        if made is not None and made.shop == facts.key:
            return Answer(200, "image/svg+xml", picture(made))
    elif path == "/logo.svg":
        return Answer(200, "image/svg+xml", logo(facts.key, wide="wide" in query))
    elif path in ("/feeds/google.xml", "/feeds/google.csv") and path == facts.feed_path:
        return Answer(200, _FEED_KINDS[facts.feed_format], feed(facts.key, control.day))
    elif path == "/cart":
        found = _on_shelf(visit, (query.get("sku") or [""])[0])
        if found is not None:
            ref = new_ref(found.product.sku) if control.read().get("desk") else ""
            return _html(pages.cart(visit, found, _quantity(query.get("quantity", ["1"])[0]), ref))
    elif path == "/ordered" and REF.fullmatch((query.get("ref") or [""])[0]):
        return _html(pages.ordered(visit, query["ref"][0]))
    elif path.startswith("/p/"):
        # The end of the address is the SKU: whoever changes the title keeps the page.
        words = path.rstrip("/").rsplit("-", 2)
        found = _on_shelf(visit, "-".join(words[-2:])) if len(words) == 3 else _on_shelf(visit, path[3:])
        if found is not None:
            return _html(pages.product_page(visit, found))
    return _html(pages.missing(visit), 404)


def bought(host: str, target: str, body: bytes, control: Control) -> Answer:
    """Return the answer to POST `target` on a host: the order of a cart, reported, and where its thanks stand."""
    facts, prefix, path = _shop_and_path(host.partition(":")[0], urlsplit(target).path)
    sent = parse_qs(body.decode("utf-8", "replace"))
    if facts is None and path == "/proof":
        named, token = (sent.get("host") or [""])[0], (sent.get("token") or [""])[0]
        if plots.place(named, token, control):
            return Answer(200, "text/plain", f"Placed at https://{named}{PROOF_PATH}\n".encode())
        return Answer(422, "text/plain", b"Choose a free name and paste the proof as the page gave it.\n")
    if facts is None or path != "/cart":
        return Answer(404, "text/plain", b"There is nothing to send here.\n")
    tokens = tuple(dict.fromkeys(one for one in sent.get("aan", []) if _TOKEN.fullmatch(one)))[:_MOST_TOKENS]
    visit = pages.Visit(facts, control.day, prefix, tokens)
    found, ref = _on_shelf(visit, (sent.get("sku") or [""])[0]), (sent.get("ref") or [""])[0]
    if found is None or not REF.fullmatch(ref):
        return _html(pages.missing(visit), 404)
    quantity = _quantity(sent.get("quantity", ["1"])[0])
    try:
        report(control.read().get("desk", {}), facts, control.day, ref, found.product.sku, quantity, tokens)
    except DevtoolsError as error:
        return _html(pages.not_ordered(visit, str(error)), 502)
    return Answer(303, "text/plain", b"", visit.to("/ordered", unescaped=True, ref=ref))


def _shop_and_path(host: str, path: str) -> tuple[ShopFacts | None, str, str]:
    facts = shop_of_host(host)
    if facts is not None:
        return facts, "", path or "/"
    first, _, rest = path.removeprefix("/").partition("/")
    facts = shop_of_host(first)
    return (facts, f"/{first}", f"/{rest}") if facts is not None else (None, "", path or "/")


def _opened(address: str) -> Answer:
    """Return the way to a shop's address by path, so that it opens where no name server knows the shop."""
    try:
        parts = urlsplit(address.strip())
        facts = shop_of_host(parts.hostname or "")
    except ValueError:
        facts = None
    if facts is None:
        return Answer(404, "text/plain", b"No such shop.\n")
    query = urlencode(parse_qsl(parts.query))
    return Answer(
        302, "text/plain", b"", f"/{facts.host}{quote(parts.path or '/')}" + (f"?{query}" if query else "")
    )


def _on_shelf(visit: pages.Visit, sku: str) -> Shelved | None:
    wanted = sku.upper()
    return next((one for one in shelf(visit.shop.key, visit.day) if one.product.sku == wanted), None)


def _quantity(text: str) -> int:
    return min(max(int(text), 1), 20) if re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) else 1


def _html(text: str, status: int = 200) -> Answer:
    return Answer(status, "text/html", text.encode())


class WorldSite:
    """The shops' sites, answering on loopback from `server.serve_forever()` on."""

    def __init__(self, port: int, control: Control) -> None:
        """Listen on a loopback port; 0 takes a free one."""

        class Handler(BaseHTTPRequestHandler):
            """Answers as whichever shop was asked for."""

            server_version = "shops"
            sys_version = ""

            def do_GET(self) -> None:
                """Send the page, picture, feed or proof."""
                self._send(with_body=True)

            def do_HEAD(self) -> None:
                """Send what GET would, without the body."""
                self._send(with_body=False)

            def do_POST(self) -> None:
                """Take an order from one of the carts, and from no other site."""
                host = self.headers.get("Host") or ""
                length = self.headers.get("Content-Length", "")
                if self.headers.get("Origin", f"http://{host}") != f"http://{host}":
                    self._answer(Answer(403, "text/plain", b"Only a cart of this shop sends orders.\n"))
                elif not length.isascii() or not length.isdigit() or int(length) > _MOST_SENT:
                    self._answer(Answer(413, "text/plain", b"Too much.\n"))
                else:
                    self._answer(bought(host, self.path, self.rfile.read(int(length)), control))

            def _send(self, *, with_body: bool) -> None:
                self._answer(answer(self.headers.get("Host") or "", self.path, control), with_body=with_body)

            def _answer(self, found: Answer, *, with_body: bool = True) -> None:
                self.send_response(found.status)
                self.send_header("Content-Type", f"{found.kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(found.body)))
                if found.location:
                    self.send_header("Location", found.location)
                self.send_header("X-Content-Type-Options", "nosniff")
                self.send_header("Referrer-Policy", "strict-origin-when-cross-origin")
                policy = (
                    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; form-action 'self'"
                )
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                if with_body:
                    self.wfile.write(found.body)

            def log_message(self, format: str, *args: object) -> None:
                """Stay quiet."""

        self.control = control
        self.server = ThreadingHTTPServer((HOST, port), Handler)
        self.server.daemon_threads = True

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return int(self.server.server_address[1])


def main() -> None:
    """Serve until the process is ended: `python -m marketplace.devtools.world.site --port P --control FILE`."""
    parser = argparse.ArgumentParser(description="The sites of the demo's three shops.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--control", type=Path, help="JSON with proofs by host and the day; read again when it changes"
    )
    args = parser.parse_args()
    WorldSite(args.port, Control(args.control)).server.serve_forever()


if __name__ == "__main__":
    main()
