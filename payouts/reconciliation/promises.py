"""What reconciliation promises on live data, and when its last word is out of date."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.hooks import Finding
from payouts.reconciliation import books
from payouts.reconciliation.matching import KINDS
from payouts.reconciliation.models import ReconImport, TransferBooking
from payouts.reconciliation.report import newest_certificates
from payouts.settlement.models import Break

# Transfers as Stripe lists them, less what was taken back, against payouts that are paid; what is asked for and
# not answered is left out on both sides, and so is what was paid after the last import.
_TRANSFERS = sa.text(
    "SELECT coalesce((SELECT -sum(b.net_minor) FROM balance_tx b WHERE b.type IN ('transfer', 'transfer_refund')"
    "   AND NOT EXISTS (SELECT FROM payout_attempt a WHERE a.outcome IS NULL"
    "     AND b.source ->> 'transfer_group' = 'payout_' || a.payout_id)), 0)::bigint AS stripe,"
    " coalesce((SELECT sum(p.amount_minor) FROM payout p WHERE p.state IN ('paid', 'in_bank', 'bank_failed')"
    "   AND (p.paid_at <= (SELECT max(i.finished_at) FROM recon_import i)"
    "     OR EXISTS (SELECT FROM balance_tx b WHERE b.source_id = p.stripe_transfer_id))), 0)::bigint"
    # A transfer whose payout a restore took away is known to the books by what finance said of it.
    " + coalesce((SELECT sum(t.amount_minor) FROM transfer_booking t WHERE t.entry_id IS NOT NULL), 0)::bigint AS ours,"
    " (SELECT count(*) FROM payout) + (SELECT count(*) FROM balance_tx WHERE type = 'transfer') AS seen"
)
IMPORT_EVERY = dt.timedelta(minutes=15)


def certificate_difference(session: Session) -> Finding:
    """Sum the differences of the newest certificates; one that the books have left behind does not hold.

    Differences that cancel each other out leave a certificate of nothing, so they are counted one by one too.
    """
    made = newest_certificates(session)
    one_by_one = session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(sa.func.abs(Break.amount_minor)), 0)).where(
            Break.kind.in_(KINDS), Break.state == "open"
        )
    )
    figure = max(sum(abs(one.difference_minor) for one in made), int(one_by_one or 0))
    is_stale = books.stale(session)
    return Finding(figure, len(made), figure == 0 and not is_stale and bool(made))


def movements_are_whole(session: Session) -> Finding:
    """Sum by how much the imported movements miss Stripe's balance."""
    made = newest_certificates(session)
    figure = sum(abs(one.stripe_minor - one.movements_minor) for one in made)
    return Finding(figure, sum(one.movements for one in made))


def transfers_equal_payouts(session: Session) -> Finding:
    """Compare, over all currencies in minor units, what Stripe moved to advisers with the payouts that are paid."""
    row = session.execute(_TRANSFERS).one()
    return Finding(abs(row.stripe - row.ours), int(row.seen))


def imports_due(session: Session, _now: dt.datetime) -> int:
    """Return 1 when an import is asked for or the books moved since the last certificate."""
    asked = session.scalar(
        sa.select(sa.func.count()).select_from(ReconImport).where(ReconImport.state == "asked")
    )
    return int(bool(asked) or books.stale(session))


def import_is_due(session: Session, now: dt.datetime) -> bool:
    """Say whether it is time for an import: asked for, out of date, or the last one is a quarter of an hour old."""
    last = session.scalar(sa.select(sa.func.max(ReconImport.finished_at)))
    return bool(imports_due(session, now)) or last is None or now - last >= IMPORT_EVERY


def bookings_unposted(session: Session, _now: dt.datetime) -> int:
    """Return how many transfers two people have explained and the worker has not booked yet."""
    statement = sa.select(sa.func.count()).where(
        TransferBooking.approved_at.is_not(None), TransferBooking.entry_id.is_(None)
    )
    return session.execute(statement).scalar_one()
