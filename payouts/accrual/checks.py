"""The promises of accrual that can be checked at any moment on live data, and what is due and not done."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.hooks import Finding

_DIFFERING = sa.text(
    """
    SELECT count(*) FILTER (WHERE a.commission_minor <> m.delta_minor OR a.kind <> m.kind OR a.seq <> m.seq
                               OR a.currency <> m.currency OR a.commission_id <> m.commission_id
                               OR c.shop_id <> a.shop_id OR c.adviser_id <> a.adviser_id OR c.mode <> 'live'),
           count(*)
      FROM accrual a JOIN commission_move m ON m.id = a.move_id JOIN commission c ON c.id = m.commission_id
    """
)
_NOT_IN_ENTRY = sa.text(
    """
    SELECT count(*) FILTER (WHERE a.commission_minor <> coalesce(p.adviser, 0)
                               OR a.fee_minor <> coalesce(p.fee, 0)), count(*)
      FROM accrual a LEFT JOIN (
        SELECT p.entry_id, -sum(p.amount_minor) FILTER (WHERE starts_with(k.kind, 'adviser:')) AS adviser,
               -sum(p.amount_minor) FILTER (WHERE starts_with(k.kind, 'platform:fee_')) AS fee
          FROM posting p JOIN account k ON k.id = p.account_id GROUP BY p.entry_id) p ON p.entry_id = a.entry_id
    """
)
# The last approval or decline in the books says whether what is funded of a commission has matured.
_PENDING = sa.text(
    """
    WITH standing AS (
      SELECT commission_id, adviser_id, currency, sum(commission_minor) AS total,
             coalesce(sum(unfunded_commission_minor) FILTER (WHERE funded_entry_id IS NULL), 0) AS unfunded,
             coalesce((array_agg(kind ORDER BY seq DESC) FILTER (WHERE kind IN ('approved', 'declined')))[1]
                      = 'approved', false) AS matured
        FROM accrual GROUP BY commission_id, adviser_id, currency
    ), expected AS (
      SELECT adviser_id, currency, sum(CASE WHEN matured THEN unfunded ELSE total END) AS pending
        FROM standing GROUP BY adviser_id, currency
    ), held AS (
      SELECT a.owner, a.currency, -sum(b.balance_minor) AS pending
        FROM account a JOIN balance b ON b.account_id = a.id
       WHERE a.kind = 'adviser:pending' GROUP BY a.owner, a.currency
    )
    SELECT coalesce(sum(abs(coalesce(h.pending, 0) - coalesce(e.pending, 0))), 0)::bigint, count(*)
      FROM held h FULL JOIN expected e ON e.adviser_id = h.owner AND e.currency = h.currency
    """
)
_FEES = sa.text(
    """
    SELECT count(*) FILTER (WHERE q.fee <> (2 * q.total * coalesce(k.in_force, k.first) + 10000) / 20000), count(*)
      FROM (SELECT commission_id, shop_id, sum(commission_minor)::bigint AS total, sum(fee_minor)::bigint AS fee
              FROM accrual GROUP BY commission_id, shop_id) q
      JOIN commission c ON c.id = q.commission_id JOIN shop_order o ON o.id = c.order_id
      CROSS JOIN LATERAL (
        SELECT (array_agg(s.fee_bp ORDER BY s.version DESC) FILTER (WHERE s.effective_from <= o.ordered_at))[1]
                 AS in_force,
               (array_agg(s.fee_bp ORDER BY s.version))[1] AS first
          FROM shop_contract s WHERE s.shop_id = q.shop_id) k
    """
)
# A worker posts within seconds; what is a minute old and neither posted nor waiting for a shop was forgotten.
_FORGOTTEN = sa.text(
    """
    SELECT (SELECT count(*) FROM accrual_unposted u JOIN commission_move m ON m.id = u.move_id
             WHERE NOT u.awaits_shop AND m.recorded_at < now() - interval '1 minute'
               AND NOT EXISTS (SELECT FROM accrual_stuck s WHERE s.commission_id = u.commission_id)),
           (SELECT count(*) FROM commission_move)
    """
)
_DUE = sa.text(
    "SELECT count(*) FROM accrual_unposted u WHERE NOT u.awaits_shop"
    " AND NOT EXISTS (SELECT FROM accrual_stuck s WHERE s.commission_id = u.commission_id)"
)
_QUEUE = sa.text(
    """
    SELECT (SELECT count(*) FROM accrual_due d FULL JOIN accrual_unposted u ON u.move_id = d.move_id
             WHERE d.commission_id IS DISTINCT FROM u.commission_id),
           (SELECT count(*) FROM commission_move)
    """
)
_SET_ASIDE = sa.text("SELECT count(*), (SELECT count(*) FROM commission_move) FROM accrual_stuck")


def _figure(session: Session, statement: sa.TextClause) -> Finding:
    figure, seen = session.execute(statement).one()
    return Finding(int(figure), int(seen))


def moves_are_posted_as_they_are(session: Session) -> Finding:
    """Count the moves in the books that differ from what tracking wrote."""
    return _figure(session, _DIFFERING)


def entries_say_what_moves_say(session: Session) -> Finding:
    """Count the moves whose entry gives adviser and platform another amount than the move."""
    return _figure(session, _NOT_IN_ENTRY)


def pending_is_unmatured(session: Session) -> Finding:
    """Sum in minor units what advisers have pending beside the commissions that did not mature."""
    return _figure(session, _PENDING)


def fees_follow_standing(session: Session) -> Finding:
    """Count the commissions whose fee is not the fee on what stands."""
    return _figure(session, _FEES)


def no_move_is_forgotten(session: Session) -> Finding:
    """Count the live moves that are neither posted, nor waiting for a shop's budget, nor set aside."""
    return _figure(session, _FORGOTTEN)


def moves_unposted(session: Session, _now: dt.datetime) -> int:
    """Return how many live moves are due and not in the books; approvals that wait for a shop are not due."""
    return int(session.execute(_DUE).scalar_one())


def queue_is_whole(session: Session) -> Finding:
    """Count the moves that are due and not in the queue, or in the queue and not due."""
    return _figure(session, _QUEUE)


def nothing_is_set_aside(session: Session) -> Finding:
    """Count the moves that could not be posted and wait for somebody to look at them."""
    return _figure(session, _SET_ASIDE)


def moves_set_aside(session: Session, _now: dt.datetime) -> int:
    """Return how many moves could not be posted and wait for somebody to look at them."""
    return nothing_is_set_aside(session).figure
