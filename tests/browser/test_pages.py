"""Every page of the inventory holds what is promised of pages, in both themes, on a phone, and without a script."""

from __future__ import annotations

import pytest

from tests.browser.fair import Fair
from tests.browser.judging import faults, faults_unfolded
from tests.browser.pages import NOT_PAGES, PAGES, Page, matches
from tests.browser.visits import Ground
from tests.standing import Standing

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.name}-{page.role}")
def test_page_is_well(ground: Ground, page: Page) -> None:
    assert faults(ground, page) == []


@pytest.mark.slow
@pytest.mark.parametrize("language", ["nl_NL", "en_NL"])
@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.name}-{page.role}")
def test_page_is_well_in_each_language_theme_and_width_with_everything_opened(
    ground: Ground, page: Page, language: str
) -> None:
    assert faults_unfolded(ground, page, language) == []


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
