"""The rows of paying out: which payout may be tried now, and what each answer of Stripe does to the books.

Every function here runs inside a transaction and calls nobody. An attempt row is committed before its call; the entry
that an outcome posts is tied to the transfer or the attempt, so recording the same outcome twice changes nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import orm

from marketplace.core import clock
from marketplace.core.errors import InvariantViolation
from marketplace.core.money import Money
from payouts.ledger import postings
from payouts.ledger import service as ledger
from payouts.ledger.accounts import Account
from payouts.settlement import breaks, freeze, news, retry
from payouts.settlement.claims import Claim, last_attempt, let_go, locked, move
from payouts.settlement.gateway import Transfer, transfer_group, transfer_key
from payouts.settlement.models import StripeEvent, StripeMovement
from payouts.settlement.payout_models import Payout, PayoutAttempt
from payouts.settlement.retry import Trouble
from payouts.settlement.states import OPEN_STATES

WAIT_FOR_FUNDS = dt.timedelta(minutes=15)
_PARTS = sa.text(
    "SELECT p.shop_id, -p.amount_minor FROM posting p JOIN account a ON a.id = p.account_id"
    " WHERE p.entry_id = :entry AND a.kind = 'adviser:in_transit' ORDER BY p.shop_id"
)


def open_attempt(session: orm.Session, claimed: Claim, now: dt.datetime) -> bool:
    """Write down attempt `n` before it is sent; False when somebody else has the payout or has gone further.

    False as well when payouts were frozen meanwhile.
    """
    payout = locked(session, claimed.payout_id)
    if freeze.is_frozen(session):
        return False
    last = last_attempt(session, payout.id)
    if payout.state not in OPEN_STATES or (last.n if last else 0) + 1 != claimed.attempt:
        return False
    if payout.leased_until != claimed.leased_until or claimed.leased_until <= clock.wall():
        return False
    session.add(
        PayoutAttempt(
            payout_id=payout.id,
            n=claimed.attempt,
            idem_key=claimed.key,
            request_hash=_request_hash(claimed.amount, claimed.destination, claimed.order().group),
            first_sent_at=now,
        )
    )
    move(payout, "sending")
    payout.reason = None
    session.flush()
    return True


def _request_hash(amount: Money, destination: str, group: str) -> bytes:
    return hashlib.sha256(f"{amount.minor}|{amount.currency}|{destination}|{group}".encode()).digest()


def paid(session: orm.Session, claimed: Claim, transfer: Transfer, outcome: str, now: dt.datetime) -> bool:
    """Record that the money moved: close the attempt, post the entry, remember it for reconciliation.

    outcome: created, or adopted when it was found by looking up. A transfer that is not what we asked for is an alarm
    for finance and closes nothing. The same transfer again changes nothing; returns whether this call recorded it.
    """
    payout = locked(session, claimed.payout_id)
    attempt = last_attempt(session, payout.id)
    if attempt is None:
        raise InvariantViolation(reason="transfer_without_attempt", payout_id=payout.id)
    if payout.stripe_transfer_id is not None:
        if payout.stripe_transfer_id != transfer.transfer_id:
            _alarm(session, "duplicate", payout, transfer, "A second transfer exists for one payout.", now)
        return False
    if transfer.amount != payout.amount or transfer.destination != payout.destination:
        _alarm(
            session,
            "transfer_mismatch",
            payout,
            transfer,
            "Stripe moved something else than was approved.",
            now,
        )
        payout.next_try_at = now + WAIT_FOR_FUNDS
        let_go(payout, claimed)
        return False
    if payout.state not in OPEN_STATES or attempt.outcome is not None:
        _alarm(
            session,
            "transfer_mismatch",
            payout,
            transfer,
            "A transfer exists for money that was given back.",
            now,
        )
        return False
    let_go(payout, claimed)
    attempt.outcome, attempt.closed_at, attempt.stripe_id = outcome, now, transfer.transfer_id
    attempt.request_id = transfer.request_id or attempt.request_id
    _settle(session, payout, transfer, now)
    return True


def adopt(session: orm.Session, payout_id: UUID, transfer: Transfer, now: dt.datetime) -> bool:
    """Take over a transfer that Stripe made and that these books forgot, because they were restored from a backup.

    The attempt may be lost with the rest: it is written down as what it was. A payout that is gone, given back or paid
    by another transfer is left to reconciliation, which names the difference; returns whether this call recorded it.
    """
    if session.get(Payout, payout_id) is None:
        return False
    payout, last = locked(session, payout_id), last_attempt(session, payout_id)
    is_as_approved = transfer.amount == payout.amount and transfer.destination == payout.destination
    if payout.state not in OPEN_STATES or not is_as_approved or transfer.reversed_amount.minor:
        return False
    if last is not None and last.outcome is None:
        last.outcome, last.closed_at, last.stripe_id = "adopted", now, transfer.transfer_id
    else:
        n = (last.n if last else 0) + 1
        session.add(
            PayoutAttempt(
                payout_id=payout.id,
                n=n,
                idem_key=transfer_key(payout.id, n),
                request_hash=_request_hash(payout.amount, payout.destination, transfer_group(payout.id)),
                first_sent_at=transfer.created,
                outcome="adopted",
                stripe_id=transfer.transfer_id,
                closed_at=now,
            )
        )
    payout.leased_until = None
    if payout.state in ("approved", "rejected"):
        move(payout, "sending")
    session.flush()
    _settle(session, payout, transfer, now)
    return True


def _settle(session: orm.Session, payout: Payout, transfer: Transfer, now: dt.datetime) -> None:
    """Move a payout to paid and post its entry; the attempt that brought it is closed by the caller."""
    move(payout, "paid")
    payout.reason, payout.paid_at = None, now
    payout.stripe_transfer_id, payout.destination_payment = transfer.transfer_id, transfer.destination_payment
    parts = parts_of(session, payout)
    entry = postings.sent(payout.id, payout.adviser_id, parts, transfer_id=transfer.transfer_id, at=now)
    [entry_id] = ledger.post(session, [entry])
    session.add(
        StripeMovement(
            source_id=transfer.transfer_id,
            kind="transfer",
            subject_id=str(payout.id),
            entry_id=entry_id,
            amount_minor=-payout.amount_minor,
            currency=payout.currency,
            at=now,
        )
    )
    news.sent(session, payout, now)
    # A webhook about this account may have come before we knew of the transfer.
    session.execute(
        sa.update(StripeEvent)
        .where(StripeEvent.outcome == "parked", StripeEvent.account == payout.destination)
        .values(outcome=None, handled_at=None, next_try_at=now)
    )


def _alarm(
    session: orm.Session, kind: str, payout: Payout, transfer: Transfer, cause: str, now: dt.datetime
) -> None:
    breaks.open_break(
        session,
        kind,
        transfer.transfer_id,
        transfer.amount,
        cause=cause,
        facts={
            "payout_id": str(payout.id),
            "transfer_id": transfer.transfer_id,
            "asked": payout.amount_minor,
        },
        now=now,
    )


def rejected(
    session: orm.Session,
    claimed: Claim,
    reason: str,
    request_id: str | None,
    now: dt.datetime,
    *,
    sent: bool = True,
) -> None:
    """Record a definitive refusal: the attempt is closed and the reserve is held or given back.

    sent: False for a refusal before anything was sent (the destination changed), which has no attempt to close.
    Somebody whose lease ended and who hears of it late changes nothing about what another has begun since.
    """
    payout = locked(session, claimed.payout_id)
    attempt = last_attempt(session, payout.id)
    is_open = attempt is not None and attempt.outcome is None
    newest = attempt.n if attempt is not None else 0
    mine = is_open and newest == claimed.attempt if sent else not is_open and newest < claimed.attempt
    if payout.state not in OPEN_STATES or not mine:
        return
    let_go(payout, claimed)
    if attempt is not None and is_open:
        attempt.outcome, attempt.code, attempt.closed_at = "rejected", reason, now
        attempt.request_id = request_id or attempt.request_id
    move(payout, "rejected")
    payout.reason = reason
    if retry.after_rejection(reason) is retry.AfterRejection.HOLD:
        payout.next_try_at = now + WAIT_FOR_FUNDS
        return
    session.flush()
    ledger.post(session, _given_back(session, payout, claimed.attempt, now))
    move(payout, "released")
    payout.released_at = now
    news.failed(session, payout, now)


def _given_back(session: orm.Session, payout: Payout, attempt: int, now: dt.datetime) -> list[ledger.Entry]:
    """Return the entries of a reserve that is free again: what was owed back meanwhile is settled from it first."""
    owner, parts = payout.adviser_id, parts_of(session, payout)
    owing = Account("adviser:receivable", owner, payout.currency)
    moving = (Account(f"adviser:{name}", owner, payout.currency) for name in ("available", "in_transit"))
    owed = ledger.lock(session, [owing, *moving])[owing]
    reserve = payout.reserve_entry_id
    entries = [postings.released(payout.id, owner, parts, attempt=attempt, at=now, reverses=reserve)]
    if owed.minor > 0:
        entries.append(postings.paid_back(payout.id, owner, parts, owed, attempt=attempt, at=now))
    return entries


def waiting(session: orm.Session, claimed: Claim, reason: str, pause: dt.timedelta, now: dt.datetime) -> None:
    """Leave a payout as it is until later, saying why; nothing was sent."""
    payout = locked(session, claimed.payout_id)
    let_go(payout, claimed)
    if payout.state in OPEN_STATES:
        payout.reason, payout.next_try_at = reason, now + pause


def paused(session: orm.Session, claimed: Claim, now: dt.datetime) -> None:
    """Leave a payout as it is for a while, because Stripe did not answer a check; nothing was sent."""
    payout = locked(session, claimed.payout_id)
    if payout.leased_until == claimed.leased_until and payout.state in OPEN_STATES:
        payout.next_try_at = now + retry.CHECK_AGAIN
    let_go(payout, claimed)


def troubled(
    session: orm.Session, claimed: Claim, trouble: Trouble, request_id: str | None, now: dt.datetime
) -> None:
    """Record that an attempt's answer is not known (or that Stripe asked for a pause); it stays open."""
    payout = locked(session, claimed.payout_id)
    let_go(payout, claimed)
    attempt = last_attempt(session, payout.id)
    if attempt is None or attempt.outcome is not None or attempt.n != claimed.attempt:
        return
    # Once Stripe may have stored a failure under the key, a later and milder trouble does not undo that.
    if attempt.trouble != Trouble.STORED_FAILURE:
        attempt.trouble = trouble
    attempt.request_id = request_id or attempt.request_id
    if trouble in (Trouble.UNCERTAIN, Trouble.STORED_FAILURE):
        move(payout, "unknown")
    payout.reason = trouble
    payout.next_try_at = now + retry.pause_after(trouble, attempt.sends)


def looked_up(session: orm.Session, claimed: Claim, now: dt.datetime) -> None:
    """Record a look-up that found nothing; after two of them, five minutes apart, a new attempt may be opened."""
    payout = locked(session, claimed.payout_id)
    let_go(payout, claimed)
    attempt = last_attempt(session, payout.id)
    if attempt is None or attempt.outcome is not None or attempt.n != claimed.attempt:
        return
    attempt.look_ups += 1
    attempt.last_look_up_at = now
    move(payout, "unknown")
    payout.reason = "looking_up"
    payout.next_try_at = now + retry.LOOK_UP_GAP


def parts_of(session: orm.Session, payout: Payout) -> list[tuple[UUID, Money]]:
    """Return what a payout pays per shop, in shop order, as its reserve says; the parts sum to its amount."""
    rows = session.execute(_PARTS, {"entry": payout.reserve_entry_id})
    return [(shop_id, Money(int(minor), payout.currency)) for shop_id, minor in rows]
