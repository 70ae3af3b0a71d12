"""Bring in what Stripe says moved, book what is plainly cost, compare, and write the certificate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.core import db, ids
from marketplace.core.money import Money
from payouts.ledger import postings
from payouts.ledger import service as ledger
from payouts.reconciliation import adoption, books, certificate, matching
from payouts.reconciliation.models import BalanceTxRow, Certificate, ReconImport
from payouts.settlement import breaks, freeze
from payouts.settlement.gateway import BalanceTx, Gateway, StripeBalance, Transfer
from payouts.settlement.models import StripeMovement

OVERLAP = dt.timedelta(days=1)
# Money may move between asking for the balance and listing what moved; then both are asked again.
TRIES = 4
_CHUNK = 500
Now = Callable[[], dt.datetime]


def ask(session: Session, asked_by: str, now: dt.datetime) -> ReconImport:
    """Write down that an import is wanted; one that is wanted already is returned."""
    # Two who ask at one moment would each see none waiting; the lock ends with the transaction.
    session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended('reconciliation.import', 0))"))
    waiting = session.scalars(
        sa.select(ReconImport).where(ReconImport.state == "asked").order_by(ReconImport.id).limit(1)
    ).one_or_none()
    if waiting is not None:
        return waiting
    wanted = ReconImport(id=ids.new_id(), asked_at=now, asked_by=asked_by, state="asked")
    session.add(wanted)
    session.flush()
    return wanted


def ask_anew(session: Session, asked_by: str, now: dt.datetime) -> ReconImport:
    """Write down that an import is wanted that begins after now, whatever waits or is under way already."""
    wanted = ReconImport(id=ids.new_id(), asked_at=now, asked_by=asked_by, state="asked")
    session.add(wanted)
    session.flush()
    return wanted


def run(gateway: Gateway, import_id: UUID, now: Now) -> list[Certificate]:
    """Carry out one import and return its certificates; an import that is finished already gives none.

    Everything that Stripe is asked happens before the one transaction that records it. Safe to run twice and at once:
    movements are kept by their id, and the second to finish finds the import finished.
    """
    with db.transaction(point="reconciliation.begin") as session:
        wanted = session.get(ReconImport, import_id)
        if wanted is None or wanted.state == "finished":
            return []
        since = books.reached(session)
        adopts = freeze.is_frozen(session)
    found: list[BalanceTx] = []
    balances: dict[str, StripeBalance] = {}
    for _ in range(TRIES):
        before = gateway.balances()
        found = list(gateway.balance_transactions(None if since is None else since - OVERLAP))
        balances = gateway.balances()
        if _totals(before) == _totals(balances):
            break
    forgotten = adoption.look_for(gateway, found) if adopts else []
    return db.run_in_transaction(
        lambda session: _record(session, import_id, found, balances, forgotten, now()),
        point="reconciliation.record",
    )


def _totals(balances: dict[str, StripeBalance]) -> dict[str, Money]:
    return {currency: one.total for currency, one in balances.items()}


def _record(
    session: Session,
    import_id: UUID,
    found: Sequence[BalanceTx],
    balances: dict[str, StripeBalance],
    forgotten: Sequence[Transfer],
    now: dt.datetime,
) -> list[Certificate]:
    wanted = session.scalars(
        sa.select(ReconImport)
        .where(ReconImport.id == import_id, ReconImport.state == "asked")
        .with_for_update()
    ).one_or_none()
    if wanted is None:
        return []
    wanted.seen, wanted.new = len(found), _keep(session, found, now)
    adoption.adopt(session, forgotten, now)
    wanted.state, wanted.finished_at = "finished", now
    wanted.reached = max((one.created for one in found), default=books.reached(session))
    _book_costs(session, now)
    made = [
        _certify(session, import_id, currency, balances, now)
        for currency in sorted(set(balances) | books.currencies(session))
    ]
    session.add_all(made)
    session.flush()
    return made


def _keep(session: Session, found: Sequence[BalanceTx], now: dt.datetime) -> int:
    """Keep movements by their id and return how many were new."""
    rows = [
        {
            "id": one.tx_id,
            "type": one.type,
            "reporting_category": one.reporting_category,
            "amount_minor": one.amount.minor,
            "fee_minor": one.fee.minor,
            "net_minor": one.net.minor,
            "currency": one.net.currency,
            "source_id": one.source_id,
            "source": one.source,
            "description": one.description,
            "created": one.created,
            "available_on": one.available_on,
            "imported_at": now,
        }
        for one in found
    ]
    new = 0
    for start in range(0, len(rows), _CHUNK):
        kept = session.execute(
            insert(BalanceTxRow)
            .values(rows[start : start + _CHUNK])
            .on_conflict_do_nothing(index_elements=[BalanceTxRow.id])
            .returning(BalanceTxRow.id)
        )
        new += len(kept.all())
    return new


def _book_costs(session: Session, now: dt.datetime) -> None:
    """Book what Stripe charged us by itself; each movement once."""
    rows = session.scalars(
        sa.select(BalanceTxRow)
        .where(BalanceTxRow.type.in_(matching.COST_TYPES), BalanceTxRow.net_minor != 0)
        .where(~sa.exists().where(StripeMovement.source_id == BalanceTxRow.id))
        .order_by(BalanceTxRow.id)
    ).all()
    if not rows:
        return
    entries = [
        postings.stripe_fee(row.id, Money(-row.net_minor, row.currency), at=row.created) for row in rows
    ]
    for row, entry_id in zip(rows, ledger.post(session, entries), strict=True):
        session.add(
            StripeMovement(
                source_id=row.id,
                kind="cost",
                subject_id=row.id,
                entry_id=entry_id,
                amount_minor=row.net_minor,
                currency=row.currency,
                at=now,
            )
        )
    session.flush()


def _certify(
    session: Session, import_id: UUID, currency: str, balances: dict[str, StripeBalance], now: dt.datetime
) -> Certificate:
    both = books.sides(session, currency)
    differences = both.differences(now)
    for one in differences:
        breaks.open_break(
            session,
            one.kind,
            one.ref,
            Money(one.amount_minor, currency),
            cause=one.explained or one.cause,
            facts=one.facts,
            state="explained" if one.explained else "open",
            now=now,
        )
    breaks.correct_gone(
        session, currency, {(one.kind, one.ref) for one in differences}, set(matching.KINDS), now=now
    )
    stripe = balances[currency].total if currency in balances else Money.zero(currency)
    sums = certificate.figures(both.ledger, stripe, both.moved, differences)
    return Certificate(
        id=ids.new_id(),
        import_id=import_id,
        currency=currency,
        at=now,
        ledger_minor=sums.ledger.minor,
        stripe_minor=sums.stripe.minor,
        movements_minor=sums.movements.minor,
        explained_minor=sums.explained.minor,
        difference_minor=sums.difference.minor,
        movements=len(both.movements),
        last_entry_id=both.last_entry_id,
        explained=[
            {"ref": one.ref, "amount_minor": one.amount_minor, "why": one.explained}
            for one in differences
            if one.explained
        ],
    )
