"""Does what virtual time brings, in order and stamped with the second at which it was due."""

from __future__ import annotations

from datetime import UTC, datetime

from payouts.sandbox import accounts, balance, checkout, clock, due, payouts
from payouts.sandbox.errors import Body
from payouts.sandbox.events import emit
from payouts.sandbox.store import Store, Tx


def start(tx: Tx) -> None:
    """Make sure that the platform account exists and that a daily round is due."""
    accounts.seed_platform(tx)
    if tx.row("SELECT 1 FROM due WHERE verb = 'daily'") is None:
        due.add(tx, clock.midnight_after(tx.now), "daily", "round")


def catch_up(store: Store) -> int:
    """Do everything that is due by now in one transaction; return how much that was."""
    with store.read() as tx:
        if not due.waiting(tx):
            return 0
    with store.write() as tx:
        return run(tx)


def run(tx: Tx) -> int:
    """Do everything that is due by the transaction's time; return how much that was."""
    until, done = tx.now, 0
    # These things happen by themselves, so their events name no request.
    request, key = tx.request_id, tx.idempotency_key
    tx.request_id = tx.idempotency_key = None
    while (found := due.take(tx, until)) is not None:
        tx.now = found[0]
        _do(tx, found[1], found[2])
        done += 1
    tx.now, tx.request_id, tx.idempotency_key = until, request, key
    return done


def _do(tx: Tx, verb: str, ref: str) -> None:
    if verb == "daily":
        daily(tx)
        due.add(tx, tx.now + clock.DAY, "daily", ref)
    elif verb == "payout.submit":
        payouts.submit(tx, ref)
    elif verb == "payout.arrive":
        payouts.arrive(tx, ref)
    elif verb.startswith("payout.fail:"):
        body = tx.get(ref, kind="payout")
        if body is not None and body["status"] not in ("failed", "canceled"):
            payouts.fail(tx, ref, verb.partition(":")[2])
    elif verb == "session.expire":
        checkout.close(tx, ref)
    else:
        raise AssertionError(f"unknown verb in the due list: {verb}")


def daily(tx: Tx) -> None:
    """Announce money that became available and pay out what each account's schedule asks for today."""
    day = tx.now - clock.DAY
    for row in tx.rows(
        "SELECT DISTINCT movement.account AS account FROM movement JOIN object ON object.id = movement.txn "
        "WHERE movement.available_on > ? AND movement.available_on <= ? "
        "AND movement.available_on > object.created",
        (day, tx.now),
    ):
        emit(tx, "balance.available", balance.object_of(tx, row["account"]), account=row["account"])
    for account in tx.all_of("account"):
        if account["payouts_enabled"] and wants_payout(account["settings"]["payouts"]["schedule"], tx.now):
            pay_out(tx, account["id"])


def wants_payout(schedule: Body, now: int) -> bool:
    """Say whether an account's payout schedule has a payout on this day (UTC)."""
    moment = datetime.fromtimestamp(now, UTC)
    if schedule["interval"] == "weekly":
        return bool(accounts.WEEKDAYS[moment.weekday()] == schedule["weekly_anchor"])
    if schedule["interval"] == "monthly":
        return moment.day == min(int(schedule["monthly_anchor"]), 28)
    return bool(schedule["interval"] == "daily")


def pay_out(tx: Tx, account_id: str) -> None:
    """Bundle every available movement that isn't in a payout yet into one automatic payout per currency."""
    for row in tx.rows(
        "SELECT currency, sum(net) AS total, max(rowid) AS newest FROM movement "
        "WHERE account = ? AND payout IS NULL AND available_on <= ? GROUP BY currency",
        (account_id, tx.now),
    ):
        if row["total"] < int(tx.setting("payout_minimum", 1)):
            continue
        body = payouts.open_payout(
            tx, account_id, amount=row["total"], currency=row["currency"], automatic=True
        )
        tx.run(
            "UPDATE movement SET payout = ? WHERE account = ? AND currency = ? AND payout IS NULL "
            "AND available_on <= ? AND rowid <= ?",
            (body["id"], account_id, row["currency"], tx.now, row["newest"]),
        )
