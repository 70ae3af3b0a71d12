"""A shop with orders in every state whose pages are asked for as a browser does."""

from __future__ import annotations

from typing import Any

import lxml.html
from werkzeug.test import TestResponse

import wsgi
from marketplace.core import clock, config, db, web
from payouts.accrual import service as accrual
from tests.conftest import Database
from tests.integration.tracking.trade import Trade, line

HOSTILE = "<script>alert(1)</script>"


class Business:
    """A shop with Anne's orders in every state; asked as a browser asks, by its owner.

    All tests share it, in any order: A- and K-orders, their dispute, Anne and the first offer stay as they are built;
    a test that decides takes its own order (named after what it does), offer or person.
    """

    def __init__(self, database: Database) -> None:
        self.trade = trade = Trade(database)
        wsgi.register()
        trade.app = self.app = web.create_app(config.current(), wsgi.blueprints())
        trade.report(trade.order("A-1", trade.token(trade.anne), lines=[line(title=HOSTILE)]))
        for ref in (
            "A-2",
            "A-3",
            "A-4",
            "A-5",
            "APPROVE-1",
            "APPROVE-2",
            "DECLINE-1",
            "DISPUTE-1",
            "ALL-1",
            "ALL-2",
            "TWO-1",
            "TWO-2",
        ):
            trade.report(trade.order(ref, trade.token(trade.anne)))
        trade.report(trade.order("K-1"))
        trade.edge_mark(-clock.offset())
        trade.move_clock(days=2)
        trade.work()
        self.ids = {one["order_ref"]: one["id"] for one in self.api("/commissions")}
        self.decline("A-2")
        trade.call("POST", f"/commissions/{self.ids['A-3']}/approve", {}, status=200)
        self.open_dispute("A-2")
        with trade.as_worker():
            while db.run_in_transaction(lambda session: accrual.post_due(session, clock.now())):
                pass

    def close(self) -> None:
        self.trade.everything.dispose()

    def decline(self, ref: str) -> None:
        told = {"reason": "duplicate"}
        self.trade.call("POST", f"/commissions/{self.ids[ref]}/decline", told, status=200)

    def open_dispute(self, ref: str) -> str:
        """Let Anne dispute the decline of her order; return the id."""
        told = {"commission_id": self.ids[ref], "statement": HOSTILE, "links": []}
        opened = self.trade.call("POST", "/disputes", told, status=201, bearer=self.trade.anne.bearer)
        return str(opened["id"])

    def api(self, path: str) -> Any:
        return self.trade.call("GET", path, status=200)["items"]

    def ask(
        self, path: str, *, status: int = 200, form: Any = None, who: str | None = "owner"
    ) -> TestResponse:
        bearer = self.trade.owner if who == "owner" else who
        headers = {"Accept": "text/html"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        client = self.app.test_client(use_cookies=False)
        answer = client.open(path, method="GET" if form is None else "POST", data=form, headers=headers)
        assert answer.status_code == status, (answer.status_code, answer.text[:3000])
        if answer.mimetype == "text/html":
            assert HOSTILE not in answer.text
        return answer

    def page(self, path: str, **asked: Any) -> lxml.html.HtmlElement:
        return lxml.html.fromstring(self.ask(path, **asked).text)
