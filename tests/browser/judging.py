"""What must hold of every page, told as a list of faults: empty when the page is well."""

from __future__ import annotations

import itertools
import re
from typing import Any, Literal

import lxml.html
from playwright.sync_api import Response

from marketplace.core.pages import LOCALE_COOKIE
from tests.browser.pages import Page
from tests.browser.payloads import HOLE
from tests.browser.visits import AXE, WIDE, Ground, Visit

Theme = Literal["light", "dark"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NARROW = {"width": 320, "height": 640}
MOST_SHIFT = 0.05
_AXE = """([within, options]) => axe.run(within || document, {...options, resultTypes: ['violations']}).then(found => found.violations.map(
  one => one.id + ' (' + one.nodes.length + '): ' + one.nodes.slice(0, 3).map(
    node => node.target.join(' ') + ' ' + (node.any[0] ? node.any[0].message : '')).join(' | ')))"""
_TOO_WIDE = """() => { const most = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= most) return '';
  const wide = [...document.body.querySelectorAll('*')].filter(one => one.getBoundingClientRect().right > most + 1
    && !one.closest('[data-scrolls], .scroll'));
  return document.documentElement.scrollWidth + ' px: ' + wide.slice(0, 4).map(
    one => one.tagName + '.' + one.className).join(', '); }"""
_SETTLED = (
    "() => document.fonts.ready.then(() => new Promise(done => requestAnimationFrame(() => done(true))))"
)
_OPEN = "number => document.querySelectorAll('dialog')[number].showModal()"
_CLOSE = "number => document.querySelectorAll('dialog')[number].close()"
# What lies under an opened menu is not meant to be pressed meanwhile, so that a menu is opened and looked at alone.
_MENU, _OPENED_MENU = "details.menu", "details.menu[open]"
_UNFOLD = "open => document.querySelectorAll('details:not(.menu)').forEach(one => { one.open = open; })"
_MENU_OPEN = "number => { document.querySelectorAll('details.menu')[number].open = true; }"
_MENU_CLOSE = "number => { document.querySelectorAll('details.menu')[number].open = false; }"
# Addresses that speak one language whatever the reader chose.
ONE_LANGUAGE = frozenset({"/a/{slug}"})
# What a page works out afterwards, and says so, stands behind a link without a script.
_FACTS = """() => [...document.querySelectorAll('main h1, main h2, main td, main dd, main li, main p')].filter(
  one => !one.closest('[data-later]')).map(one => one.textContent)"""


def faults(ground: Ground, page: Page, theme: Theme | None = None) -> list[str]:
    """Load a page once and hold it against everything, in both themes and at 320 px.

    theme: the one in which alone it is looked at, for those who have little time.
    """
    visit = ground.visit(page.role)
    tab, path = visit.tab, ground.path(page)
    tab.set_viewport_size(WIDE)  # type: ignore[arg-type]
    tab.emulate_media(color_scheme=theme or "light")
    answer = tab.goto(path, wait_until="load")
    assert answer is not None
    if answer.status != page.status:
        return [f"{path} is answered {answer.status}: {answer.text()[:300]}"]
    tab.evaluate(_SETTLED)
    found = _same_without_script(visit, answer)
    tab.evaluate(AXE)
    found += [f"{theme or 'light'}: {one}" for one in axe(visit)]
    # Asked so late, because what is loaded late shifts a page late.
    found += _shift(visit)
    if theme is None:
        tab.emulate_media(color_scheme="dark")
        # Of all rules only this one depends on the theme.
        found += [f"dark: {one}" for one in axe(visit, "color-contrast")]
    tab.set_viewport_size(NARROW)  # type: ignore[arg-type]
    if wide := tab.evaluate(_TOO_WIDE):
        found.append(f"scrolls sideways at 320 px: {wide}")
    return [*found, *heard(ground, visit, answer)]


def faults_unfolded(ground: Ground, page: Page, language: str) -> list[str]:
    """Hold a page against axe in one language, each theme and width, as it rests and with everything opened."""
    visit = ground.visit(page.role)
    tab = visit.tab
    tab.context.add_cookies([{"name": LOCALE_COOKIE, "value": language, "url": ground.address}])
    try:
        answer = tab.goto(ground.path(page), wait_until="load")
        assert answer is not None
        tab.evaluate(_SETTLED)
        tab.evaluate(AXE)
        found = []
        spoken = tab.evaluate("() => document.documentElement.lang")
        if spoken != language[:2] and page.path not in ONE_LANGUAGE:
            found.append(f"speaks {spoken}")
        for theme, width in itertools.product(("light", "dark"), (1280, 360)):
            where = f"{language} {theme} {width}"
            tab.emulate_media(color_scheme="light" if theme == "light" else "dark")
            tab.set_viewport_size({"width": width, "height": 800})
            found += [f"{where}: {one}" for one in axe(visit)]
            if wide := tab.evaluate(_TOO_WIDE):
                found.append(f"{where} scrolls sideways: {wide}")
            for number in range(tab.locator("dialog").count()):
                tab.evaluate(_OPEN, number)
                found += [f"{where} dialog {number}: {one}" for one in axe(visit)]
                tab.evaluate(_CLOSE, number)
            tab.evaluate(_UNFOLD, True)
            found += [f"{where} unfolded: {one}" for one in axe(visit)]
            tab.evaluate(_UNFOLD, False)
            for number in range(tab.locator(_MENU).count()):
                tab.evaluate(_MENU_OPEN, number)
                found += [f"{where} menu {number}: {one}" for one in axe(visit, within=_OPENED_MENU)]
                tab.evaluate(_MENU_CLOSE, number)
        # As most phones are: what is stacked at 360 may stand beside something here.
        tab.set_viewport_size({"width": 390, "height": 844})
        for unfolded in (False, True):
            tab.evaluate(_UNFOLD, unfolded)
            if wide := tab.evaluate(_TOO_WIDE):
                found.append(f"{language} 390 scrolls sideways, unfolded {unfolded}: {wide}")
        return [*found, *heard(ground, visit, answer)]
    finally:
        tab.context.clear_cookies(name=LOCALE_COOKIE)


def axe(visit: Visit, *rules: str, within: str | None = None) -> list[str]:
    """Return what axe-core finds on the present page, with all rules or those named; it must have been loaded.

    within: a selector; only what it finds is looked at.
    """
    kind: dict[str, Any] = (
        {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": RULES}
    )
    found: list[str] = visit.tab.evaluate(_AXE, [within, {"runOnly": kind}])
    return found


def heard(ground: Ground, visit: Visit, answer: Response) -> list[str]:
    """Return errors of the console, reports of the content security policy, dialogs, and calls to strangers."""
    # That the page itself is a 404 is told by the console too.
    own = [one for one in visit.heard if not (answer.status >= 400 and one.endswith(f"at {answer.url}"))]
    seen = visit.tab.evaluate("() => window.__seen.csp")
    strangers = sorted({url for url in visit.asked if not ground.is_ours(url)})
    return [*own, *(f"content security policy: {one}" for one in seen), *(f"asks {one}" for one in strangers)]


def _shift(visit: Visit) -> list[str]:
    shift = visit.tab.evaluate("() => window.__seen.shift")
    return [f"the layout shifts by {shift:.3f}"] if shift >= MOST_SHIFT else []


def _same_without_script(visit: Visit, answer: Response) -> list[str]:
    """Say which facts stand on the page only because a script put them there, or were taken away by one."""
    plain = lxml.html.fromstring(answer.text())
    before = _words(node.text_content() for node in plain.xpath("//main//*[not(ancestor::*[@data-later]) and (self::h1 or"
                                                                " self::h2 or self::td or self::dd or self::li or"
                                                                " self::p)]"))  # fmt: skip
    after = _words(visit.tab.evaluate(_FACTS))
    found = []
    if not plain.xpath("//main//h1"):
        found.append("without JavaScript there is no h1 in main")
    if only := sorted(after - before)[:5]:
        found.append(f"only with JavaScript: {only}")
    if gone := sorted(before - after)[:5]:
        found.append(f"only without JavaScript: {gone}")
    return found


def _words(texts: Any) -> set[str]:
    """Return the words that hold a figure: amounts, dates, counts and references."""
    return {word for text in texts for word in re.findall(r"\S*\d\S*", text)}


# What a browser made of the page, after every script of ours has run, whatever a policy lets run of it.
_INJECTED = """hole => [...document.querySelectorAll('*')].filter(one => one.localName === hole || [...one.attributes].some(
  own => own.name === hole || /^(on|hx-on)/.test(own.name) || own.name === 'srcdoc'
  || !/^(value|content|placeholder|title|alt|aria-|data-)/.test(own.name) && /^\\s*(javascript|vbscript):/i.test(own.value))).slice(0, 5).map(one => one.outerHTML.slice(0, 120))"""


def injected(visit: Visit) -> list[str]:
    """Return elements and attributes of the present page that somebody's text made."""
    found: list[str] = visit.tab.evaluate(_INJECTED, HOLE)
    return [f"made by a text: {one}" for one in found]


# Attributes that hold words, in which an address leads nowhere.
_SAID = ("value", "content", "placeholder", "title", "alt", "aria-", "data-")


def markup_of(text: str) -> list[str]:
    """Return what in a page somebody's text made: elements, attributes, and what would run or lead to a script."""
    found = []
    for node in lxml.html.fromstring(text).iter():
        if not isinstance(node.tag, str):
            continue
        if (
            node.tag == "script"
            and node.get("type") != "application/ld+json"
            and "alert(" in (node.text or "")
        ):
            found.append(f"script: {(node.text or '')[:80]}")
        if HOLE in (node.tag, *node.keys()):
            found.append(f"<{node.tag}> {' '.join(node.keys())[:60]}")
        for name, value in node.items():
            address = "".join(value.split()).lower()
            if name.startswith(("on", "hx-on")) or (name == "hx-vals" and address.startswith("js:")):
                found.append(f"<{node.tag} {name}={value[:60]}>")
            if not name.startswith(_SAID) and address.startswith(
                ("javascript:", "vbscript:", "data:text", "\x01")
            ):
                found.append(f"<{node.tag} {name}={value[:60]}>")
    return found
