"""What was acknowledged survives kill -9, and the sums are right at any time, whatever happens."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest
import stripe

from tests.integration.payouts.sandbox.sandbox_process import Receiver, Sandbox, until

Fund = Callable[..., stripe.checkout.Session]


def pay(client: stripe.StripeClient, to: str, cents: int, key: str) -> stripe.Transfer:
    return client.v1.transfers.create(
        {"amount": cents, "currency": "eur", "destination": to}, {"idempotency_key": key}
    )


def ready(sandbox: Sandbox) -> tuple[stripe.StripeClient, str]:
    client = sandbox.client()
    account = client.v1.accounts.create({"country": "NL", "capabilities": {"transfers": {"requested": True}}})
    sandbox.act("account.enable", account=account.id)
    sandbox.act("balance.topup", amount=1_000_000)
    return client, account.id


def test_kill_and_restart_keep_objects_keys_clock_faults_and_the_webhook_queue(own_sandbox: Sandbox) -> None:
    receiver = Receiver()
    receiver.close()
    own_sandbox.ask("settings", receiver.urls())
    client, adviser = ready(own_sandbox)
    own_sandbox.ask("clock", {"advance": "5d"})
    own_sandbox.fault("500_transient", path="/v1/payouts", times=3)
    made = pay(client, adviser, 1_234, "k")
    before = own_sandbox.ask("state")
    assert before["webhooks_pending"] > 3
    own_sandbox.kill()
    back = Receiver()
    try:
        urls = back.urls()
        own_sandbox.start(
            "--webhook",
            f"account={urls['webhook_account']}",
            "--webhook",
            f"connect={urls['webhook_connect']}",
        )
        after = own_sandbox.ask("state")
        for name in ("counts", "sums", "balances", "faults"):
            assert after[name] == before[name], name
        assert abs(after["clock"]["offset_seconds"] - before["clock"]["offset_seconds"]) <= 1
        assert pay(client, adviser, 1_234, "k").id == made.id
        own_sandbox.ask("webhooks/flush", {})
        assert own_sandbox.ask("state")["webhooks_pending"] == 0
        types = {event["type"] for event in back.events()}
        assert types >= {"topup.succeeded", "transfer.created", "account.updated"}
    finally:
        back.close()


def test_a_kill_in_the_middle_of_a_storm_loses_nothing_that_was_answered(own_sandbox: Sandbox) -> None:
    _, adviser = ready(own_sandbox)
    answered: dict[str, str] = {}
    stop = threading.Event()

    def storm(worker: int) -> None:
        client = own_sandbox.client()
        number = 0
        while not stop.is_set():
            key = f"w{worker}-{number}"
            try:
                answered[key] = pay(client, adviser, 10 + worker, key).id
            except stripe.APIConnectionError:
                return
            number += 1

    threads = [threading.Thread(target=storm, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(answered) > 20)
    own_sandbox.kill()
    stop.set()
    for thread in threads:
        thread.join()
    own_sandbox.start()
    client = own_sandbox.client()
    there = {t.id for t in client.v1.transfers.list({"limit": 100}).auto_paging_iter()}
    assert set(answered.values()) <= there
    # At most the calls in flight were committed without their answer, and their keys replay them.
    assert len(there) - len(answered) <= 4
    sums_are_right(own_sandbox, client, [adviser])


def test_sigterm_ends_the_process_cleanly_and_quickly(own_sandbox: Sandbox) -> None:
    ready(own_sandbox)
    assert own_sandbox.stop() == 0
    assert not own_sandbox.data.with_name(own_sandbox.data.name + "-wal").exists()
    assert own_sandbox.data.stat().st_mode & 0o077 == 0


def test_a_taken_port_is_an_error_and_not_a_second_server(own_sandbox: Sandbox, tmp_path: object) -> None:
    second = Sandbox(own_sandbox.data.with_name("other.sqlite"), own_sandbox.description)
    second.port = own_sandbox.port
    with pytest.raises(AssertionError):
        second.start()
    assert second.process is not None
    assert second.process.wait(10) != 0
    assert second.process.stdout is not None
    second.process.stdout.close()


def sums_are_right(sandbox: Sandbox, client: stripe.StripeClient, accounts: list[str]) -> None:
    """Add up everything over the API, apart from the server's own sums, and hold them side by side."""
    state = sandbox.ask("state")
    arrived = dict.fromkeys(accounts, 0)
    for transfer in client.v1.transfers.list({"limit": 100}).auto_paging_iter():
        arrived[str(transfer.destination)] += transfer.amount - transfer.amount_reversed
    for account in [None, *accounts]:
        options: stripe.RequestOptions = {"stripe_account": account} if account else {}
        movements = list(client.v1.balance_transactions.list({"limit": 100}, options).auto_paging_iter())
        assert all(m.net == m.amount - m.fee for m in movements)
        balance = client.v1.balance.retrieve({}, options)
        shown = balance.available[0].amount + balance.pending[0].amount
        assert sum(m.net for m in movements) == shown
        ours = state["balances"][account or state["platform"]].get("eur", {"available": 0, "pending": 0})
        assert (ours["available"], ours["pending"]) == (
            balance.available[0].amount,
            balance.pending[0].amount,
        )
        if account:
            # What came in by transfers, less what the bank has, is what is still there.
            gone = sum(
                p.amount
                for p in client.v1.payouts.list({"limit": 100}, options).auto_paging_iter()
                if p.status not in ("failed", "canceled")
            )
            assert shown == arrived[account] - gone
            assert shown >= 0
            for payout in client.v1.payouts.list({"limit": 100}, options).auto_paging_iter():
                inside = client.v1.balance_transactions.list({"payout": payout.id, "limit": 100}, options)
                assert sum(m.net for m in inside.auto_paging_iter()) == 0


@pytest.mark.parametrize("seed", [1, 20261122])
def test_a_random_history_keeps_every_sum_right(
    sandbox: Sandbox, client: stripe.StripeClient, onboard: Callable[[str], str], fund: Fund, seed: int
) -> None:
    draw = random.Random(seed)
    accounts = [onboard("NL") for _ in range(3)]
    fund(50_000)
    sandbox.ask("faults", {"seed": seed, "count": 8, "path": "/v1/transfers*"})
    steps = ["transfer"] * 6 + [
        "reverse",
        "fund",
        "refund",
        "clock",
        "clock",
        "fail",
        "late_fail",
        "drain",
        "enable",
        "dispute",
        "topup",
    ]
    refused = 0
    for number in range(90):
        step, account = draw.choice(steps), draw.choice(accounts)
        try:
            if step == "transfer":
                pay(client, account, draw.randint(1, 9_000), f"{seed}-{number}")
            elif step == "reverse":
                transfers = client.v1.transfers.list().data
                if transfers:
                    client.v1.transfers.reversals.create(
                        draw.choice(transfers).id, {"amount": draw.randint(1, 3_000)}
                    )
            elif step == "fund":
                fund(draw.randint(50, 90_000))
            elif step in ("refund", "dispute"):
                charge = draw.choice(client.v1.charges.list().data)
                if step == "refund":
                    client.v1.refunds.create({"charge": charge.id, "amount": draw.randint(1, 900)})
                elif not charge.disputed and charge.amount < 20_000:
                    sandbox.act("charge.dispute", charge=charge.id)
            elif step == "clock":
                sandbox.ask("clock", {"advance": f"{draw.randint(1, 60)}h"})
            elif step in ("fail", "late_fail"):
                action = "payout.fail" if step == "fail" else "payout.paid_then_failed"
                sandbox.act(action, account=account)
            elif step == "enable":
                sandbox.act("account.enable", account=account)
            elif step == "topup":
                sandbox.act("balance.topup", amount=draw.randint(1, 20_000))
            elif client.v1.balance.retrieve().available[0].amount > 30_000:
                sandbox.act("balance.drain", leave=30_000)
        except stripe.StripeError:
            # Refusals and the planned faults are part of the history; a bug would stand in the server's log.
            refused += 1
        if number % 30 == 29:
            sums_are_right(sandbox, client, accounts)
    sandbox.ask("clock", {"advance": "9d"})
    sums_are_right(sandbox, client, accounts)
    assert 0 < refused < 60
