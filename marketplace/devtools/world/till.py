"""The till of the demo's shops: what somebody buys there by hand is reported as a shop reports its own orders."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.talk import Caller
from marketplace.devtools.world.diary import sold
from marketplace.devtools.world.shops import ShopFacts

REF = re.compile(r"[A-Z]{2}-W[0-9A-F]{8}", re.ASCII)


def new_ref(sku: str) -> str:
    """Return an order number that no played order has; it stands in the cart, so a second press is the same order."""
    return f"{sku[:2]}-W{secrets.token_hex(4).upper()}"


def desk_of(facts: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    """Return what the sites must know to report orders: where to, the time of business, and a key for each host."""
    return {"web": facts["web"], "edge": facts["edge"], "keys": dict(keys)}


def report(
    desk: Mapping[str, Any],
    facts: ShopFacts,
    day: int,
    ref: str,
    sku: str,
    quantity: int,
    tokens: Sequence[str],
) -> None:
    """Report an order to the marketplace, placed this moment in business time; again with its ref changes nothing.

    Raises DevtoolsError when the marketplace refuses it or doesn't answer.
    """
    key = desk.get("keys", {}).get(facts.host)
    if key is None:
        raise DevtoolsError(f"{facts.host} has no key to report orders with")
    line = sold("1", sku, quantity, day)
    amounts = {
        name: {"amount": f"{amount:.2f}", "currency": facts.currency}
        for name, amount in (("net", line.net), ("tax", line.tax))
    }
    now = Caller(str(desk["edge"])).call("GET", "/_edge/health")["business_now"]
    sent = {
        "line_ref": line.ref,
        "sku": line.sku,
        "title": line.title,
        "category": line.category,
        "quantity": quantity,
    }
    Caller(str(desk["web"]), key).post(
        "orders",
        {
            "order_ref": ref,
            "ordered_at": now,
            "currency": facts.currency,
            "click_tokens": list(tokens),
            "lines": [sent | amounts],
            "channel": "web",
        },
    )
