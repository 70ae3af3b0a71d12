"""Hands that use a page: with a mouse, with the keyboard alone, or with a mouse where no script runs."""

from __future__ import annotations

import contextlib
import re
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import pyotp
from playwright.sync_api import Error, Locator, expect

from marketplace.core import clock
from tests.browser.guests import Guest
from tests.browser.visits import Ground
from tests.walk.town import PASSWORD

Way = Literal["mouse", "keyboard", "no script"]
# Whoever needs more presses of Tab than this to get somewhere, would have given up.
MOST_TABS = 150

_PERSON = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
)


class Hands:
    """One person at a browser of their own; what they press and write is found as they find it: by its words."""

    def __init__(self, ground: Ground, way: Way, locale: str = "en-GB") -> None:
        self.way = way
        # A browser without a screen says so, and its clicks are those of a bot: they earn nothing.
        version = ground.browser.version.partition(".")[0]
        self.context = ground.context(
            locale=locale, java_script_enabled=way != "no script", user_agent=_PERSON.format(version)
        )
        # The shops' own sites are no part of this, and no name server knows them; what the browser asked of them is.
        self.elsewhere: list[str] = []
        self.context.on(
            "request", lambda asked: ground.is_ours(asked.url) or self.elsewhere.append(asked.url)
        )
        self.tab = self.context.new_page()
        self.spent: set[str] = set()

    def go(self, path: str) -> None:
        """Open an address of the product, or one that leads to a shop."""
        try:
            self.tab.goto(path, wait_until="load")
        except Error as error:
            if "ERR_NAME_NOT_RESOLVED" not in error.message:
                raise

    def press(self, name: str | re.Pattern[str], role: Literal["button", "link"] = "button") -> None:
        """Press the button or follow the link that is called so in the page's main part."""
        found = self.tab.get_by_role("main").get_by_role(role, name=name).first
        if self.way != "keyboard":
            found.click()
            return
        self._reach(found)
        self.tab.keyboard.press("Enter")

    def unfold(self, words: str) -> None:
        """Open what is folded behind some words."""
        found = self.tab.locator("main summary", has_text=words).first
        if self.way != "keyboard":
            found.click()
            return
        self._reach(found)
        self.tab.keyboard.press("Enter")

    def write(self, label: str | re.Pattern[str], text: str) -> None:
        """Write into the field with that label, over what stands there."""
        found = self._field(label)
        if self.way != "keyboard":
            found.fill(text)
            return
        self._reach(found)
        self.tab.keyboard.press("Control+A")
        self.tab.keyboard.type(text)

    def tick(self, label: str) -> None:
        """Tick the box with that label."""
        found = self._field(label)
        if self.way != "keyboard":
            found.check()
            return
        self._reach(found)
        self.tab.keyboard.press("Space")

    def choose(self, label: str | re.Pattern[str], option: str | re.Pattern[str]) -> None:
        """Choose what is called so in the list with that label."""
        found = self._field(label)
        named = found.locator("option").filter(has_text=option).first
        if self.way != "keyboard":
            found.select_option(named.get_attribute("value"))
            return
        self._reach(found)
        self.tab.keyboard.type((named.text_content() or "").strip())

    def waits_for(self, *words: str | re.Pattern[str]) -> None:
        """Look at the page until its main part shows each of these, loading it anew as somebody does who waits."""
        for _ in range(20):
            try:
                for one in words:
                    expect(self.tab.get_by_role("main")).to_contain_text(one, timeout=1_500)
                return
            except AssertionError:
                self.tab.reload()
        self.sees(*words)

    def sees(self, *words: str | re.Pattern[str]) -> None:
        """Wait until the page's main part shows each of these."""
        for one in words:
            expect(self.tab.get_by_role("main")).to_contain_text(one, timeout=15_000)

    def text_of(self, css: str) -> str:
        """Return what the first element of a selector says."""
        return (self.tab.locator(css).first.text_content() or "").strip()

    def sign_in(self, guest: Guest, wanted: str) -> None:
        """Go to the page that asks who somebody is on their way to another, and sign in there by its form."""
        self.go(f"/sign-in?next={wanted}")
        self.write("E-mail address", guest.email)
        self.write("Password", PASSWORD)
        self.press("Sign in")
        if guest.totp_secret:
            self.sees("Your password is right")
            self.write("Six digits", self.code(guest))
            self.press("Sign in")
        self.tab.wait_for_url(lambda url: urlsplit(url).path == urlsplit(wanted).path)

    def code(self, guest: Guest) -> str:
        """Return a code of somebody's second factor that was not used yet; there are three at any moment."""
        assert guest.totp_secret is not None
        seconds = int(clock.wall().timestamp())
        for step in (0, 30):
            code = pyotp.TOTP(guest.totp_secret).at(seconds + step)
            if code not in self.spent:
                self.spent.add(code)
                return code
        raise AssertionError("somebody needs more codes than there are")

    def leave(self, name: re.Pattern[str]) -> None:
        """Follow a link that leads to a shop."""
        before = len(self.elsewhere)
        with contextlib.suppress(Error):
            self.press(name, "link")
        for _ in range(100):
            if len(self.elsewhere) > before:
                return
            self.tab.wait_for_timeout(100)
        raise AssertionError(f"{name.pattern} leads nowhere")

    def token(self) -> str:
        """Return the signed token of the click with which this browser last came to a shop."""
        return parse_qs(urlsplit(self.elsewhere[-1]).query)["aan"][0]

    def close(self) -> None:
        """Close the browser."""
        self.context.close()

    def _field(self, label: str | re.Pattern[str]) -> Locator:
        """Return the first field with that label; a part of the page can be called so too."""
        called = self.tab.get_by_role("main").get_by_label(label)
        return called.and_(self.tab.locator("input, textarea, select")).first

    def _reach(self, found: Locator) -> None:
        """Press Tab until something has the focus, as somebody without a mouse does."""
        found.wait_for(state="visible")
        for _ in range(MOST_TABS):
            if found.evaluate("one => one === document.activeElement"):
                return
            self.tab.keyboard.press("Tab")
        raise AssertionError(f"{found} is not reached by Tab")
