"""Look at a product page through the guard: an address in, what the page says out, or why it can't be said."""

from __future__ import annotations

import io
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import httpx

from marketplace.catalogue.addresses import AddressUnreadable, read_address
from marketplace.catalogue.pages.found import PageRead
from marketplace.catalogue.pages.reading import MOST_BYTES, read_page
from marketplace.core.config import Settings
from marketplace.core.errors import AppError
from marketplace.core.fetch import Wish, host_of, into

DEADLINE = 15
_SAFE = "/%:@!$&'()*+,;=~-._?[]"
_KINDS = frozenset({"", "text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml"})
# Shops whose software knows only one language for everybody ask nothing more; the others get no choice.
_WISH = Wish({"Accept": "text/html,application/xhtml+xml;q=0.9"}, silence=10, unpack=True)


@dataclass(frozen=True, slots=True)
class NoPage:
    """Why a page can't be read: a stable code, the reason, what to do about it, and the status that answered."""

    code: str
    reason: str
    fix: str
    status: int | None = None

    @property
    def is_gone(self) -> bool:
        """Tell whether the shop says that the page is no more."""
        return self.status in (404, 410)


def plain_address(url: str) -> str:
    """Return an address with its host in ASCII and signs of other scripts escaped, as requests carry it.

    Raises AddressUnreadable.
    """
    address = read_address(url)
    split = urlsplit(address.url)
    port = f":{split.port}" if split.port else ""
    path, query = quote(split.path or "/", safe=_SAFE), quote(split.query, safe=_SAFE)
    return urlunsplit((split.scheme.lower(), f"{address.host}{port}", path, query, ""))


def look(url: str, settings: Settings) -> PageRead | NoPage:
    """Fetch a page and read it; no transaction may be open. Never raises for what the other side does."""
    body = io.BytesIO()
    try:
        stored = into(plain_address(url), settings, body, MOST_BYTES, deadline=DEADLINE, wish=_WISH)
    except AddressUnreadable as error:
        return NoPage("address_unreadable", str(error), "Give the full https address of the product's page.")
    except AppError as error:
        return NoPage(error.code, error.message(), error.next)
    if stored.status != 200:
        fix = "Open the address in a browser where nobody is signed in."
        return NoPage("bad_status", f"The server answered with status {stored.status}.", fix, stored.status)
    kind = stored.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _KINDS:
        return NoPage(
            "not_html", f"The address gives {kind[:60]}, not a page.", "Give the address of the page.", 200
        )
    charset = httpx.Response(200, headers=dict(stored.headers)).charset_encoding or ""
    return read_page(body.getvalue(), stored.url, charset)


def host(page: PageRead) -> str:
    """Return the host that answered in the end."""
    return host_of(page.url)
