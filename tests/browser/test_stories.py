"""The main job, clicked through: advice is read, a sale is reported, and the money reaches the adviser."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import secrets
from collections.abc import Iterator
from typing import Protocol

import pytest

from tests.browser.fair import Fair
from tests.browser.guests import Guest
from tests.browser.hands import Hands, Way
from tests.browser.pages import Page
from tests.browser.visits import Ground
from tests.integration.tracking.trade import line
from tests.standing import Standing

pytestmark = pytest.mark.browser
ANY_ADVICE = Page("advice", "anonymous", "/a/{slug}")
WAYS = ["mouse", *(pytest.param(way, marks=pytest.mark.slow) for way in ("keyboard", "no script"))]


class Employer(Protocol):
    """A world in which people can begin to work for the platform, and its worker works."""

    def hire(self, role: str) -> Guest:
        """Let somebody begin to work for the platform."""

    def carry_out(self, run_id: str) -> None:
        """Send the payouts of a run."""


@contextlib.contextmanager
def hands(ground: Ground, way: Way, locale: str = "en-GB") -> Iterator[Hands]:
    """Sit down at a browser, and close it afterwards."""
    made = Hands(ground, way, locale)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("way", WAYS)
def test_the_main_job_from_a_link_to_money(ground: Ground, fair: Standing[Fair], way: Way) -> None:
    with fair.at_work() as world:
        world.world._role = "app"
        world.world.now()
        world.house.trade.edge_mark(dt.timedelta(hours=-1))
        ref = f"STORY-{secrets.token_hex(3)}"
        address = an_adviser_makes_a_link(ground, world, way)
        token = a_shopper_follows_it(ground, address, way)
        trade = world.a.trade
        trade.report(trade.order(ref, token, lines=[line("1", "640.00")]))
        world.house.work()
        the_shop_approves(ground, way, ref)
        world.house.work()
        world.world.play("app")
        number = finance_makes_and_approves_a_run(ground, world, way)
        the_adviser_sees_the_money(ground, world, way, ref, number)


@pytest.mark.parametrize("way", WAYS)
def test_a_shopper_reads_advice_asks_and_leaves_for_the_shop(
    ground: Ground, fair: Standing[Fair], way: Way
) -> None:
    slug = ground.path(ANY_ADVICE)
    with hands(ground, way, "nl-NL") as shopper:
        shopper.go(slug)
        shopper.sees("twaalf nachten")
        shopper.write(
            re.compile("^Vraag het aan "), "Kan hij ook in de regen worden opgezet, of wordt hij dan nat?"
        )
        shopper.write(re.compile("^Je voornaam"), "Stan")
        shopper.press(re.compile("^Vraag het aan "))
        shopper.sees("Je vraag ligt bij de adviseur.")
        shopper.leave(re.compile("^Bekijk bij "))
        assert shopper.token()


def an_adviser_makes_a_link(ground: Ground, world: Fair, way: Way) -> str:
    """Paste the address of a product and return the tracked link that comes of it."""
    with hands(ground, way) as adviser:
        adviser.sign_in(ground.guests["adviser"], "/adviser/links")
        adviser.write("Product web address", world.a.ids["page"])
        adviser.press("Create link")
        adviser.sees("Your link is ready")
        return adviser.text_of("#made .copyline code")


def a_shopper_follows_it(ground: Ground, address: str, way: Way) -> str:
    """Follow a tracked link to the shop, and return the token that the shop gets."""
    with hands(ground, way) as shopper:
        shopper.go(address)
        return shopper.token()


def the_shop_approves(ground: Ground, way: Way, ref: str) -> None:
    """Find the order among those that wait, and approve it before its time for returns is over."""
    with hands(ground, way) as owner:
        owner.sign_in(ground.guests["owner"], "/shop/orders")
        owner.sees(ref)
        owner.tick(f"Choose order {ref}")
        owner.press("Approve")
        owner.sees("1 order approved")
        owner.go(f"/shop/orders/{ref}")
        owner.sees("Approved")


def finance_makes_and_approves_a_run(ground: Ground, world: Employer, way: Way) -> str:
    """Make a run, let a second person approve it by its total, carry it out; return its number."""
    people = world.hire("finance"), world.hire("finance")
    with hands(ground, way) as maker, hands(ground, way) as checker:
        maker.sign_in(people[0], "/finance/runs")
        maker.press("Make a run")
        maker.sees("A second person approves")
        path = maker.tab.url
        checker.sign_in(people[1], path.removeprefix(ground.address))
        checker.sees("Approve as the second person")
        total = re.search(r"As it stands above: \D*([\d.,]+)", checker.text_of("main"))
        assert total is not None
        code = checker.code(people[1])
        checker.write("Type the total", "1,00")
        checker.write("Code of your second factor", code)
        checker.press(re.compile("^Approve "))
        checker.sees("This is not the total of the run.")
        checker.write("Type the total", total[1])
        checker.write("Code of your second factor", code)
        checker.press(re.compile("^Approve "))
        checker.sees("The money is reserved; nothing is sent yet.")
        maker.go(path)
        maker.press(re.compile("^Pay "))
        maker.sees("Under way")
        world.carry_out(path.rpartition("/")[2])
        maker.go(path)
        maker.sees("Done")
        return maker.text_of("main h1").rpartition(" ")[2]


def the_adviser_sees_the_money(ground: Ground, world: Fair, way: Way, ref: str, number: str) -> None:
    """See the order among the earnings, and open the statement of the payout."""
    with hands(ground, way) as adviser:
        adviser.sign_in(ground.guests["adviser"], "/adviser/earnings")
        adviser.sees(ref)
        adviser.go("/adviser/payouts")
        adviser.press(re.compile(re.escape(number.removeprefix("R-"))), "link")
        adviser.sees(ref)
