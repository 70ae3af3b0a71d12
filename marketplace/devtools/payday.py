"""The finance half of the main job: a run that two people carry, the bank, and reconciliation to the cent."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marketplace.devtools.main_job import CURRENCY, MainJob, decimal_of, must
from marketplace.devtools.people import Person


def pay_out(job: MainJob, maker: Person, approver: Person) -> dict[str, Any]:
    """Draft and preview a run as one person, approve it as another, execute it, and wait until it is through."""
    run = maker.caller.post("runs", {"currency": CURRENCY})
    preview = maker.caller.post(f"runs/{run['id']}/preview")
    total = preview["total"]
    job.tell(
        "run",
        f"{run['number']} EUR {total['amount']}: {len(preview['included'])} paid, {len(preview['excluded'])} not",
        run_id=run["id"],
        maker_id=maker.user_id,
    )
    must(bool(preview["included"]), "nobody would be paid", preview)
    approval = {"content_hash": preview["content_hash"], "total": total}
    refused = maker.caller.request("POST", f"runs/{run['id']}/approve", {**approval, "totp": maker.code()})
    must(refused.status_code == 409, "the person who made the run could approve it", refused.text)
    approved = approver.caller.post(f"runs/{run['id']}/approve", {**approval, "totp": approver.code()})
    job.tell("approval", f"{approved['number']} by a second person", approver_id=approver.user_id)
    maker.caller.post(f"runs/{run['id']}/execute")
    return wait_until_paid(job, maker, run["id"])


def wait_until_paid(job: MainJob, person: Person, run_id: str, timeout: float = 60) -> dict[str, Any]:
    """Wait until every payout of a run is paid at the payment provider and return the run."""
    deadline = time.monotonic() + timeout
    while True:
        job.settle_down()
        run: dict[str, Any] = person.caller.get(f"runs/{run_id}")
        states = sorted({payout["state"] for payout in run["payouts"]})
        if set(states) <= {"paid", "in_bank"}:
            break
        must(time.monotonic() < deadline, f"payouts are still {states}", run["payouts"])
        time.sleep(0.2)
    for payout in run["payouts"]:
        job.tell(
            "transfer",
            f"EUR {payout['amount']['amount']} {payout['state']} as {payout['stripe_transfer_id']}",
            payout_id=payout["id"],
            adviser_id=payout["adviser_id"],
        )
    return run


def see_in_bank(job: MainJob, person: Person, run_id: str) -> None:
    """Check that every payout of a run reached the adviser's bank."""
    states = {payout["state"] for payout in person.caller.get(f"runs/{run_id}")["payouts"]}
    must(states == {"in_bank"}, "a payout is not in the bank", states)
    job.tell("bank", "the payment provider paid out to the advisers' banks", run_id=run_id)


def read_statement(job: MainJob, adviser: Person) -> dict[str, Any]:
    """Read the newest statement of an adviser."""
    found = adviser.caller.items("statements")
    must(bool(found), "the adviser has no statement")
    statement: dict[str, Any] = adviser.caller.get(f"statements/{found[0]['id']}")
    job.tell(
        "statement",
        f"{statement['number']} EUR {statement['amount']['amount']}",
        statement_id=statement["id"],
    )
    return statement


def reconcile(job: MainJob, person: Person) -> Decimal:
    """Import what the payment provider moved, and return the difference that nobody can explain."""
    person.caller.post("reconciliation/import")
    job.settle_down()
    report = person.caller.get("reconciliation")
    lines = [line for line in report["certificates"] if line["currency"] == CURRENCY]
    must(len(lines) == 1, "there is no certificate for the currency", report)
    job.tell("reconciliation", amounts(lines[0]))
    return decimal_of(lines[0]["difference"])


def amounts(line: Mapping[str, Any]) -> str:
    """Return the amounts of a certificate's line as text."""
    named = {name: value for name, value in line.items() if isinstance(value, dict) and "amount" in value}
    return ", ".join(f"{name.replace('_', ' ')} {value['amount']}" for name, value in named.items())


def earnings(job: MainJob, adviser: Person) -> None:
    """Tell where an adviser's money is, in the words of the ledger."""
    for line in adviser.caller.get("earnings")["items"]:
        shown = {
            name.replace("_", " "): value["amount"]["amount"]
            for name, value in line.items()
            if name != "currency"
        }
        text = ", ".join(f"{name} {amount}" for name, amount in shown.items() if Decimal(amount))
        job.tell("earnings", f"{line['currency']}: {text}", adviser_id=adviser.adviser_id)
