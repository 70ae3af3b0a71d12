"""Promises about orders and commissions that can be checked on live data at any moment, and what is due."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import hooks
from marketplace.core.hooks import Finding
from tracking.attribution import replay
from tracking.attribution import service as attribution
from tracking.commissions import approval
from tracking.orders import refunds

MOST_COUNTED = 10_000

_ONE_LIVE = """
SELECT count(*) FILTER (WHERE live > 1), count(*) FROM (
  SELECT c.order_id, count(*) FILTER (WHERE last.standing_minor > 0) AS live
  FROM commission c
  JOIN LATERAL (SELECT m.standing_minor FROM commission_move m WHERE m.commission_id = c.id
    ORDER BY m.seq DESC LIMIT 1) last ON true
  GROUP BY c.order_id) counted
"""
_STANDING = """
SELECT count(*) FILTER (WHERE NOT follows), count(*) FROM (
  SELECT m.standing_minor = sum(m.delta_minor) OVER w AND m.seq = row_number() OVER w
    AND m.standing_minor >= 0 AND m.currency = c.currency AS follows
  FROM commission_move m JOIN commission c ON c.id = m.commission_id
  WINDOW w AS (PARTITION BY m.commission_id ORDER BY m.seq)) moves
"""
_WITHIN_BASE = """
SELECT count(*) FILTER (WHERE last.standing_minor > o.shipping_net_minor + o.shipping_tax_minor + l.total), count(*)
FROM commission c
JOIN shop_order o ON o.id = c.order_id
JOIN LATERAL (SELECT coalesce(sum(net_minor + tax_minor), 0) AS total FROM order_line WHERE order_id = o.id) l ON true
JOIN LATERAL (SELECT m.standing_minor, m.terms_id FROM commission_move m WHERE m.commission_id = c.id
  ORDER BY m.seq DESC LIMIT 1) last ON true
JOIN commission_terms t ON t.id = last.terms_id
WHERE t.document ->> 'minimum' IS NULL AND NOT t.document -> 'default' ? 'flat'
  AND NOT jsonb_path_exists(t.document, '$.rules[*].rate.flat')
"""
_TOUCHES = """
SELECT count(*) FILTER (WHERE (a.touch_id IS NOT NULL AND t.id IS NULL) OR t.shop_id <> a.shop_id
  OR t.adviser_id <> a.adviser_id), count(*)
FROM attribution a LEFT JOIN touch t ON t.id = a.touch_id
"""
# Who took part, said once more from receipts, as the trigger of migration 0040 says it.
_PARTICIPANTS = """
SELECT count(*) FILTER (WHERE said.n IS NULL OR kept.n IS NULL OR (said.shop_id, said.result, said.ordered_at,
  said.received_at) IS DISTINCT FROM (kept.shop_id, kept.result, kept.ordered_at, kept.received_at)), count(*)
FROM (
  SELECT a.order_id, t.adviser_id, a.n, a.shop_id, t.result, o.ordered_at, o.received_at
  FROM attribution a
  JOIN shop_order o ON o.id = a.order_id
  CROSS JOIN LATERAL (
    SELECT a.adviser_id, 'won' WHERE a.adviser_id IS NOT NULL
    UNION ALL
    SELECT CAST(x ->> 'adviser_id' AS uuid), x ->> 'reason' FROM jsonb_array_elements(a.receipt -> 'others') x
  ) t (adviser_id, result)) said
FULL JOIN order_participant kept USING (order_id, adviser_id, n)
"""
_TEST_MODE = """
SELECT count(*) FILTER (WHERE c.mode <> o.mode), count(*) FROM commission c JOIN shop_order o ON o.id = c.order_id
"""
_WINNER = """
SELECT count(*) FILTER (WHERE last.standing_minor > 0 AND stands.adviser_id IS DISTINCT FROM c.adviser_id), count(*)
FROM commission c
JOIN LATERAL (SELECT m.standing_minor FROM commission_move m WHERE m.commission_id = c.id
  ORDER BY m.seq DESC LIMIT 1) last ON true
JOIN LATERAL (SELECT a.adviser_id FROM attribution a WHERE a.order_id = c.order_id ORDER BY a.n DESC LIMIT 1) stands
  ON true
"""
_REFUNDS = """
SELECT count(*) FILTER (WHERE back.net > l.net_minor OR back.quantity > l.quantity), count(*)
FROM order_line l
JOIN LATERAL (SELECT coalesce(sum(r.net_minor), 0) AS net, coalesce(sum(r.quantity), 0) AS quantity
  FROM refund_outcome o JOIN refund_line r ON r.refund_id = o.refund_id
  WHERE o.order_id = l.order_id AND o.state = 'applied' AND r.line_ref = l.line_ref) back ON true
"""
PROMISES = (
    ("one_live_commission_per_order", "orders", _ONE_LIVE),
    ("commission_standing_is_sum_of_moves", "moves", _STANDING),
    ("commission_within_order_base", "commissions", _WITHIN_BASE),
    ("commission_belongs_to_winner", "commissions", _WINNER),
    ("commission_mode_is_order_mode", "commissions", _TEST_MODE),
    ("attribution_rests_on_a_touch", "decisions", _TOUCHES),
    ("attribution_equals_participants", "participants", _PARTICIPANTS),
    ("refunds_within_their_lines", "lines", _REFUNDS),
)


def register() -> None:
    """Register the promises and the lags. Safe to call twice."""
    for name, unit, query in PROMISES:
        hooks.invariant(name, unit, _Check(query))
    hooks.invariant("attributions_replay_equal", "orders", replay.replays_equal)
    hooks.lag("orders_undecided", undecided)
    hooks.lag("approvals_due", approvals_due)
    hooks.lag("refunds_waiting_due", refunds_due)


def undecided(session: Session, _now: dt.datetime) -> int:
    """Return how many orders are provisional, or rest on a touch that was screened since."""
    waiting = attribution.provisional_orders(session, MOST_COUNTED)
    return len({*attribution.due(session, MOST_COUNTED), *(order_id for order_id, _ in waiting)})


def approvals_due(session: Session, now: dt.datetime) -> int:
    """Return how many orders have a commission that the clock should have approved."""
    return len(approval.due_orders(session, now, MOST_COUNTED))


def refunds_due(session: Session, now: dt.datetime) -> int:
    """Return how many orders have a refund still waiting for them, and how many refunds waited 60 days for none."""
    return len(refunds.due_places(session, MOST_COUNTED)) + len(refunds.expired(session, now, MOST_COUNTED))


class _Check:
    """A promise checked by one query that gives what breaks it and how many rows were looked at."""

    def __init__(self, query: str) -> None:
        self._query = sa.text(query)

    def __call__(self, session: Session) -> Finding:
        """Return the finding."""
        broken, seen = session.execute(self._query).one()
        return Finding(int(broken), int(seen))
