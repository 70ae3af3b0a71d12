"""The promises of settlement that can be checked at any moment on live data, and what is due and not done."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.hooks import Finding
from payouts.funding.models import Funding
from payouts.settlement import freeze
from payouts.settlement.checkouts import GRACE
from payouts.settlement.events import LEASE
from payouts.settlement.models import StripeEvent
from payouts.settlement.payout_models import Payout, PayoutRun

_UNEQUAL_LINES = sa.text(
    "SELECT count(*) FILTER (WHERE p.amount_minor IS DISTINCT FROM l.total), count(*) FROM payout p LEFT JOIN"
    " (SELECT payout_id, sum(amount_minor) AS total FROM payout_line GROUP BY payout_id) l ON l.payout_id = p.id"
)
# What the books hold in transit, against what payouts still have reserved, per adviser and currency.
_IN_TRANSIT = sa.text(
    "SELECT coalesce(sum(abs(coalesce(b.held, 0) - coalesce(p.open, 0))), 0)::bigint, count(*) FROM"
    " (SELECT a.owner, a.currency, -sum(b.balance_minor) AS held FROM account a JOIN balance b ON b.account_id = a.id"
    "   WHERE a.kind = 'adviser:in_transit' GROUP BY a.owner, a.currency) b FULL JOIN"
    " (SELECT adviser_id, currency, sum(amount_minor) AS open FROM payout"
    "   WHERE state IN ('approved', 'sending', 'unknown', 'rejected') GROUP BY adviser_id, currency) p"
    " ON p.adviser_id = b.owner AND p.currency = b.currency"
)
# Money at the connected accounts by the memo, against payouts that are paid and not in the bank.
_AT_CONNECTED = sa.text(
    "SELECT coalesce(sum(abs(coalesce(b.held, 0) - coalesce(p.open, 0))), 0)::bigint, count(*) FROM"
    " (SELECT a.owner, a.currency, sum(b.balance_minor) AS held FROM account a JOIN balance b ON b.account_id = a.id"
    "   WHERE a.kind = 'memo:connected_balance' GROUP BY a.owner, a.currency) b FULL JOIN"
    " (SELECT adviser_id, currency, sum(amount_minor) AS open FROM payout"
    "   WHERE state IN ('paid', 'bank_failed') GROUP BY adviser_id, currency) p"
    " ON p.adviser_id = b.owner AND p.currency = b.currency"
)
_LIVE_ATTEMPTS = sa.text(
    "SELECT count(*) FILTER (WHERE moved > 1 OR open > 1 OR (moved = 1) <> is_paid), count(*) FROM ("
    " SELECT p.id, p.state IN ('paid', 'in_bank', 'bank_failed') AS is_paid,"
    "   count(*) FILTER (WHERE a.outcome IN ('created', 'adopted')) AS moved,"
    "   count(*) FILTER (WHERE a.id IS NOT NULL AND a.outcome IS NULL) AS open"
    " FROM payout p LEFT JOIN payout_attempt a ON a.payout_id = p.id GROUP BY p.id) q"
)


def _figure(session: Session, statement: sa.TextClause) -> Finding:
    figure, seen = session.execute(statement).one()
    return Finding(int(figure), int(seen))


def payouts_equal_lines(session: Session) -> Finding:
    """Count the payouts whose lines do not sum to their amount."""
    return _figure(session, _UNEQUAL_LINES)


def in_transit_equals_open(session: Session) -> Finding:
    """Sum in minor units what the books hold in transit beside what open payouts have reserved."""
    return _figure(session, _IN_TRANSIT)


def connected_equals_paid(session: Session) -> Finding:
    """Sum in minor units what the memo says is at connected accounts beside what is paid and not in the bank."""
    return _figure(session, _AT_CONNECTED)


def one_live_transfer(session: Session) -> Finding:
    """Count the payouts with more than one transfer or open attempt, or paid without a transfer."""
    return _figure(session, _LIVE_ATTEMPTS)


def events_unhandled(session: Session, now: dt.datetime) -> int:
    """Return how many webhooks are stored and not yet acted upon; one in somebody's hands counts too."""
    statement = sa.select(sa.func.count()).where(
        StripeEvent.handled_at.is_(None), StripeEvent.next_try_at <= now + LEASE
    )
    return session.execute(statement).scalar_one()


def payouts_due(session: Session, now: dt.datetime) -> int:
    """Return how many payouts of executing runs are being sent or due to be tried; waiting for money is not due.

    While payouts are frozen none is: people have to act first.
    """
    if freeze.is_frozen(session):
        return 0
    is_due = (Payout.next_try_at <= now) & Payout.state.in_(("approved", "unknown", "rejected"))
    statement = (
        sa.select(sa.func.count())
        .select_from(Payout)
        .join(PayoutRun, PayoutRun.id == Payout.run_id)
        .where(PayoutRun.state == "executing", is_due | (Payout.state == "sending"))
    )
    return session.execute(statement).scalar_one()


def fundings_unasked(session: Session, now: dt.datetime) -> int:
    """Return how many fundings have no page yet although their time for it has passed."""
    statement = sa.select(sa.func.count()).where(
        Funding.state == "planned", Funding.planned_at <= now - GRACE
    )
    return session.execute(statement).scalar_one()
