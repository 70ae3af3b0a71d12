"""What opens over a page can be used and left without a mouse; what moves, glows or is printed suits who asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from tests.browser.judging import RULES
from tests.browser.pages import PAGES, Page
from tests.browser.visits import AXE, Ground

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SIGNED_IN = [("adviser", "/adviser"), ("owner", "/shop/orders"), ("finance", "/finance"), ("admin", "/admin")]
_INSIDE = "id => { const box = document.getElementById(id), at = document.activeElement; return at === document.body || box.contains(at); }"
_AXE = "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}}).then(found => found.violations.map(one => one.id + ' ' + one.nodes[0].target))"
# The ring around what has the focus: an outline, in whichever colour a theme gives it.
# A field in a box of its own glows with the box; the button in a field for a day is the browser's own, as is its ring.
_RING = """() => !document.activeElement.matches(':focus') || [document.activeElement, document.activeElement.parentElement].some(one => { const made = getComputedStyle(one);
  return made.outlineStyle !== 'none' && parseFloat(made.outlineWidth) > 0; })"""
_NAMED = ("adviser-statement", "receipt", "finance-run-done")
_PRINTED = """() => { const shown = one => one.checkVisibility() && one.getBoundingClientRect().height > 0;
  return {
    left: [...document.querySelectorAll('aside.side, .btn, button, nav, dialog, .skip, header.top, footer.foot')].filter(shown).map(
      one => one.tagName + '.' + one.className).slice(0, 5),
    paper: getComputedStyle(document.body).backgroundColor, h1: shown(document.querySelector('main h1')),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth}; }"""


@pytest.fixture
def tabs(ground: Ground) -> Iterator[list[Tab]]:
    """Open tabs of somebody's own, and close them at the end."""
    opened: list[Tab] = []
    yield opened
    for one in opened:
        one.context.close()


def opened(ground: Ground, tabs: list[Tab], role: str, path: str, **options: str) -> Tab:
    """Open a page as a role in a tab of its own."""
    tab = ground.context(role, locale="en-GB", **options).new_page()
    tabs.append(tab)
    tab.goto(path, wait_until="load")
    tab.evaluate(AXE)
    return tab


def keeps_the_focus(tab: Tab, name: str) -> None:
    """Walk around an open dialog in both directions: the page behind it is never reached."""
    for key in ["Tab"] * 12 + ["Shift+Tab"] * 12:
        tab.keyboard.press(key)
        assert tab.evaluate(_INSIDE, name), f"{key} leads out of {name}"
    assert tab.evaluate(_AXE, RULES) == []


@pytest.mark.parametrize(("role", "path"), SIGNED_IN)
def test_palette_and_keys_hold_the_focus_and_give_it_back(
    ground: Ground, tabs: list[Tab], role: str, path: str
) -> None:
    tab = opened(ground, tabs, role, path)
    link = tab.locator("main a").first
    link.focus()
    tab.keyboard.press("Control+k")
    words = tab.locator("#palette-words")
    expect(words).to_be_focused()
    tab.keyboard.type("account")
    expect(tab.locator("#palette li:visible").first).to_contain_text("account", ignore_case=True)
    keeps_the_focus(tab, "palette")
    tab.keyboard.press("Escape")
    expect(tab.locator("#palette")).not_to_be_visible()
    expect(link).to_be_focused()
    tab.keyboard.press("?")
    expect(tab.locator("#keys")).to_be_visible()
    keeps_the_focus(tab, "keys")
    tab.keyboard.press("Escape")
    expect(link).to_be_focused()
    tab.keyboard.press("Control+k")
    words.fill("ORDER")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/find?q=ORDER")


def test_the_menu_is_opened_and_left_by_keys(ground: Ground, tabs: list[Tab]) -> None:
    tab = opened(ground, tabs, "adviser", "/adviser")
    summary = tab.locator("details.menu > summary")
    summary.focus()
    tab.keyboard.press("Enter")
    inside = tab.locator("details.menu .menu-items a").first
    expect(inside).to_be_visible()
    assert tab.evaluate(_AXE, RULES) == []
    tab.keyboard.press("Tab")
    expect(inside).to_be_focused()
    tab.keyboard.press("Escape")
    expect(inside).not_to_be_visible()
    expect(summary).to_be_focused()
    tab.keyboard.press("Enter")
    tab.locator("main h1").click()
    expect(inside).not_to_be_visible()


def test_the_skip_link_comes_first_and_leads_to_the_content(ground: Ground, tabs: list[Tab]) -> None:
    for role, path in [("anonymous", "/"), *SIGNED_IN]:
        tab = opened(ground, tabs, role, path)
        tab.keyboard.press("Tab")
        expect(tab.locator(".skip")).to_be_focused()
        expect(tab.locator(".skip")).to_be_in_viewport()
        tab.keyboard.press("Enter")
        expect(tab.locator("#main")).to_be_focused()


def test_two_letters_lead_to_a_page_and_one_to_the_next_row(ground: Ground, tabs: list[Tab]) -> None:
    tab = opened(ground, tabs, "adviser", "/adviser")
    tab.keyboard.press("g")
    tab.keyboard.press("l")
    tab.wait_for_url("**/adviser/links")
    tab.keyboard.press("/")
    expect(tab.locator("[data-slash]")).to_be_focused()
    tab.keyboard.type("gjk?")
    expect(tab.locator("[data-slash]")).to_have_value("gjk?")
    tab.locator("main h1").click()
    tab.keyboard.press("j")
    expect(tab.locator("table.data tbody tr").first.locator("a, button").first).to_be_focused()
    assert tab.evaluate(_RING)


@pytest.mark.parametrize("colours", ["none", "active"])
def test_every_stop_of_tab_shows_where_it_is(ground: Ground, tabs: list[Tab], colours: str) -> None:
    for role, path in [("anonymous", "/sign-in"), *SIGNED_IN]:
        tab = opened(ground, tabs, role, path, forced_colors=colours)
        bare = []
        for _ in range(40):
            tab.keyboard.press("Tab")
            if tab.evaluate("() => document.activeElement === document.body"):
                break
            if not tab.evaluate(_RING):
                bare.append(tab.evaluate("() => document.activeElement.outerHTML.slice(0, 90)"))
        assert bare == [], path


def test_nothing_moves_for_who_wants_stillness(ground: Ground, tabs: list[Tab]) -> None:
    moving = """() => [...document.querySelectorAll('*')].filter(one => { const made = getComputedStyle(one);
      return [...made.transitionDuration.split(','), ...made.animationDuration.split(',')].some(
        text => parseFloat(text) > .01); }).map(one => one.tagName + '.' + one.className).slice(0, 5)"""
    for role, path in [("anonymous", "/"), *SIGNED_IN]:
        tab = opened(ground, tabs, role, path)
        assert tab.evaluate(moving) == [], path


@pytest.mark.parametrize("name", _NAMED)
def test_paper_has_the_words_and_nothing_to_press(ground: Ground, tabs: list[Tab], name: str) -> None:
    page: Page = next(one for one in PAGES if one.name == name)
    tab = opened(ground, tabs, page.role, ground.path(page))
    tab.set_viewport_size({"width": 680, "height": 960})
    tab.evaluate("() => document.documentElement.setAttribute('data-theme', 'dark')")
    tab.emulate_media(media="print", color_scheme="dark")
    made = tab.evaluate(_PRINTED)
    assert made["left"] == []
    assert made["h1"]
    assert made["wide"] <= 0
    assert made["paper"] in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")


def test_a_dialog_of_a_page_opens_by_key_and_gives_the_focus_back(ground: Ground, tabs: list[Tab]) -> None:
    page = next(one for one in PAGES if one.name == "advice")
    tab = opened(ground, tabs, page.role, ground.path(page))
    opener = tab.locator("main [data-open]:visible").first
    name = opener.get_attribute("data-open")
    assert name is not None
    opener.focus()
    tab.keyboard.press("Enter")
    expect(tab.locator(f"#{name}")).to_be_visible()
    keeps_the_focus(tab, name)
    tab.keyboard.press("Escape")
    expect(tab.locator(f"#{name}")).not_to_be_visible()
    expect(opener).to_be_focused()
