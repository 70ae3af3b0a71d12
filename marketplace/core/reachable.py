"""Where a browser on this machine finds an address: in the demo the shops stand on loopback, where no name leads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from marketplace.core.config import Settings

WSGIApplication = Callable[[dict[str, Any], Any], Iterable[bytes]]


def reachable(address: str, settings: Settings) -> str:
    """Return the address at which a browser finds a page: as it is, but in the demo by path where its host stands.

    settings: `fetch_hosts` names the hosts that stand on this machine; outside of the demo nothing is looked at.
    """
    if settings.mode != "demo":
        return address
    parts = urlsplit(address)
    host = (parts.hostname or "").lower()
    found = settings.fetch_hosts.get(host)
    if found is None:
        return address
    return f"http://{found}/{host}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")


def for_browsers(application: WSGIApplication, settings: Settings) -> WSGIApplication:
    """Return a redirector that leads browsers of the demo to where they find a shop; others get its plain answer.

    Only somebody who walks from page to page says so (Sec-Fetch-Mode: navigate): programs that follow links in the
    demo read the addresses that production gives. Outside of the demo the redirector is returned as it is.
    """
    if settings.mode != "demo" or not settings.fetch_hosts:
        return application

    def lead(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_SEC_FETCH_MODE") != "navigate":
            return application(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            led = [
                (name, reachable(value, settings) if name == "Location" else value) for name, value in headers
            ]
            return start_response(status, led, *more)

        return application(environ, start)

    return lead
