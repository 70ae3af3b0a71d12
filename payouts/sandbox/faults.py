"""Faults on request: which calls and which webhooks go wrong, how, and how often."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from fnmatch import fnmatchcase

from payouts.sandbox.errors import ApiError, Body, malformed, server_error
from payouts.sandbox.store import Tx

CALL_FAULTS = (
    "drop_before",
    "drop_after",
    "delay",
    "409",
    "429_lock",
    "429_rate",
    "500_stored",
    "500_transient",
    "html_502",
)
WEBHOOK_FAULTS = ("duplicate", "reorder", "delay", "lose", "bad_signature")


@dataclass(frozen=True)
class Fault:
    """One fault that fires now; `args` are its own (seconds, copies, effect)."""

    name: str
    args: Body


def plan(tx: Tx, wish: Body) -> list[Body]:
    """Remember one fault, or a random schedule drawn from `seed`; return what was planned.

    Shape: {match: {method, path, nth} or {type, nth}, fault, times, seconds?, copies?, effect?}. `path` and
    `type` are globs, `nth` counts matching calls from 1, `times` is how many in a row go wrong.
    """
    if "seed" in wish:
        return [
            _add(tx, each) for each in drawn(wish["seed"], wish.get("count", 10), wish.get("path", "/v1/*"))
        ]
    return [_add(tx, wish)]


def drawn(seed: object, count: object, path: object) -> list[Body]:
    """Draw a schedule of call faults; the same seed gives the same schedule."""
    if not isinstance(seed, int) or not isinstance(count, int) or not 1 <= count <= 1000:
        raise malformed("seed and count are integers, count at most 1000", param="seed")
    draw = random.Random(seed)  # noqa: S311 - the same seed must give the same faults.
    names = [name for name in CALL_FAULTS if name != "delay"]
    result: list[Body] = []
    nth = 0
    for _ in range(count):
        nth += draw.randint(1, 6)
        result.append(
            {"match": {"method": "POST", "path": path, "nth": nth}, "fault": draw.choice(names), "times": 1}
        )
    return result


def _add(tx: Tx, wish: Body) -> Body:
    name = wish.get("fault")
    match = wish.get("match", {})
    if not isinstance(match, dict):
        raise malformed("match is an object", param="match")
    scope = "webhook" if "type" in match or (name in WEBHOOK_FAULTS and name not in CALL_FAULTS) else "call"
    if name not in (WEBHOOK_FAULTS if scope == "webhook" else CALL_FAULTS):
        raise malformed(
            f"Unknown fault: {name}; calls know {', '.join(CALL_FAULTS)}; webhooks know {', '.join(WEBHOOK_FAULTS)}",
            param="fault",
        )
    nth, times = match.get("nth", 1), wish.get("times", 1)
    for given in (nth, times):
        if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= 1_000_000:
            raise malformed("nth and times are integers of at least 1", param="times")
    args: Body = {key: wish[key] for key in ("seconds", "copies", "effect") if key in wish}
    _check(args)
    pattern = str(match.get("type", "*") if scope == "webhook" else match.get("path", "*"))
    method = str(match.get("method", "*")).upper()
    tx.run(
        "INSERT INTO fault (scope, method, pattern, nth, times, name, args) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (scope, method, pattern, nth, times, name, json.dumps(args)),
    )
    return {
        "fault": name,
        "scope": scope,
        "method": method,
        "pattern": pattern,
        "nth": nth,
        "times": times,
        **args,
    }


def _check(args: Body) -> None:
    seconds, copies = args.get("seconds", 1), args.get("copies", 2)
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= 100_000_000:
        raise malformed("seconds is a number of at least 0", param="seconds")
    if not isinstance(copies, int) or isinstance(copies, bool) or not 1 <= copies <= 100:
        raise malformed("copies is an integer between 1 and 100", param="copies")
    if not isinstance(args.get("effect", False), bool):
        raise malformed("effect is true or false", param="effect")


def take(tx: Tx, scope: str, method: str, subject: str) -> Fault | None:
    """Count a call (its path) or a webhook (its event type) and return the fault that hits it, if any."""
    hit: Fault | None = None
    for row in tx.rows("SELECT * FROM fault WHERE scope = ? AND fired < times ORDER BY seq", (scope,)):
        if row["method"] not in ("*", method) and scope == "call":
            continue
        if not fnmatchcase(subject, row["pattern"]):
            continue
        fires = hit is None and row["seen"] + 1 >= row["nth"]
        tx.run("UPDATE fault SET seen = seen + 1, fired = fired + ? WHERE seq = ?", (int(fires), row["seq"]))
        if fires:
            hit = Fault(str(row["name"]), json.loads(row["args"]))
    return hit


def active(tx: Tx, scope: str | None = None) -> list[Body]:
    """Describe the faults that haven't fired out yet."""
    rows = tx.rows("SELECT * FROM fault WHERE fired < times ORDER BY seq")
    return [{**dict(row), "args": json.loads(row["args"])} for row in rows if scope in (None, row["scope"])]


def refusal(fault: Fault, key: str | None) -> ApiError | None:
    """Return the answer that a fault gives instead of executing; None when it isn't that kind."""
    if fault.name == "409":
        return ApiError(
            409,
            "There is currently another in-progress request using this Idempotent Key (that probably means you "
            f"submitted twice, and the other request is still going through): {key}. Please try again later.",
            code="idempotency_key_in_use",
            stored=False,
        )
    if fault.name == "429_lock":
        return ApiError(
            429,
            "This object cannot be accessed right now because another API request or Stripe process is currently "
            "accessing it. If you see this error intermittently, retry the request.",
            code="lock_timeout",
            stored=False,
            headers={"Stripe-Should-Retry": "true"},
        )
    if fault.name == "429_rate":
        return ApiError(
            429,
            "Request rate limit exceeded. You can learn more about rate limits here "
            "https://stripe.com/docs/rate-limits.",
            code="rate_limit",
            stored=False,
        )
    if fault.name == "500_transient":
        problem = server_error()
        problem.stored = False
        return problem
    return None
