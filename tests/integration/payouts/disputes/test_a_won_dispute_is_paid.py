"""A declined commission that a dispute won: booked like a sale, paid like a sale, and Stripe agrees to the cent."""

from __future__ import annotations

from typing import Any

import pytest

from marketplace.accounts import registration as accounts
from marketplace.core import clock, db, hooks
from marketplace.core.hooks import Finding
from payouts.accrual import registration as accrual
from payouts.funding.release import release
from payouts.reconciliation import importing
from payouts.statements import registration as statements_room
from tests.applications import application
from tests.integration.payouts.settling import World
from tests.integration.tracking.trade import line, money
from tests.scenarios.house import House
from tracking.commissions import registration as commissions
from tracking.disputes import clockwork, registration

WORDS = {"statement": "They bought what I advised.", "links": []}


class Court(House):
    """A house whose shop declines, and whose adviser disputes that."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        registration.register()
        rooms = (accounts, commissions, registration)
        self.trade.app = application([one for room in rooms for one in room.blueprints()])

    def disputed(self, ref: str, *lines: dict[str, Any]) -> str:
        """Sell, decline and dispute; return the dispute's id."""
        [one] = self.sell(ref, *lines)["commissions"]
        self.world.play("app")
        path = f"/commissions/{one['id']}"
        self.trade.call("POST", f"{path}/decline", {"reason": "outside_terms"}, status=200)
        body = {"commission_id": one["id"]} | WORDS
        made: str = self.trade.call("POST", "/disputes", body, status=201, bearer=self.anne.bearer)["id"]
        self.work()
        return made

    def accepted(self, dispute: str) -> None:
        """Let the shop accept, and everything follow."""
        self.world.play("app")
        self.trade.call("POST", f"/disputes/{dispute}/answer", {"outcome": "accept"}, status=200)
        self.work()

    def work(self) -> None:
        """Let the worker go on with disputes too, and bring it all into the books."""
        self.world.play("worker")
        clockwork.go_on_due()
        super().work()
        accrual.post_all()

    def broken(self) -> dict[str, Finding]:
        """Return each registered promise of money and tracking that does not hold."""
        names = [name for name in hooks.invariants if not name.startswith("certificate")]
        found = {name: self.world.read(hooks.invariants[name].check) for name in names}
        return {name: finding for name, finding in found.items() if not finding.holds}


@pytest.fixture
def court(world: World) -> Court:
    """A shop in business, and everything behind it."""
    return Court(world)


def test_a_declined_sale_that_is_reinstated_is_paid_once_and_everything_agrees(court: Court) -> None:
    court.world.budget(50_000)
    court.world.connect(court.anne.actor)
    dispute = court.disputed("A-1", line("1", "200.00"), line("2", "200.00"))
    # Nothing is reserved while it runs.
    assert court.books() == {"shop:prepaid": 50_000, "stripe:platform_balance": 50_000}
    court.take_back("A-1", "R-1", {"line_ref": "2", "quantity": 0, "net": money("100.00")})
    court.accepted(dispute)
    before = court.books()
    assert (before["adviser:pending"], before["platform:fee_pending"]) == (3_000, 300)
    assert before["shop:prepaid"] == 50_000 - 3_300
    [listed] = court.read("/commissions", court.anne.bearer)["items"]
    assert (listed["state"], listed["amount"]) == ("pending", money("30.00"))
    assert [one["cause"] for one in listed["moves"]][-1] == f"dispute:{dispute}"
    court.approve({"commissions": [listed]})
    after = court.books()
    assert (after["adviser:available"], after["platform:fee_revenue"]) == (3_000, 300)
    assert court.pay().state == "done"
    assert court.world.transfers() == (1, 3_000)
    statements_room.issue_due()
    [item] = court.read("/statements", court.anne.bearer)["items"]
    [order] = court.read(f"/statements/{item['id']}", court.anne.bearer)["document"]["orders"]
    assert (order["standing"], order["in_this_payout"]) == (money("30.00"), money("30.00"))
    court.take_back("A-1", "R-2", {"line_ref": "1", "quantity": 0, "net": money("100.00")})
    assert court.books()["adviser:receivable"] == 1_000
    asked = court.world.web(lambda session: importing.ask(session, "test", court.world.now())).id
    court.world.play("worker")
    [made] = [one for one in importing.run(court.world.gateway, asked, clock.now) if one.currency == "EUR"]
    assert (made.difference_minor, made.explained_minor) == (0, 0)
    assert court.broken() == {}


@pytest.mark.slow
def test_a_win_over_a_budget_that_ran_out_awaits_the_shop_and_is_paid_when_it_pays(court: Court) -> None:
    court.world.budget(2_200)
    dispute = court.disputed("A-1", line("1", "200.00"))
    court.sell("A-2", line("1", "150.00"))
    court.accepted(dispute)
    books = court.books()
    assert (books["shop:prepaid"], books["shop:receivable"], books["adviser:pending"]) == (550, 2_200, 3_500)
    listed = court.read("/commissions", court.anne.bearer)["items"]
    court.approve({"commissions": [one for one in listed if one["order_ref"] == "A-1"]})
    told = court.earnings(court.anne)
    assert (told["awaiting_shop"]["amount"], told["payable"]["amount"]) == (money("20.00"), money("0.00"))
    court.world.budget(5_000)
    now = court.world.now()
    court.world.play("worker")
    db.run_in_transaction(
        lambda session: release(session, court.world.shop_id, "EUR", now), point="test.release"
    )
    court.work()
    told = court.earnings(court.anne)
    assert (told["awaiting_shop"]["amount"], told["payable"]["amount"]) == (money("0.00"), money("20.00"))
    assert court.broken() == {}
