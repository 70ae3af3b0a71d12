"""The desk of advice with everybody who reads it: questions, votes, follows, reviews and reports over the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from marketplace.accounts import registration as accounts
from marketplace.advice import registration as advice
from marketplace.community import registration as community
from marketplace.core import db
from tests.applications import application
from tests.integration.marketplace.advice.conftest import Desk
from tests.integration.tracking.furnished import database, furnished
from tracking.commissions import registration as commissions
from tracking.links import registration as links
from tracking.orders import registration as orders

__all__ = ["database", "furnished"]


class Square(Desk):
    """A desk whose pages are read: `reader` is a browser without an account."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        for room in (orders, community):
            room.register()
        rooms = (accounts, advice, community, links, commissions)
        self.trade.app = application([one for room in rooms for one in room.blueprints()])
        self.reader = self.browser()

    def browser(self) -> Any:
        return self.trade.app.test_client()

    def say(self, path: str, body: Any = None, status: int = 201, client: Any = None) -> Any:
        answer = (client or self.reader).post(f"/api/v1{path}", json=body)
        assert answer.status_code == status, (answer.status_code, answer.get_json())
        return answer.get_json()

    def look(self, path: str, status: int = 200) -> Any:
        answer = self.reader.get(f"/api/v1{path}")
        assert answer.status_code == status, (answer.status_code, answer.get_json())
        return answer.get_json()

    @contextmanager
    def as_worker(self) -> Iterator[None]:
        """Let what is done in the block be done with the worker's login."""
        self.trade.database.open("worker")
        try:
            yield
        finally:
            db.close()
            self.trade.database.open("app")

    def mails(self, template: str) -> list[dict[str, Any]]:
        return self.trade.rows(
            "SELECT to_address, audience, locale, facts FROM mail_message WHERE template = :t ORDER BY id",
            t=template,
        )


@pytest.fixture
def square(database: Any) -> Square:
    return Square(database)
