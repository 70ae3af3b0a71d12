"""The whole house for a scenario: a shop in business, its advisers, finance, the books, and Stripe over HTTP."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import flask.testing
import sqlalchemy as sa

from payouts.accrual import registration as accrual
from payouts.ledger.accounts import CHART
from payouts.runs import registration as runs
from payouts.settlement import registration as settlement
from payouts.settlement.payout_models import PayoutRun
from payouts.statements import registration as statements
from tests.applications import application
from tests.integration.payouts.settling import World
from tests.integration.tracking.trade import Joined, Trade, line
from tracking.commissions import registration as commissions
from tracking.commissions import sweeps

BOOKS = sa.text(
    "SELECT a.kind, sum(b.balance_minor)::bigint AS total FROM account a JOIN balance b ON b.account_id = a.id"
    " GROUP BY a.kind HAVING sum(b.balance_minor) <> 0"
)
ROOMS = (commissions, accrual, settlement, runs, statements)


class House:
    """Plays the shop (orders and returns over its API), the worker (sweeps) and finance (runs) by turns."""

    def __init__(self, world: World) -> None:
        world.play("app")
        self.world, self.trade = world, Trade(world.database)
        self.anne = self.trade.anne
        # The budget that the world pays in is this shop's.
        world.shop_id = self.trade.world.shop_id
        world.now()

    @cached_property
    def client(self) -> flask.testing.FlaskClient:
        """Return a client of every route that a scenario reads."""
        app = application([one for room in ROOMS for one in room.blueprints()])
        return app.test_client(use_cookies=False)

    def read(self, path: str, bearer: str) -> Any:
        """Return what somebody is told at an address of our API."""
        self.world.play("app")
        answer = self.client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {bearer}"})
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()

    def earnings(self, who: Joined) -> Any:
        """Return what an adviser reads about their money."""
        [item] = self.read("/earnings", who.bearer)["items"]
        return item

    def sell(self, ref: str, *lines: dict[str, Any], who: Joined | None = None) -> Any:
        """Report an order that an adviser's click led to; return the answer."""
        self.world.play("app")
        token = self.trade.token(who or self.anne)
        answer = self.trade.report(self.trade.order(ref, token, lines=list(lines) or [line()]))
        self.work()
        return answer

    def take_back(self, ref: str, refund_ref: str, *parts: dict[str, Any]) -> None:
        """Report a return; the books follow at once."""
        self.world.play("app")
        self.trade.refund(ref, refund_ref, *parts)
        self.work()

    def approve(self, answer: Any) -> None:
        """Let the shop approve what an order earned, before its hold has passed."""
        self.world.play("app")
        for one in answer["commissions"]:
            self.trade.call("POST", f"/commissions/{one['id']}/approve", {}, status=200)
        self.work()

    def work(self) -> None:
        """Let the worker decide, approve what is due, and bring it all into the books."""
        self.world.play("worker")
        for sweep in (sweeps.decide_due, sweeps.apply_waiting_refunds, sweeps.approve_due, accrual.post_all):
            sweep()

    def pay(self) -> PayoutRun:
        """Make, approve and carry out a run; return it."""
        run = self.world.start()
        self.world.work(run)
        return self.world.run(run.id)

    def books(self) -> dict[str, int]:
        """Return every balance of the house that is not zero, in cents, positive on its normal side."""
        rows = self.world.read(lambda session: session.execute(BOOKS).all())
        return {row.kind: CHART[row.kind].sign * row.total for row in rows}
