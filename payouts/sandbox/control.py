"""`/_sandbox`: the clock, faults, actions, settings, the webhook queue, what there is, and reset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, jsonify, request

from payouts.sandbox import actions, balance, clock, faults, schedule, virtual_time, webhooks
from payouts.sandbox.errors import ApiError, Body, malformed
from payouts.sandbox.idempotency import LIFE
from payouts.sandbox.links import LINK_SECONDS
from payouts.sandbox.payments import FEE_BASIS_POINTS, FEE_FIXED
from payouts.sandbox.payouts import ARRIVES_AFTER, SUBMITTED_AFTER
from payouts.sandbox.store import TABLES, Store, Tx
from payouts.sandbox.webhooks import Sender

NUMBERS = {
    "fee_basis_points": FEE_BASIS_POINTS,
    "fee_fixed": FEE_FIXED,
    "available_after_days": 0,
    "idempotency_seconds": LIFE,
    "account_link_seconds": LINK_SECONDS,
    "payout_submitted_seconds": SUBMITTED_AFTER,
    "payout_arrives_seconds": ARRIVES_AFTER,
    "payout_minimum": 1,
    "transfer_minimum": 1,
}
WORDS = ("webhook_account", "webhook_connect", "secret_account", "secret_connect")


def wish() -> Body:
    """Return the JSON object in the request's body; an empty body is an empty object."""
    if not request.get_data():
        return {}
    given = request.get_json(force=True, silent=True)
    if not isinstance(given, dict):
        raise malformed("Send a JSON object.")
    return given


def settings(tx: Tx) -> Body:
    """Return every setting with its value; secrets are never shown."""
    found: Body = {name: tx.setting(name, default) for name, default in NUMBERS.items()}
    found.update({name: tx.setting(name, None) for name in WORDS if name.startswith("webhook")})
    return found


def change_settings(tx: Tx, given: Body) -> None:
    """Remember settings; refuse unknown names and values that aren't whole numbers or strings."""
    for name, value in given.items():
        if name in NUMBERS:
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1_000_000_000:
                raise malformed(f"{name} is a whole number", param=name)
        elif name not in WORDS or not (value is None or isinstance(value, str)):
            raise malformed(f"Unknown setting: {name}; known are {', '.join([*NUMBERS, *WORDS])}", param=name)
        elif name.startswith("webhook") and value is not None and not webhooks.sendable(value):
            raise malformed(f"{name} is an http(s) address", param=name)
        tx.set_setting(name, value)


def state(tx: Tx) -> Body:
    """Say what there is: counts and sums per kind, balances, webhooks, faults and the clock."""
    counts = {
        row["kind"]: row["n"] for row in tx.rows("SELECT kind, count(*) AS n FROM object GROUP BY kind")
    }
    sums: dict[str, dict[str, int]] = {}
    for row in tx.rows(
        "SELECT kind, json_extract(body, '$.currency') AS currency, sum(json_extract(body, '$.amount')) AS total "
        "FROM object WHERE kind IN ('transfer', 'transfer_reversal', 'refund', 'dispute', 'topup', 'payment_intent') "
        "AND account = ? GROUP BY 1, 2",
        (tx.platform,),
    ):
        sums.setdefault(row["kind"], {})[row["currency"]] = row["total"]
    for row in tx.rows(
        "SELECT CASE WHEN account = ? THEN 'platform' ELSE 'connected' END || '_payout_' || "
        "json_extract(body, '$.status') AS word, json_extract(body, '$.currency') AS currency, "
        "sum(json_extract(body, '$.amount')) AS total FROM object WHERE kind = 'payout' GROUP BY 1, 2",
        (tx.platform,),
    ):
        sums.setdefault(row["word"], {})[row["currency"]] = row["total"]
    accounts = [row["id"] for row in tx.rows("SELECT id FROM object WHERE kind = 'account' ORDER BY seq")]
    balances = {
        account: {
            currency: {"available": now, "pending": later}
            for currency, (now, later) in balance.totals(tx, account).items()
        }
        for account in accounts
    }
    queue = webhooks.counts(tx)
    return {
        "platform": tx.platform,
        "counts": counts,
        "sums": sums,
        "balances": balances,
        "webhooks_pending": queue["pending"],
        "webhooks": queue,
        "faults": faults.active(tx),
        "clock": virtual_time.shown(tx),
    }


def reset(tx: Tx) -> None:
    """Forget everything but the settings of the webhook endpoints; the clock is wall time again."""
    kept = {name: tx.setting(name, None) for name in WORDS}
    for table in TABLES:
        tx.run(f"DELETE FROM {table}")  # noqa: S608 - the names are our own.
    for name, value in kept.items():
        tx.set_setting(name, value)
    tx.now = clock.wall()
    schedule.start(tx)


def register(app: Flask, store: Store, sender: Sender) -> None:
    """Add the control addresses to the app."""

    def changing(work: Callable[[Tx], Any], show: Callable[[Tx], Any] | None = None) -> Response:
        with store.write() as tx:
            schedule.run(tx)
            result = work(tx)
            # The clock may have been moved, so what became due is done before anyone sees the new time.
            schedule.run(tx)
            if show is not None:
                result = show(tx)
        sender.wake.set()
        return jsonify(result)

    def showing(work: Callable[[Tx], Any]) -> Response:
        schedule.catch_up(store)
        with store.read() as tx:
            return jsonify(work(tx))

    @app.get("/_sandbox/clock")
    def get_clock() -> Response:
        return showing(virtual_time.shown)

    @app.post("/_sandbox/clock")
    def set_clock() -> Response:
        given = wish()
        return changing(lambda tx: virtual_time.move(tx, given), virtual_time.shown)

    @app.get("/_sandbox/faults")
    def get_faults() -> Response:
        return showing(lambda tx: {"data": faults.active(tx)})

    @app.post("/_sandbox/faults")
    def set_faults() -> Response:
        given = wish()
        return changing(lambda tx: {"data": faults.plan(tx, given)})

    @app.delete("/_sandbox/faults")
    def clear_faults() -> Response:
        return changing(lambda tx: {"cleared": tx.run("DELETE FROM fault")})

    @app.post("/_sandbox/actions")
    def act() -> Response:
        given = wish()
        return changing(lambda tx: actions.perform(tx, given))

    @app.get("/_sandbox/settings")
    def get_settings() -> Response:
        return showing(settings)

    @app.post("/_sandbox/settings")
    def set_settings() -> Response:
        given = wish()
        return changing(lambda tx: change_settings(tx, given), settings)

    @app.get("/_sandbox/webhooks")
    def get_webhooks() -> Response:
        return showing(lambda tx: {"counts": webhooks.counts(tx), "data": webhooks.list_(tx)})

    @app.post("/_sandbox/webhooks/flush")
    def flush() -> Response:
        schedule.catch_up(store)
        sent = sender.flush()
        return showing(lambda tx: {"accepted": sent, "counts": webhooks.counts(tx)})

    @app.get("/_sandbox/state")
    def get_state() -> Response:
        return showing(state)

    @app.post("/_sandbox/reset")
    def forget() -> Response:
        return changing(reset, state)

    @app.errorhandler(ApiError)
    def refuse(refusal: ApiError) -> tuple[Response, int]:
        return jsonify(refusal.body("req_control")), refusal.status
