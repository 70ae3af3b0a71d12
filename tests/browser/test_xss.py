"""No text that anybody gave becomes markup: five hundred payloads in every text column, on every page."""

from __future__ import annotations

import pytest

from tests.browser.judging import heard, injected
from tests.browser.pages import ORDER, PAGES
from tests.browser.payloads import COUNT, payloads
from tests.browser.poison import poison
from tests.browser.visits import Ground

pytestmark = pytest.mark.browser
ROUNDS = 5
# What every page must at least have been poisoned with; a column that is gone is taken out here.
SHOWN = {"product.title", "adviser.display_name", "shop.name", "shop_order.order_ref"}


@pytest.mark.slow
def test_no_dialog_and_no_policy_report_on_any_page(poisoned: Ground) -> None:
    all_of_them = payloads()
    assert len(set(all_of_them)) == COUNT == 500
    paths = {page: poisoned.path(page) for page in PAGES}
    wrong: dict[str, list[str]] = {}
    for number in range(ROUNDS):
        poison(poisoned.engine, all_of_them[number::ROUNDS], {paths[ORDER].rpartition("/")[2]})
        for page, path in paths.items():
            visit = poisoned.visit(page.role)
            answer = visit.tab.goto(path, wait_until="load", timeout=60_000)
            assert answer is not None
            # What runs late: focus, toggles, pictures that don't load.
            visit.tab.wait_for_timeout(60)
            # A hole is a hole also where the policy keeps its script from running.
            if found := [*heard(poisoned, visit, answer), *injected(visit)]:
                wrong.setdefault(page.name, []).extend(found)
    assert wrong == {}
