"""A worker that is killed at a named step of a payout: started as a program, it forks one child for each step.

Reads a step a line from standard input; the child of that step carries out what is due in the run and ends itself
with SIGKILL when it comes to the step. Writes the signal that ended the child.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.core import clock, config, db
from payouts.runs import execution
from payouts.settlement import attempts, sending
from payouts.settlement.stripe_gateway import StripeGateway

STEPS = ("reserved", "claimed", "attempt_written", "before_call", "after_call", "recording", "recorded")


def die(*_: object, **__: object) -> Any:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(work: Callable[..., Any]) -> Callable[..., Any]:
    """Return the work, with the end right behind it."""

    def last(*arguments: Any, **named: Any) -> Any:
        work(*arguments, **named)
        return die()

    return last


def die_at_the_commit_behind(work: Callable[..., Any]) -> Callable[..., Any]:
    """Return the work; the end comes right after the transaction that it is part of was committed."""

    def then(*arguments: Any, **named: Any) -> Any:
        Session.commit = die_after(Session.commit)  # type: ignore[method-assign]
        return work(*arguments, **named)

    return then


def arm(step: str, gateway: StripeGateway) -> None:
    """Put the end where the step says."""
    if step == "reserved":
        sending.carry_out = die
    if step == "claimed":
        sending._begin = die
    if step == "attempt_written":
        sending._send = die
    if step == "before_call":
        gateway._client.v1.transfers.create = die  # type: ignore[method-assign]
    if step == "after_call":
        gateway.create_transfer = die_after(gateway.create_transfer)  # type: ignore[method-assign]
    if step == "recording":
        attempts.paid = die_after(attempts.paid)
    if step == "recorded":
        attempts.paid = die_at_the_commit_behind(attempts.paid)


def main() -> None:
    """Fork a child for each step that is asked for."""
    run_id, settings = UUID(sys.argv[1]), config.load()
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            db.init(settings.database_url, clock_moves=True)
            with db.transaction():
                # The first transaction reads business time from the database.
                pass
            gateway = StripeGateway(settings.stripe_api_key, settings.stripe_api_base, retries=0)
            arm(line.strip(), gateway)
            execution.work(gateway, run_id, clock.now)
            os._exit(0)
        print(os.WTERMSIG(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
