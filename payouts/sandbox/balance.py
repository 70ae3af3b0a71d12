"""Balances and balance transactions: every movement of money is one row, a balance is their sum."""

from __future__ import annotations

from payouts.sandbox.call import Call
from payouts.sandbox.errors import Body, malformed
from payouts.sandbox.listing import created_range, cursor_page, page
from payouts.sandbox.store import Tx


def record(
    tx: Tx,
    account: str,
    *,
    type_: str,
    category: str,
    amount: int,
    currency: str,
    source: str | None,
    fee: int = 0,
    fee_note: str = "Stripe processing fees",
    available_on: int | None = None,
    description: str | None = None,
    payout: str | None = None,
) -> Body:
    """Move money on one account and return the balance transaction.

    `amount` and `fee` are minor units; the balance changes by amount - fee, and what is positive counts as
    available from `available_on` (a virtual second; now when absent). `payout` is the automatic payout
    that the movement belongs to.
    """
    when = tx.now if available_on is None else max(available_on, tx.now)
    details: list[Body] = []
    if fee:
        details = [
            {
                "amount": fee,
                "application": None,
                "currency": currency,
                "description": fee_note,
                "type": "stripe_fee",
            }
        ]
    body: Body = {
        "id": tx.new_id("txn_"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": when,
        "balance_type": "payments",
        "created": tx.now,
        "currency": currency,
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": details,
        "net": amount - fee,
        "reporting_category": category,
        "source": source,
        "status": "available" if when <= tx.now else "pending",
        "type": type_,
    }
    tx.put(body, kind="balance_transaction", account=account)
    tx.run(
        "INSERT INTO movement (txn, account, currency, net, available_on, payout) VALUES (?, ?, ?, ?, ?, ?)",
        (body["id"], account, currency, amount - fee, when, payout),
    )
    return body


def available(tx: Tx, account: str, currency: str) -> int:
    """Return what the account may send now, in minor units."""
    row = tx.row(
        "SELECT coalesce(sum(net), 0) AS total FROM movement "
        "WHERE account = ? AND currency = ? AND available_on <= ?",
        (account, currency, tx.now),
    )
    return int(row["total"]) if row else 0


def totals(tx: Tx, account: str) -> dict[str, tuple[int, int]]:
    """Return (available, pending) in minor units per currency."""
    rows = tx.rows(
        "SELECT currency, coalesce(sum(net) FILTER (WHERE available_on <= ?1), 0) AS available, "
        "coalesce(sum(net) FILTER (WHERE available_on > ?1), 0) AS pending "
        "FROM movement WHERE account = ?2 GROUP BY currency ORDER BY currency",
        (tx.now, account),
    )
    return {row["currency"]: (row["available"], row["pending"]) for row in rows}


def object_of(tx: Tx, account: str) -> Body:
    """Return the balance object of an account."""
    sums = totals(tx, account)
    if not sums:
        owner = tx.get(account, kind="account") or {}
        sums = {str(owner.get("default_currency", "eur")): (0, 0)}
    parts: dict[str, list[Body]] = {"available": [], "pending": []}
    for currency, pair in sums.items():
        for name, amount in zip(("available", "pending"), pair, strict=True):
            parts[name].append({"amount": amount, "currency": currency, "source_types": {"card": amount}})
    return {"object": "balance", "livemode": False, **parts}


def retrieve(call: Call) -> Body:
    """Return the acting account's balance."""
    call.params.allow()
    return object_of(call.tx, call.account)


def _fresh(tx: Tx, body: Body) -> Body:
    """Say of a balance transaction whether it is available by now."""
    return {**body, "status": "available" if body["available_on"] <= tx.now else "pending"}


def transaction(call: Call, txn_id: str) -> Body:
    """Return one balance transaction."""
    call.params.allow()
    return _fresh(call.tx, call.one("balance_transaction", "balance transaction", txn_id))


def transactions(call: Call) -> Body:
    """List balance transactions; `payout` works for automatic payouts only, as at Stripe."""
    params = call.params
    params.allow(
        "type",
        "source",
        "payout",
        "currency",
        "created",
        "available_on",
        "limit",
        "starting_after",
        "ending_before",
    )
    if params.has("currency"):
        params.data["currency"] = params.currency()
    payout_id = params.text("payout")
    if payout_id is None:
        found = page(
            call, "balance_transaction", "/v1/balance_transactions", equal=("type", "source", "currency")
        )
    else:
        payout = call.one("payout", "payout", payout_id, param="payout")
        if not payout["automatic"]:
            raise malformed(
                "Balance transaction history can only be filtered on automatic payouts, not manual.",
                param="payout",
            )
        conditions = ["kind = 'balance_transaction'", "id IN (SELECT txn FROM movement WHERE payout = ?)"]
        values: list[str | int] = [payout_id]
        for name in ("type", "source", "currency"):
            wanted = params.text(name)
            if wanted is not None:
                conditions.append(f"json_extract(body, '$.{name}') = ?")
                values.append(wanted)
        between, seconds = created_range(params, "created", "created")
        found = cursor_page(call, "/v1/balance_transactions", conditions + between, [*values, *seconds])
    found["data"] = [_fresh(call.tx, body) for body in found["data"]]
    return found
