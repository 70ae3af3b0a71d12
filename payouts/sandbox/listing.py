"""Lists as Stripe pages them, newest first, and `expand[]`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from payouts.sandbox.call import Call
from payouts.sandbox.errors import Body, malformed, missing
from payouts.sandbox.forms import MOST, Params
from payouts.sandbox.store import Tx

COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
EXPANDABLE = frozenset(
    [
        "balance_transaction",
        "charge",
        "destination",
        "destination_payment",
        "destination_payment_refund",
        "failure_balance_transaction",
        "latest_charge",
        "line_items",
        "payment_intent",
        "refunds",
        "source",
        "source_refund",
        "source_transaction",
        "source_transfer",
        "transfer",
        "account",
    ]
)


def created_range(params: Params, name: str, column: str) -> tuple[list[str], list[int]]:
    """Return the conditions of a `created`-like filter: an exact second or gt, gte, lt, lte."""
    value = params.data.get(name)
    if value is None:
        return [], []
    if isinstance(value, str):
        second = params.integer(name, least=0, most=MOST * 100)
        return [f"{column} = ?"], [second or 0]
    inner = params.mapping(name)
    inner.allow(*COMPARISONS)
    conditions, values = [], []
    for word, sign in COMPARISONS.items():
        bound = inner.integer(word, least=0, most=MOST * 100)
        if bound is not None:
            conditions.append(f"{column} {sign} ?")
            values.append(bound)
    return conditions, values


def page(
    call: Call,
    kind: str,
    url: str,
    *,
    equal: Sequence[str] = (),
    extra: str = "",
    extra_values: Sequence[Any] = (),
    account: str | None = None,
) -> Body:
    """Return one page of a kind, newest first, with `has_more`.

    `equal` names string parameters that filter on the attribute of the same name; `limit` is 1 to 100
    (10 by default); `starting_after` and `ending_before` are ids in the list and exclude each other.
    """
    params = call.params
    conditions, values = ["kind = ?", "account = ?"], [kind, account or call.account]
    for name in equal:
        wanted = params.text(name)
        if wanted is not None:
            conditions.append(f"json_extract(body, '$.{name}') = ?")
            values.append(wanted)
    if extra:
        conditions.append(extra)
        values.extend(extra_values)
    between, seconds = created_range(params, "created", "created")
    conditions += between
    return cursor_page(call, url, conditions, [*values, *seconds])


def cursor_page(call: Call, url: str, conditions: list[str], values: list[Any]) -> Body:
    """Return one page of the objects that meet the conditions."""
    params = call.params
    limit = params.integer("limit", least=1, most=100) or 10
    after, before = params.text("starting_after"), params.text("ending_before")
    if after and before:
        raise malformed(
            "You cannot parameterize both ending_before and starting_after.", param="ending_before"
        )
    direction = "DESC"
    for name, given, sign in (("starting_after", after, "<"), ("ending_before", before, ">")):
        if given:
            row = call.tx.row("SELECT seq FROM object WHERE id = ?", (given,))
            if row is None:
                raise missing("object", given, param=name, status=400)
            conditions = [*conditions, f"seq {sign} ?"]
            values = [*values, row["seq"]]
    if before:
        direction = "ASC"
    # The conditions are fixed texts of the callers; what a caller of the API gives is bound as values.
    sql = f"SELECT body FROM object WHERE {' AND '.join(conditions)} ORDER BY seq {direction} LIMIT ?"  # noqa: S608
    rows = call.tx.rows(sql, [*values, limit + 1])
    data = [json.loads(row["body"]) for row in rows[:limit]]
    if before:
        data.reverse()
    return {"object": "list", "url": url, "has_more": len(rows) > limit, "data": data}


def expand(tx: Tx, params: Params, body: Body) -> Body:
    """Replace the ids that `expand[]` names by their objects, at most four levels deep."""
    for path in params.items("expand"):
        steps = str(path).split(".")
        if len(steps) > 5:
            raise malformed("You cannot expand more than 4 levels of a property.", param="expand")
        _expand(tx, body, steps, str(path))
    return body


def _expand(tx: Tx, node: Any, steps: list[str], path: str) -> None:
    if isinstance(node, list):
        for part in node:
            _expand(tx, part, steps, path)
        return
    name, rest = steps[0], steps[1:]
    if not isinstance(node, dict) or (name not in EXPANDABLE and name not in ("data", "reversals")):
        raise malformed(f"This property cannot be expanded ({path}).", param="expand")
    value = node.get(name)
    if isinstance(value, str):
        found = tx.get(value)
        if found is not None:
            node[name] = value = found
    elif name == "line_items" and node.get("object") == "checkout.session":
        node[name] = value = tx.setting(f"line_items:{node['id']}", None)
    elif value is None and name not in node:
        raise malformed(f"This property cannot be expanded ({path}).", param="expand")
    if rest and value is not None:
        _expand(tx, value, rest, path)
