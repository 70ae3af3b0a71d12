"""The judge of pages sees each fault that it is there for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser

from tests.browser.judging import faults
from tests.browser.pages import Page
from tests.browser.visits import Ground

pytestmark = pytest.mark.browser
WELL = "<main><h1>Earnings of 3 Dec</h1><p>EUR 8,53</p></main>"
# What stands in the page, what stands in its script, and what the judge must say.
BAD = {
    "well": (WELL, "", ""),
    "script": (WELL, "nothing.there", "script: nothing is not defined"),
    "console": (WELL, "console.error('lost')", "console: lost"),
    "inline-style": (WELL + "<p style='color:red'>x</p>", "", "content security policy: style-src-attr"),
    "inline-script": (WELL + "<script>1</script>", "", "content security policy: script-src-elem"),
    "stranger": (WELL + "<img alt='' src='//localhost:9/x.png'>", "", "asks http://localhost:9/x.png"),
    "no-label": ("<main><h1>Earnings</h1><input></main>", "", "light: label"),
    "no-landmark": (WELL + "<p>outside of all</p>", "", "light: region"),
    "wide": (WELL.replace("EUR", "<canvas width=500 height=9></canvas>"), "", "scrolls sideways at 320 px"),
    "shift": (
        WELL,
        "setTimeout(() => document.body.prepend(Object.assign(document.createElement('canvas'),"
        " {width: 900, height: 500})), 40)",
        "the layout shifts by",
    ),
    "dialog": (WELL, "alert('hello')", "dialog: hello"),
    "by-script": (
        WELL,
        "document.querySelector('p').textContent = 'EUR 9,99'",
        "only with JavaScript: ['9,99']",
    ),
    "dark-grey": (WELL, "", "dark: color-contrast"),
}


class Bad(BaseHTTPRequestHandler):
    """Serves one bad page for each fault."""

    def do_GET(self) -> None:
        name, _, kind = self.path[1:].partition(".")
        body, script, _ = BAD.get(name, ("", "", ""))
        if kind == "css":
            self.reply(
                "text/css", "@media (prefers-color-scheme: dark) { p { color: #777; background: #666 } }"
            )
        elif kind == "js":
            self.reply("text/javascript", script)
        elif kind == "ico" or not body:
            self.reply("image/x-icon", "")
        else:
            style = f'<link rel=stylesheet href="/{name}.css">' if name == "dark-grey" else ""
            self.reply(
                "text/html",
                f"<!doctype html><html lang=en><head><title>{name}</title>{style}"
                f'<meta name=viewport content="width=device-width"></head><body>{body}'
                f'<script src="/{name}.js"></script></body></html>',
            )

    def reply(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Security-Policy", "default-src 'self'; img-src *")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def bad(browser: Browser) -> Iterator[Ground]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bad)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    ground = Ground(browser, f"http://127.0.0.1:{server.server_port}", {}, sa.create_engine("sqlite://"))
    yield ground
    ground.close()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", BAD)
def test_the_judge_sees(bad: Ground, name: str) -> None:
    found = faults(bad, Page(name, "anonymous", f"/{name}"))
    wanted = BAD[name][2]
    assert any(one.startswith(wanted) for one in found) if wanted else found == []
