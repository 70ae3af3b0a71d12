"""Carrying out one payout: claim, check, write the attempt down, call, record. No transaction is open over a call.

Killed at any point, the next run of `carry_out` goes on from the rows: an attempt without outcome is sent again with
its own key while Stripe remembers that key, and looked up by its transfer group after that.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable
from enum import StrEnum
from uuid import UUID

import structlog

from marketplace.accounts import advisers
from marketplace.core import db
from marketplace.core.errors import GatewayUnavailable, GatewayUncertain
from marketplace.core.money import Money
from payouts.settlement import accounts, attempts, breaks, claims
from payouts.settlement.claims import Claim
from payouts.settlement.gateway import (
    Gateway,
    GatewayDenied,
    KeyReused,
    Rejected,
    StoredFailure,
    Throttled,
    Transfer,
)
from payouts.settlement.retry import AfterRejection, Step, Trouble, after_rejection

log = structlog.get_logger(__name__)
Now = Callable[[], dt.datetime]

PAUSES = 5
# So that the last call with its time-outs and repeats (75 s) ends before the lease does.
_LATEST_START_NS = 30 * 10**9
_FIRST_PAUSE_MS = 250


class Carried(StrEnum):
    """What one go at a payout came to."""

    PAID = "paid"
    WAITING = "waiting"
    RELEASED = "released"
    UNKNOWN = "unknown"
    PAUSED = "paused"
    NOTHING = "nothing"


class Purse:
    """What the platform may transfer now, as Stripe said once and we have counted since; refreshed on demand."""

    def __init__(self, gateway: Gateway) -> None:
        """Ask nothing yet."""
        self._gateway = gateway
        self._available: dict[str, Money] | None = None

    def covers(self, amount: Money) -> bool:
        """Say whether this much is available."""
        if self._available is None:
            self._available = {cur: one.available for cur, one in self._gateway.balances().items()}
        return self._available.get(amount.currency, Money.zero(amount.currency)) >= amount

    def spend(self, amount: Money) -> None:
        """Count a transfer that was made."""
        if self._available is not None and amount.currency in self._available:
            self._available[amount.currency] = self._available[amount.currency] - amount

    def forget(self) -> None:
        """Ask again next time, because Stripe saw it differently."""
        self._available = None


def carry_out(gateway: Gateway, payout_id: UUID, purse: Purse, now: Now) -> Carried:
    """Do the next thing that a payout may do, and return what came of it. Safe to run twice, and at once.

    now: gives business time; each step reads it anew, because calls take time.
    """
    claimed = db.run_in_transaction(
        lambda session: claims.claim(session, payout_id, now()), point="payout.claim"
    )
    if claimed is None:
        return Carried.NOTHING
    try:
        if claimed.is_fresh:
            return _begin(gateway, claimed, purse, now)
        if claimed.step is Step.LOOK_UP:
            return _look_up(gateway, claimed, now)
        return _send(gateway, claimed, purse, now)
    except (GatewayUnavailable, Throttled, GatewayDenied) as error:
        # Only checks and look-ups end here: nothing was sent, so nothing is in doubt that was not before.
        log.warning("payout_check_failed", payout=str(payout_id), code=error.code, facts=error.facts)
        db.run_in_transaction(lambda session: attempts.paused(session, claimed, now()), point="payout.paused")
        return Carried.PAUSED


def _begin(gateway: Gateway, claimed: Claim, purse: Purse, now: Now) -> Carried:
    """Check what may have changed since approval, then open an attempt and send it."""
    reason = _refused(gateway, claimed, now)
    if reason is not None:
        db.run_in_transaction(
            lambda session: attempts.rejected(session, claimed, reason, None, now(), sent=False),
            point="payout.refused",
        )
        return Carried.RELEASED
    if not purse.covers(claimed.amount):
        pause = attempts.WAIT_FOR_FUNDS
        db.run_in_transaction(
            lambda session: attempts.waiting(session, claimed, "insufficient_funds", pause, now()),
            point="payout.waiting",
        )
        return Carried.WAITING
    if not db.run_in_transaction(
        lambda session: attempts.open_attempt(session, claimed, now()), point="payout.attempt"
    ):
        return Carried.NOTHING
    return _send(gateway, claimed, purse, now)


def _refused(gateway: Gateway, claimed: Claim, now: Now) -> str | None:
    """Return why this payout must not be sent as it was approved, from Stripe's own answer; None when it may."""
    try:
        seen = gateway.account(claimed.destination)
    except Rejected:
        return "account_not_ready"
    with db.transaction(point="payout.destination") as session:
        row = accounts.find(session, claimed.adviser_id, claimed.amount.currency)
        if row is None or row.stripe_account_id != claimed.destination:
            return "destination_changed"
        row = accounts.apply(session, accounts.locked(session, row.id), seen, now())
        if seen.fingerprint != claimed.fingerprint:
            return "destination_changed"
        state = advisers.state_at(session, [claimed.adviser_id], now())[claimed.adviser_id]
        return "banned" if state == "banned" else accounts.blocked_reason(row, now())


def _send(gateway: Gateway, claimed: Claim, purse: Purse, now: Now) -> Carried:
    """Send the attempt whose row is committed, and record the answer or the lack of one."""
    try:
        transfer = _patiently(lambda: gateway.create_transfer(claimed.key, claimed.order()))
    except Rejected as error:
        purse.forget()
        return _record_refusal(claimed, error, now)
    except Throttled as error:
        return _record_trouble(claimed, Trouble.THROTTLED, error, now, Carried.PAUSED)
    except GatewayDenied as error:
        return _record_trouble(claimed, Trouble.DENIED, error, now, Carried.PAUSED)
    except KeyReused as error:
        _record_alarm(claimed, error, now)
        return _record_trouble(claimed, Trouble.STORED_FAILURE, error, now, Carried.UNKNOWN)
    except StoredFailure as error:
        return _record_trouble(claimed, Trouble.STORED_FAILURE, error, now, Carried.UNKNOWN)
    except (GatewayUncertain, GatewayUnavailable) as error:
        return _record_trouble(claimed, Trouble.UNCERTAIN, error, now, Carried.UNKNOWN)
    purse.spend(claimed.amount)
    return _record_paid(claimed, transfer, "created", now)


def _patiently(call: Callable[[], Transfer]) -> Transfer:
    """Repeat a call that Stripe asks to slow down, the same key each time, with growing jittered pauses.

    Nothing is begun that could outlive the lease.
    """
    latest = time.monotonic_ns() + _LATEST_START_NS
    for go in range(PAUSES):
        try:
            return call()
        except Throttled:
            if time.monotonic_ns() > latest:
                raise
            longest = _FIRST_PAUSE_MS * 2**go
            milliseconds = random.randint(longest // 2, longest)  # noqa: S311 - jitter, not a secret.
            time.sleep(milliseconds / 1000)
    return call()


def _look_up(gateway: Gateway, claimed: Claim, now: Now) -> Carried:
    """Ask Stripe whether any attempt of this payout moved money; adopt what is found."""
    found = gateway.transfers_in(claimed.order().group)
    if not found:
        db.run_in_transaction(
            lambda session: attempts.looked_up(session, claimed, now()), point="payout.looked_up"
        )
        return Carried.UNKNOWN
    outcome = _record_paid(claimed, found[0], "adopted", now)
    # A second transfer of one payout is somebody's mistake that a person has to see; recording it raises the alarm.
    for extra in found[1:]:
        _record_paid(claimed, extra, "adopted", now)
    return outcome


def _record_paid(claimed: Claim, transfer: Transfer, outcome: str, now: Now) -> Carried:
    recorded = db.run_in_transaction(
        lambda session: attempts.paid(session, claimed, transfer, outcome, now()), point="payout.paid"
    )
    return Carried.PAID if recorded else Carried.NOTHING


def _record_refusal(claimed: Claim, error: Rejected, now: Now) -> Carried:
    reason, request_id = str(error.facts["reason"]), error.facts.get("request_id")
    db.run_in_transaction(
        lambda session: attempts.rejected(session, claimed, reason, request_id, now()),
        point="payout.rejected",
    )
    held = after_rejection(reason) is AfterRejection.HOLD
    return Carried.WAITING if held else Carried.RELEASED


def _record_trouble(
    claimed: Claim,
    trouble: Trouble,
    error: GatewayUncertain | GatewayUnavailable | Throttled | GatewayDenied | KeyReused,
    now: Now,
    outcome: Carried,
) -> Carried:
    log.warning("payout_unanswered", payout=str(claimed.payout_id), trouble=trouble, facts=error.facts)
    request_id = error.facts.get("request_id")
    db.run_in_transaction(
        lambda session: attempts.troubled(session, claimed, trouble, request_id, now()),
        point="payout.troubled",
    )
    return outcome


def _record_alarm(claimed: Claim, error: KeyReused, now: Now) -> None:
    db.run_in_transaction(
        lambda session: breaks.open_break(
            session,
            "key_reused",
            claimed.key,
            claimed.amount,
            cause="Stripe holds this idempotency key with other content.",
            facts={"payout_id": str(claimed.payout_id), "message": str(error.facts.get("message"))},
            now=now(),
        ),
        point="payout.key_reused",
    )
