"""No text that anybody gave becomes markup: five hundred payloads in every text column, on every page."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lxml.html
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser

from marketplace.accounts import loader
from tests.browser.conftest import serve
from tests.browser.fair import Fair
from tests.browser.judging import heard
from tests.browser.pages import PAGES, Page
from tests.browser.payloads import COUNT, payloads
from tests.browser.poison import poison
from tests.browser.visits import Ground
from tests.standing import Standing

pytestmark = pytest.mark.browser
ROUNDS = 5
# What every page must at least have been poisoned with; a column that is gone is taken out here.
SHOWN = {"product.title", "adviser.display_name", "shop.name", "shop_order.order_ref"}


@pytest.fixture(scope="module")
def poisoned(
    browser: Browser, fair: Standing[Fair], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """A copy of the fair in which every text is hostile."""
    with serve(fair, fair.world.copy, Path(tmp_path_factory.mktemp("poisoned"))) as address:
        engine = sa.create_engine(
            fair.database.postgres.url("postgres", fair.world.copy), poolclass=sa.pool.NullPool
        )
        made = Ground(browser, address, fair.world.guests, engine)
        yield made
        made.close()


def markup_of(text: str) -> list[str]:
    """Return what in a page would run or lead to a script, beside the page's own script files."""
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
        for name, value in node.items():
            address = "".join(value.split()).lower()
            if name.startswith(("on", "hx-on", "hx-vals")):
                found.append(f"<{node.tag} {name}={value[:60]}>")
            if address.startswith(("javascript:", "vbscript:", "data:text", "\x01")):
                found.append(f"<{node.tag} {name}={value[:60]}>")
    return found


def ask(ground: Ground, page: Page, path: str) -> tuple[int, str]:
    client = http.client.HTTPConnection(ground.address.removeprefix("http://"), timeout=30)
    guest = ground.guests.get(page.role)
    headers = {"Cookie": f"{loader.COOKIE}={guest.cookie}"} if guest else {}
    client.request("GET", path, headers=headers | {"Accept": "text/html"})
    answer = client.getresponse()
    text = answer.read().decode()
    client.close()
    return answer.status, text


def test_no_text_becomes_markup(poisoned: Ground) -> None:
    paths = {page: poisoned.path(page) for page in PAGES}
    columns = poison(poisoned.engine, payloads())
    assert columns >= SHOWN
    wrong: dict[str, Any] = {}
    seen = 0
    for page, path in paths.items():
        status, text = ask(poisoned, page, path)
        seen += "alert(" in text
        if status != page.status or markup_of(text):
            wrong[f"{page.name} as {page.role}"] = (status, markup_of(text)[:3])
    assert wrong == {}
    assert seen > 0


@pytest.mark.slow
def test_no_dialog_and_no_policy_report_on_any_page(poisoned: Ground) -> None:
    all_of_them = payloads()
    assert len(set(all_of_them)) == COUNT == 500
    paths = {page: poisoned.path(page) for page in PAGES}
    wrong: dict[str, list[str]] = {}
    for number in range(ROUNDS):
        poison(poisoned.engine, all_of_them[number::ROUNDS])
        for page, path in paths.items():
            visit = poisoned.visit(page.role)
            answer = visit.tab.goto(path, wait_until="load")
            assert answer is not None
            # What runs late: focus, toggles, pictures that don't load.
            visit.tab.wait_for_timeout(60)
            if found := heard(poisoned, visit, answer):
                wrong.setdefault(page.name, []).extend(found)
    assert wrong == {}
