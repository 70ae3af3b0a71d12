"""What must hold of every page, told as a list of faults: empty when the page is well."""

from __future__ import annotations

import re
from typing import Any

import lxml.html
from playwright.sync_api import Response

from tests.browser.pages import Page
from tests.browser.visits import AXE, WIDE, Ground, Visit

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NARROW = {"width": 320, "height": 640}
MOST_SHIFT = 0.05
_AXE = """options => axe.run(document, {...options, resultTypes: ['violations']}).then(found => found.violations.map(
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
_FACTS = """() => [...document.querySelectorAll('main h1, main h2, main td, main dd, main li, main p')].map(
  one => one.textContent)"""


def faults(ground: Ground, page: Page) -> list[str]:
    """Load a page once and hold it against everything, in both themes and at 320 px."""
    visit = ground.visit(page.role)
    tab, path = visit.tab, ground.path(page)
    tab.set_viewport_size(WIDE)  # type: ignore[arg-type]
    tab.emulate_media(color_scheme="light")
    answer = tab.goto(path, wait_until="load")
    assert answer is not None
    if answer.status != page.status:
        return [f"{path} is answered {answer.status}: {answer.text()[:300]}"]
    tab.evaluate(_SETTLED)
    found = [*_shift(visit), *_same_without_script(visit, answer)]
    tab.evaluate(AXE)
    found += [f"light: {one}" for one in axe(visit)]
    tab.emulate_media(color_scheme="dark")
    # Of all rules only this one depends on the theme.
    found += [f"dark: {one}" for one in axe(visit, "color-contrast")]
    tab.set_viewport_size(NARROW)  # type: ignore[arg-type]
    if wide := tab.evaluate(_TOO_WIDE):
        found.append(f"scrolls sideways at 320 px: {wide}")
    return [*found, *heard(ground, visit, answer)]


def axe(visit: Visit, *rules: str) -> list[str]:
    """Return what axe-core finds on the present page, with all rules or those named; it must have been loaded."""
    kind: dict[str, Any] = (
        {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": RULES}
    )
    found: list[str] = visit.tab.evaluate(_AXE, {"runOnly": kind})
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
    before = _words(node.text_content() for node in plain.xpath("//main//*[self::h1 or self::h2 or self::td or"
                                                                " self::dd or self::li or self::p]"))  # fmt: skip
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
