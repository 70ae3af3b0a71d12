"""Every page of the inventory holds what is promised of pages, in both themes, on a phone, and without a script."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.fair import Fair
from tests.browser.judging import Theme, faults, faults_unfolded, markup_of
from tests.browser.pages import NOT_PAGES, ORDER, PAGES, PLACES, Page, matches
from tests.browser.payloads import payloads
from tests.browser.poison import poison
from tests.browser.visits import Ground
from tests.drawn import chance, is_fast
from tests.standing import Standing

pytestmark = pytest.mark.browser
# What every page must at least have been poisoned with; a column that is gone is taken out here.
SHOWN = {"product.title", "adviser.display_name", "shop.name", "shop_order.order_ref"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.name}-{page.role}")
def test_page_is_well(ground: Ground, page: Page) -> None:
    # The fast tests look at each page in one theme, drawn anew each run.
    theme: Theme | None = chance().choice(["light", "dark"]) if is_fast() else None
    assert faults(ground, page, theme) == []


@pytest.mark.slow
@pytest.mark.parametrize("language", ["nl_NL", "en_NL"])
@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.name}-{page.role}")
def test_page_is_well_in_each_language_theme_and_width_with_everything_opened(
    ground: Ground, page: Page, language: str
) -> None:
    assert faults_unfolded(ground, page, language) == []


def test_no_page_stands_twice_in_the_inventory() -> None:
    assert len({page.name for page in PAGES}) == len({(page.role, page.path) for page in PAGES}) == len(PAGES)


def test_every_page_route_is_in_the_inventory_or_says_why_not(ground: Ground, fair: Standing[Fair]) -> None:
    paths = [ground.path(page) for page in PAGES]
    rules = {
        rule.rule
        for rule in fair.world.app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith(("/api/v1/", "/_dev/"))
    }
    bare = sorted(
        rule for rule in rules if rule not in NOT_PAGES and not any(matches(rule, path) for path in paths)
    )
    assert bare == [], "add these to tests/browser/pages.py"
    assert sorted(set(NOT_PAGES) - rules) == [], "these routes are gone"


def test_no_text_becomes_markup(poisoned: Ground) -> None:
    paths = {page: poisoned.path(page) for page in PAGES}
    # Every fifth, because all of them take minutes: test_xss.py does that.
    columns = poison(poisoned.engine, payloads()[::5], {paths[ORDER].rpartition("/")[2]})
    assert columns >= SHOWN
    wrong: dict[str, Any] = {}
    seen = 0
    for page, path in paths.items():
        status, text = poisoned.ask(page, path)
        seen += "alert(" in text
        if status != page.status or markup_of(text):
            wrong[f"{page.name} as {page.role}"] = (status, markup_of(text)[:3])
    assert wrong == {}
    assert seen > 0


ROLES = {"shop": "owner", "adviser": "adviser"}


def test_the_fair_has_something_of_every_kind_that_addresses_name(ground: Ground) -> None:
    for place, query in PLACES.items():
        role = next((role for word, role in ROLES.items() if f":{word}" in query), "anonymous")
        assert ground.path(Page(place, role, f"{{{place}}}"))
