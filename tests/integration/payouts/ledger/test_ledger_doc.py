"""docs/ledger.md tells one sale through every account; here its tables are played and compared line by line."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marketplace.core.money import Money
from payouts.ledger import postings
from tests.conftest import Database
from tests.integration.payouts.world import NOW, World

PAGE = Path(__file__).parents[4] / "docs" / "ledger.md"
Line = tuple[str, int]
Step = tuple[str, list[Line]]
LINES = (
    "SELECT coalesce(jsonb_agg(jsonb_build_array(a.kind, p.amount_minor) ORDER BY p.entry_id, p.line), '[]')"
    " FROM posting p JOIN account a ON a.id = p.account_id WHERE p.entry_id > :after"
)


def minor(text: str) -> int:
    return Money.parse(text, "EUR").minor if text else 0


def story(name: str) -> list[Step]:
    """Read a table of the page: each step with its lines, debits above zero."""
    table = PAGE.read_text(encoding="utf-8").split(f"<!-- story: {name} -->")[1].split("\n\n")[0]
    steps: list[Step] = []
    for row in table.strip().splitlines()[2:]:
        step, account, debit, credit = (cell.strip() for cell in row.strip("|").split("|"))
        if step:
            steps.append((step, []))
        if account:
            steps[-1][1].append((account, minor(debit) - minor(credit)))
    return steps


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    made = World(database)
    yield made
    made.close()


def play(world: World, name: str, acts: list[Callable[[], object]]) -> None:
    """Play one act per step and compare what it posted with the page."""
    steps = story(name)
    assert len(steps) == len(acts)
    for (step, wanted), act in zip(steps, acts, strict=True):
        after = world.one("SELECT coalesce(max(id), 0) FROM entry")
        act()
        posted = [(kind, amount) for kind, amount in world.one(LINES, after=after)]
        # The page may order the lines of an entry for the reader.
        assert sorted(posted) == sorted(wanted), step


def test_one_sale_through_every_account(world: World) -> None:
    shop, adviser, payout = world.shop(), world.adviser(), uuid.uuid4()
    parts = [(shop, Money(800, "EUR"))]
    sales: list[uuid.UUID] = []

    def sell(amount: int) -> None:
        sales.append(world.sale(shop, adviser, amount))
        world.post()

    def move(kind: str, delta: int = 0) -> None:
        world.move(sales[-1], kind, delta)
        world.post()

    play(
        world,
        "funded",
        [
            lambda: world.pay_in(shop, 5000, fee=100),
            lambda: sell(1000),
            lambda: move("reversed", -200),
            lambda: move("approved"),
            lambda: world.enter(postings.reserve(payout, adviser, parts, at=NOW)),
            lambda: world.enter(postings.sent(payout, adviser, parts, transfer_id="tr_1", at=NOW)),
            lambda: world.enter(
                postings.in_bank(payout, adviser, Money(800, "EUR"), stripe_payout_id="po_1", at=NOW)
            ),
            lambda: move("reversed", -400),
            lambda: sell(600),
            lambda: move("approved"),
        ],
    )
    left = {kind: amount for (kind, _owner), amount in world.books().items()}
    assert left == {
        "shop:prepaid": 3900,
        "adviser:available": 200,
        "platform:fee_revenue": 100,
        "platform:stripe_cost": 100,
        "stripe:platform_balance": 4100,
    }
    said = re.findall(
        r"EUR ([0-9.]+)", PAGE.read_text(encoding="utf-8").split("What is left:")[1].split("\n\n")[0]
    )
    assert said == ["39.00", "8.00", "2.00", "1.00", "1.00", "41.00"]


def test_a_sale_that_awaits_the_shop(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    sales: list[uuid.UUID] = []

    def sell() -> None:
        sales.append(world.sale(shop, adviser, 1000))
        world.post()

    def approve() -> None:
        world.move(sales[0], "approved")
        world.post()

    play(world, "awaiting", [sell, approve, lambda: world.pay_in(shop, 2000), world.post])


def test_a_decline_that_a_dispute_undoes(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.pay_in(shop, 2000)
    sales: list[uuid.UUID] = []

    def sell() -> None:
        sales.append(world.sale(shop, adviser, 1000))
        world.post()

    def move(kind: str, delta: int = 0) -> None:
        world.move(sales[0], kind, delta)
        world.post()

    acts = [lambda: move("declined", -1000), lambda: move("reinstated", 500), lambda: move("approved")]
    play(world, "reinstated", [sell, *acts])


def test_every_account_of_the_page_is_on_the_chart(world: World) -> None:
    named = {
        account
        for name in ("funded", "awaiting", "reinstated")
        for _step, lines in story(name)
        for account, _amount in lines
    }
    known = set(world.one("SELECT jsonb_agg(kind) FROM account_kind"))
    assert named <= known
    assert {kind for kind in known if kind.startswith(("shop:", "adviser:", "memo:"))} <= named
