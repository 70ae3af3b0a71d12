"""From the connected account to the adviser's bank: payouts there, found by what is in them, moved one way only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import orm

from marketplace.accounts import service as people
from marketplace.core import config, db, mail
from marketplace.core.errors import InvariantViolation, NotFound
from payouts.ledger import postings
from payouts.ledger import service as ledger
from payouts.settlement.gateway import BankPayout, Gateway
from payouts.settlement.models import BankPayoutRow, PayoutAccount
from payouts.settlement.payout_models import Payout
from payouts.settlement.states import bank_status_advances, check_move

CHECK_EVERY = dt.timedelta(hours=6)
# Stripe may still turn a paid payout into a failed one within five business days.
WATCHED = dt.timedelta(days=10)


def sent_back(session: orm.Session, adviser_id: UUID) -> Payout | None:
    """Return an adviser's newest payout when their bank sent it back and it is there still; else None."""
    query = sa.select(Payout).where(Payout.adviser_id == adviser_id, Payout.paid_at.is_not(None))
    newest = session.scalars(query.order_by(Payout.id.desc()).limit(1)).first()
    return newest if newest is not None and newest.state == "bank_failed" else None


def follow(gateway: Gateway, account: PayoutAccount, payout_id: str, now: Callable[[], dt.datetime]) -> int:
    """Fetch one payout of a connected account and record where its money is; return how many payouts moved.

    Raises NotFound when none of our transfers is in it (yet), so that the caller parks the event.
    """
    seen = gateway.bank_payout(connected_id(account), payout_id)
    return _follow(gateway, account, seen, now)


def _follow(
    gateway: Gateway, account: PayoutAccount, seen: BankPayout, now: Callable[[], dt.datetime]
) -> int:
    sources: Sequence[str] = ()
    if seen.status in ("paid", "failed"):
        sources = gateway.bank_payout_sources(seen.account_id, seen.payout_id)
    return db.run_in_transaction(
        lambda session: record(session, account.id, seen, sources, now()), point="bank.record"
    )


def record(
    session: orm.Session, account_id: UUID, seen: BankPayout, sources: Sequence[str], now: dt.datetime
) -> int:
    """Record a payout to the bank as just fetched; older news changes nothing. Returns how many payouts moved.

    sources: the source ids inside it: payments that are our transfers, or an earlier payout that came back.
    Raises NotFound when it has reached an end and holds nothing of ours.
    """
    account = session.scalars(
        sa.select(PayoutAccount).where(PayoutAccount.id == account_id).with_for_update()
    ).one()
    row = session.get(BankPayoutRow, seen.payout_id)
    known = row.status if row else None
    # The same news again may be news for a transfer that was not recorded when it came first.
    if known != seen.status and not bank_status_advances(known, seen.status):
        return 0
    ours = list(
        session.scalars(
            sa.select(Payout)
            .where(
                Payout.adviser_id == account.adviser_id, Payout.state.in_(("paid", "in_bank", "bank_failed"))
            )
            .where(
                Payout.destination_payment.in_(sources)
                | Payout.bank_payout_id.in_([one for one in sources if one != seen.payout_id])
                | (Payout.bank_payout_id == seen.payout_id)
            )
            .order_by(Payout.id)
            .with_for_update()
        )
    )
    if seen.status in ("paid", "failed") and not ours:
        raise NotFound("transfer of ours in payout", seen.payout_id)
    values = {
        "payout_account_id": account.id,
        "adviser_id": account.adviser_id,
        "status": seen.status,
        "amount_minor": seen.amount.minor,
        "currency": seen.amount.currency,
        "failure_code": seen.failure_code,
        "arrival_at": seen.arrival_on,
        "seen_at": now,
    }
    if row is None:
        session.add(BankPayoutRow(id=seen.payout_id, **values))
    else:
        for name, value in values.items():
            setattr(row, name, value)
    moved = [payout for payout in ours if _move(session, payout, seen, now)]
    return len(moved)


def _move(session: orm.Session, payout: Payout, seen: BankPayout, now: dt.datetime) -> bool:
    """Move one payout by what its bank payout says; money that came back is not in the bank until it goes again."""
    if seen.status == "paid" and payout.state in ("paid", "bank_failed"):
        entry = postings.in_bank(
            payout.id, payout.adviser_id, payout.amount, stripe_payout_id=seen.payout_id, at=now
        )
        wanted, payout.in_bank_at = "in_bank", now
    elif seen.status == "failed" and payout.state in ("paid", "in_bank"):
        was_in_bank = payout.state == "in_bank"
        if was_in_bank and payout.bank_payout_id != seen.payout_id:
            # An earlier payout failed, and a later one has brought the money to the bank already.
            return False
        wanted, payout.bank_failed_at, payout.reason = "bank_failed", now, seen.failure_code
        _tell(session, payout, now)
        entry = postings.bank_failed(
            payout.id, payout.adviser_id, payout.amount, stripe_payout_id=seen.payout_id, at=now
        )
        if not was_in_bank:
            # The memo of the transfer still stands, so there is nothing to put back.
            check_move(payout.id, payout.state, wanted)
            payout.state, payout.bank_payout_id = wanted, seen.payout_id
            return True
    else:
        return False
    check_move(payout.id, payout.state, wanted)
    payout.state, payout.bank_payout_id = wanted, seen.payout_id
    session.flush()
    ledger.post(session, [entry])
    return True


def _tell(session: orm.Session, payout: Payout, now: dt.datetime) -> None:
    user = people.user_of_adviser(session, payout.adviser_id)
    facts = {
        "name": user.name,
        "amount": mail.money_fact(payout.amount),
        "at": now.isoformat(),
        "reason": payout.reason or "unknown",
        "url": f"{config.current().base_url}/adviser/payout-account",
    }
    mail.queue(
        session, to=user.email, template="payout_bank_failed", locale=user.locale, facts=facts, now=now
    )


def connected_id(account: PayoutAccount) -> str:
    """Return the id at Stripe of an account that was made there."""
    if account.stripe_account_id is None:
        raise InvariantViolation(reason="account_without_stripe_id", payout_account_id=account.id)
    return account.stripe_account_id


def accounts_to_check(session: orm.Session, now: dt.datetime, limit: int = 100) -> list[PayoutAccount]:
    """Return the accounts whose payouts to the bank are worth asking for: money on its way, or lately arrived."""
    waiting = sa.exists().where(
        Payout.adviser_id == PayoutAccount.adviser_id,
        Payout.currency == PayoutAccount.currency,
        Payout.state.in_(("paid", "bank_failed"))
        | ((Payout.state == "in_bank") & (Payout.in_bank_at > now - WATCHED)),
    )
    return list(
        session.scalars(
            sa.select(PayoutAccount)
            .where(PayoutAccount.stripe_account_id.is_not(None), waiting)
            .where(
                PayoutAccount.bank_checked_at.is_(None) | (PayoutAccount.bank_checked_at <= now - CHECK_EVERY)
            )
            .order_by(PayoutAccount.id)
            .limit(limit)
        )
    )


def check(gateway: Gateway, account: PayoutAccount, now: Callable[[], dt.datetime]) -> int:
    """Ask Stripe for an account's payouts and record them, so that a lost webhook costs time only."""
    with db.transaction(point="bank.since") as session:
        oldest = session.scalar(
            # Not paid_at: a transfer that was found by looking it up is older than that.
            sa.select(sa.func.min(Payout.approved_at)).where(
                Payout.adviser_id == account.adviser_id,
                Payout.state.in_(("paid", "bank_failed"))
                | ((Payout.state == "in_bank") & (Payout.in_bank_at > now() - WATCHED)),
            )
        )
    moved = 0
    if oldest is not None:
        for seen in gateway.bank_payouts(connected_id(account), oldest - dt.timedelta(hours=1)):
            moved += _follow_if_ours(gateway, account, seen, now)
    with db.transaction(point="bank.checked") as session:
        session.execute(
            sa.update(PayoutAccount).where(PayoutAccount.id == account.id).values(bank_checked_at=now())
        )
    return moved


def _follow_if_ours(
    gateway: Gateway, account: PayoutAccount, seen: BankPayout, now: Callable[[], dt.datetime]
) -> int:
    try:
        return _follow(gateway, account, seen, now)
    except NotFound:
        # The account also pays out money that isn't from us.
        return 0
