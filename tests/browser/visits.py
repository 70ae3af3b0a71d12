"""A browser that visits the product in the clothes of each role, and where things of theirs are found."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import axe_playwright_python
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request
from playwright.sync_api import Page as Tab

from marketplace.accounts import loader
from tests.browser.guests import Guest, as_owner
from tests.browser.pages import PLACES, Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# Runs before any script of a page: what the page would have hidden from a test that looks afterwards.
WATCH = """
window.__seen = {csp: [], shift: 0};
addEventListener('securitypolicyviolation', event => window.__seen.csp.push(
  event.violatedDirective + ' ' + (event.blockedURI || '') + ' ' + (event.sample || '')));
new PerformanceObserver(list => { for (const entry of list.getEntries())
  if (!entry.hadRecentInput) window.__seen.shift += entry.value; }).observe({type: 'layout-shift', buffered: true});
"""
WIDE = {"width": 1280, "height": 900}


class NothingThere(AssertionError):
    """The world has nothing of the kind that a page of the inventory shows."""


@dataclass
class Visit:
    """One role's tab; what it heard since the last page is in `heard` and `asked`."""

    tab: Tab
    heard: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tab.on("console", self._hear)
        self.tab.on("pageerror", lambda error: self.heard.append(f"script: {error}"))
        self.tab.on("dialog", self._refuse)
        self.tab.on("request", self._note)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.heard.append(f"console: {message.text[:200]} at {message.location.get('url', '')}")

    def _refuse(self, dialog: Any) -> None:
        self.heard.append(f"dialog: {dialog.message[:100]}")
        dialog.dismiss()

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)

    def forget(self) -> None:
        """Begin anew with what was heard and asked."""
        self.heard.clear()
        self.asked.clear()


@dataclass
class Ground:
    """A running product, the browser, and a tab for each role that came."""

    browser: Browser
    address: str
    guests: Mapping[str, Guest]
    # Of a role that may be the tables' owner: it finds the things that addresses name.
    engine: sa.Engine
    visits: dict[str, Visit] = field(default_factory=dict)

    def context(self, role: str = "anonymous", **options: Any) -> BrowserContext:
        """Open a context in which a role has signed in."""
        made = self.browser.new_context(
            **({"base_url": self.address, "viewport": WIDE, "reduced_motion": "reduce"} | options)
        )
        # A busy machine is slow; only what never comes takes this long.
        made.set_default_timeout(30_000)
        if role != "anonymous":
            made.add_cookies(
                [{"name": loader.COOKIE, "value": self.guests[role].cookie, "url": self.address}]
            )
        return made

    def visit(self, role: str) -> Visit:
        """Return the role's tab, which stays open between pages."""
        if role not in self.visits:
            context = self.context(role, locale="en-GB")
            context.add_init_script(WATCH)
            self.visits[role] = Visit(context.new_page())
        visit = self.visits[role]
        visit.forget()
        return visit

    def path(self, page: Page) -> str:
        """Return a page's address, with the ids of things of its role. Raises NothingThere."""
        guest = self.guests.get(page.role)
        values = {
            "user": guest and guest.user_id,
            "adviser": guest and guest.adviser_id,
            "shop": guest and guest.shop_id,
        }

        def find(name: re.Match[str]) -> str:
            with as_owner(self.engine) as session:
                found = session.execute(sa.text(PLACES[name[1]]), values).scalar()
            if found is None:
                raise NothingThere(f"{page.name}: nothing is found by the query {name[1]}")
            return str(found)

        return re.sub(r"\{([a-z_]+)\}", find, page.path)

    def ask(self, page: Page, path: str) -> tuple[int, str]:
        """Return status and text of a page as a program without a browser gets it."""
        client = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=30)
        guest = self.guests.get(page.role)
        headers = {"Cookie": f"{loader.COOKIE}={guest.cookie}"} if guest else {}
        client.request("GET", path, headers=headers | {"Accept": "text/html"})
        answer = client.getresponse()
        text = answer.read().decode()
        client.close()
        return answer.status, text

    def is_ours(self, url: str) -> bool:
        """Tell whether an address is of the product, or of no server at all."""
        return url.startswith((self.address + "/", "data:", "blob:", "about:"))

    def close(self) -> None:
        """Close every tab."""
        for visit in self.visits.values():
            visit.tab.context.close()
