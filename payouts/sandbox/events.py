"""Events: what happened, remembered with the object as it was then, and queued for the webhooks."""

from __future__ import annotations

from typing import Any

from payouts.sandbox import webhooks
from payouts.sandbox.call import Call
from payouts.sandbox.errors import Body
from payouts.sandbox.listing import page
from payouts.sandbox.store import Tx

API_VERSION = "2026-10-28.endive"


def emit(tx: Tx, type_: str, subject: Body, *, account: str, before: Body | None = None) -> Body:
    """Remember an event about `subject` and queue its webhook in the same transaction.

    `account` is whose event it is; on a connected account it becomes the event's `account` field and
    goes to the connect endpoint. `before` holds the changed attributes as they were.
    """
    data: Body = {"object": subject}
    if before is not None:
        data["previous_attributes"] = before
    event: Body = {
        "id": tx.new_id("evt_"),
        "object": "event",
        "api_version": API_VERSION,
        "created": tx.now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": tx.request_id, "idempotency_key": tx.idempotency_key},
        "type": type_,
    }
    endpoint = "account"
    if account != tx.platform:
        event["account"] = account
        endpoint = "connect"
    event["pending_webhooks"] = webhooks.enqueue(tx, event, endpoint)
    tx.put(event, kind="event", account=account)
    return event


def changed(before: Body, after: Body) -> Body:
    """Return the attributes of `before` that differ in `after`, for `previous_attributes`."""
    result: dict[str, Any] = {name: before.get(name) for name in after if before.get(name) != after[name]}
    return result


def _pending(tx: Tx, event: Body) -> Body:
    row = tx.row("SELECT count(*) AS n FROM delivery WHERE event = ? AND state = 'pending'", (event["id"],))
    return {**event, "pending_webhooks": row["n"] if row else 0}


def retrieve(call: Call, event_id: str) -> Body:
    """Return one event with the number of webhooks it still waits for."""
    return _pending(call.tx, call.one("event", "event", event_id))


def list_(call: Call) -> Body:
    """List the acting account's events; `types` holds up to 20 names, `type` one, `*` matches any."""
    call.params.allow(
        "type", "types", "created", "limit", "starting_after", "ending_before", "delivery_success"
    )
    types = [str(name) for name in call.params.items("types")]
    single = call.params.text("type")
    if single:
        types.append(single)
    where = ""
    values: list[str] = []
    if types:
        where = "(" + " OR ".join("json_extract(body, '$.type') GLOB ?" for _ in types) + ")"
        values = types
    found = page(call, "event", "/v1/events", extra=where, extra_values=values)
    found["data"] = [_pending(call.tx, event) for event in found["data"]]
    return found
