"""A shop whose products an adviser advises on, over the API of advice and of everything below it."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from marketplace.accounts import registration as accounts
from marketplace.advice import registration as advice
from tests.applications import application
from tests.integration.tracking.furnished import database, furnished
from tests.integration.tracking.trade import Trade
from tracking.links import registration as links

__all__ = ["database", "furnished"]

PAGES = "/advice-pages"


class Desk:
    """Where Anne writes: `trade` is the shop she advises on, `product` one of its products."""

    def __init__(self, database: Any) -> None:
        self.trade = Trade(database)
        links.register()
        rooms = (accounts, advice, links)
        self.trade.app = application([one for room in rooms for one in room.blueprints()])
        self.trade.execute("UPDATE shop SET state = 'live'")
        self.product = self.new_product("Molen")

    def new_product(self, title: str, **changes: Any) -> str:
        path = f"/p/{secrets.token_hex(4)}"
        self.trade.world.product(path, sku=title)
        [row] = self.trade.rows("SELECT id FROM product WHERE sku = :t", t=title)
        self.trade.execute(
            "UPDATE product SET title = :t, seen_at = now() + interval '2 days' WHERE id = :i",
            t=title,
            i=row["id"],
        )
        for name, value in changes.items():
            self.trade.execute(f"UPDATE product SET {name} = :v WHERE id = :i", v=value, i=row["id"])
        return str(row["id"])

    def card(self, block: str = "p1", **changes: Any) -> dict[str, Any]:
        given = {"id": block, "type": "product", "product_id": self.product, "offer_id": str(self.trade.world.offer_id),
                 "label": "Voor de meesten", "why": "Maalt fijn.", "plus": ["Licht"], "minus": ["Rammelt"],
                 "for_whom": "Wie thuis espresso zet.", "obtained": "bought"}  # fmt: skip
        return {name: value for name, value in (given | changes).items() if value is not ...}

    def page(self, *blocks: dict[str, Any], **changes: Any) -> dict[str, Any]:
        given = {"kind": "best_for", "language": "nl", "title": "Handmolens voor thuis", "verdict": "Neem de Molen.",
                 "topics": ["koffie"], "blocks": list(blocks) or [self.card()]}  # fmt: skip
        return self.call("POST", PAGES, given | changes, 201)

    def published(self, *blocks: dict[str, Any], **changes: Any) -> dict[str, Any]:
        made = self.page(*blocks, **changes)
        return self.call("POST", f"{PAGES}/{made['page_id']}/publish", {"edit": made["edit"]})

    def call(
        self, method: str, path: str, body: Any = None, status: int = 200, *, bearer: str | None = None
    ) -> Any:
        return self.trade.call(method, path, body, status=status, bearer=bearer or self.trade.anne.bearer)

    def anonymous(self, path: str) -> Any:
        return self.trade.app.test_client(use_cookies=False).get(f"/api/v1{path}")


@pytest.fixture
def desk(database: Any) -> Desk:
    return Desk(database)
