"""The way out for a transfer whose payout the books lost: two people say whose money it was, the worker books it."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.accounts.models import Adviser
from marketplace.core import audit, db
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, InvalidInput, NotAuthenticated, NotFound
from marketplace.core.money import Money
from payouts.ledger import postings
from payouts.ledger import service as ledger
from payouts.ledger.accounts import Account
from payouts.reconciliation import importing
from payouts.reconciliation.models import BalanceTxRow, TransferBooking
from payouts.settlement.models import Break, PayoutAccount, StripeMovement

# Of an adviser's available money the part that no payout names, per shop: the same rows from which a run would pay.
_UNPAID = sa.text(
    "SELECT p.shop_id, -sum(p.amount_minor)::bigint AS minor FROM account a JOIN posting p ON p.account_id = a.id"
    " JOIN entry e ON e.id = p.entry_id WHERE a.kind = 'adviser:available' AND a.owner = :adviser"
    " AND a.currency = :currency AND e.kind <> 'reserve'"
    " AND NOT EXISTS (SELECT FROM payout_line l WHERE l.entry_id = p.entry_id AND l.line = p.line)"
    " GROUP BY p.shop_id HAVING -sum(p.amount_minor) > 0 ORDER BY min(p.entry_id), p.shop_id"
)
_NEWEST_SHOP = sa.text(
    "SELECT p.shop_id FROM account a JOIN posting p ON p.account_id = a.id WHERE a.owner = :adviser"
    " AND starts_with(a.kind, 'adviser:') ORDER BY p.entry_id DESC LIMIT 1"
)


class NotATransfer(Conflict):
    """The difference is no transfer that the books do not know."""

    code = "not_a_lost_transfer"
    title = "This is not a transfer that the books have lost"
    detail = "Difference {break_id} is a {kind}; only transfers that Stripe made and the books do not know are booked."
    next = "Read the differences again: it may have been explained meanwhile."


class SameBooker(Conflict):
    """The person who said whose money it was may not approve it."""

    code = "same_approver"
    title = "A second person has to approve the booking"
    detail = "You said whose money transfer {transfer_id} was, so somebody else of finance has to approve it."
    next = "Ask a colleague to look at the transfer at Stripe and approve the booking."


class BookingNotAsked(Conflict):
    """Nobody has said yet whose money it was."""

    code = "booking_not_asked"
    title = "Nobody has said whose money this was"
    detail = "There is no booking of transfer {transfer_id} to approve."
    next = "Say first whose money it was; then a second person approves it."


class BookingApproved(Conflict):
    """Two people have agreed already."""

    code = "booking_approved"
    title = "Two people have agreed on this already"
    detail = "The booking of transfer {transfer_id} is approved and stays as it is."
    next = "Nothing has to be done; the worker books it within seconds."


def transfer_behind(session: Session, break_id: UUID) -> BalanceTxRow:
    """Return the unknown transfer that a difference is about. Raises NotFound, NotATransfer."""
    found = session.get(Break, break_id)
    if found is None:
        raise NotFound("difference", break_id)
    row = session.get(BalanceTxRow, found.ref)
    is_known = row is not None and session.get(StripeMovement, row.source_id) is not None
    if row is None or row.type != "transfer" or row.source_id is None or is_known:
        raise NotATransfer(break_id=break_id, kind=found.kind.replace("_", " "))
    return row


def ask(
    session: Session,
    actor: Actor,
    break_id: UUID,
    *,
    adviser_id: UUID | None,
    shop_id: UUID | None,
    note: str,
    now: dt.datetime,
) -> TransferBooking:
    """Say whose money a lost transfer was; until a second person approves it, saying it anew replaces it.

    adviser_id: needed when no payout account is the transfer's destination; shop_id: for which shop the adviser owes
    what can't be taken from available money, needed when the books know no shop of theirs.
    Raises NotFound, NotATransfer, InvalidInput, BookingApproved.
    """
    row = transfer_behind(session, break_id)
    destination = row.source.get("destination")
    owner = session.scalar(
        sa.select(PayoutAccount.adviser_id).where(PayoutAccount.stripe_account_id == destination)
    )
    if owner is not None and adviser_id not in (None, owner):
        raise InvalidInput({"adviser_id": ["The transfer went to the account of another adviser."]})
    owner = owner or adviser_id
    if owner is None or session.get(Adviser, owner) is None:
        raise InvalidInput(
            {"adviser_id": ["Say whose money it was: no payout account has this destination."]}
        )
    shop_id = shop_id or session.scalar(_NEWEST_SHOP, {"adviser": owner})
    if shop_id is None:
        raise InvalidInput({"shop_id": ["Say for which shop: the books know no money of this adviser."]})
    said = {
        "adviser_id": owner,
        "shop_id": shop_id,
        "amount_minor": -row.net_minor,
        "currency": row.currency,
        "note": note,
        "asked_by": _person(actor),
        "asked_at": now,
    }
    statement = insert(TransferBooking).values(transfer_id=row.source_id, **said)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[TransferBooking.transfer_id],
            set_=said,
            where=TransferBooking.approved_at.is_(None),
        )
    )
    booking = session.get_one(TransferBooking, row.source_id, populate_existing=True)
    if booking.approved_at is not None:
        raise BookingApproved(transfer_id=row.source_id)
    facts = {"adviser_id": str(owner), "amount_minor": booking.amount_minor, "currency": booking.currency}
    audit.record(session, actor, "transfer.ask_booking", "transfer", booking.transfer_id, facts, now=now)
    return booking


def is_asked_by(booking: TransferBooking, actor: Actor) -> bool:
    """Tell whether the actor asked for the booking, so that somebody else must agree. Raises NotAuthenticated."""
    return booking.asked_by == _person(actor)


def approve(session: Session, actor: Actor, break_id: UUID, now: dt.datetime) -> TransferBooking:
    """Agree as the second person; the worker books it within seconds. Again changes nothing.

    Raises NotFound, NotATransfer, BookingNotAsked, SameBooker.
    """
    row = transfer_behind(session, break_id)
    booking = session.get(TransferBooking, row.source_id, with_for_update=True)
    if booking is None:
        raise BookingNotAsked(transfer_id=row.source_id)
    if booking.approved_at is None:
        if is_asked_by(booking, actor):
            raise SameBooker(transfer_id=booking.transfer_id)
        booking.approved_by, booking.approved_at = actor.user_id, now
        audit.record(session, actor, "transfer.approve_booking", "transfer", booking.transfer_id, {}, now=now)
    return booking


def post_due(session: Session, now: dt.datetime) -> int:
    """Book the approved transfers, each once, and return how many; the next import finds them explained."""
    due = session.scalars(
        sa.select(TransferBooking)
        .where(TransferBooking.approved_at.is_not(None), TransferBooking.entry_id.is_(None))
        .order_by(TransferBooking.transfer_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).all()
    for booking in due:
        booking.entry_id, booking.posted_at = _post(session, booking, now), now
        importing.ask(session, "booking", now)
    return len(due)


def _post(session: Session, booking: TransferBooking, now: dt.datetime) -> int:
    adviser, currency = booking.adviser_id, booking.currency
    available = Account("adviser:available", adviser, currency)
    left = Money(booking.amount_minor, currency)
    # Nothing of it may be reserved meanwhile; the floor of the account stands behind that.
    free = min(
        left, ledger.lock(session, [available, Account("adviser:receivable", adviser, currency)])[available]
    )
    parts = []
    for row in session.execute(_UNPAID, {"adviser": adviser, "currency": currency}).all():
        here = min(free, Money(row.minor, currency))
        if here.minor > 0:
            parts.append((row.shop_id, here))
            free, left = free - here, left - here
    entry = postings.sent_without_payout(
        booking.transfer_id,
        adviser,
        parts,
        (booking.shop_id, left),
        at=now,
        actor=f"user:{booking.approved_by}",
    )
    [entry_id] = ledger.post(session, [entry])
    session.add(
        StripeMovement(
            source_id=booking.transfer_id,
            kind="transfer",
            subject_id=booking.transfer_id,
            entry_id=entry_id,
            amount_minor=-booking.amount_minor,
            currency=currency,
            at=now,
        )
    )
    session.flush()
    return entry_id


def work(now: dt.datetime) -> int:
    """Book what two people approved, one transfer a transaction, and return how many."""
    done = 0
    while step := db.run_in_transaction(
        lambda session: post_due(session, now), point="reconciliation.book_transfer"
    ):
        done += step
    return done


def _person(actor: Actor) -> UUID:
    if actor.user_id is None:
        raise NotAuthenticated()
    return actor.user_id
