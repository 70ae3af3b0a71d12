"""The promises of funding that can be checked at any moment on live data."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.hooks import Finding

_UNBOOKED = sa.text(
    """
    SELECT count(*) FILTER (WHERE (f.state = 'paid' AND b.total IS DISTINCT FROM f.amount_minor)
                               OR (f.state <> 'paid' AND b.total IS NOT NULL)), count(*)
      FROM funding f LEFT JOIN (
        SELECT e.source_id, -sum(p.amount_minor) AS total
          FROM entry e JOIN posting p ON p.entry_id = e.id JOIN account a ON a.id = p.account_id
         WHERE e.kind = 'fund' AND a.kind = 'shop:prepaid' GROUP BY e.source_id) b ON b.source_id = f.id::text
    """
)
# A shop may owe more than what waits, when a payment of it bounced: then the rest came with such an entry.
_OWED = sa.text(
    """
    SELECT coalesce(sum(abs(coalesce(b.owed, 0) - coalesce(w.waiting, 0) - coalesce(r.bounced, 0))), 0)::bigint,
           count(*)
      FROM (SELECT a.owner, a.currency, sum(b.balance_minor) AS owed
              FROM account a JOIN balance b ON b.account_id = a.id
             WHERE a.kind = 'shop:receivable' GROUP BY a.owner, a.currency) b
      FULL JOIN (SELECT shop_id, currency, sum(unfunded_commission_minor + unfunded_fee_minor) AS waiting
                   FROM accrual WHERE NOT funded AND funded_entry_id IS NULL GROUP BY shop_id, currency) w
        ON w.shop_id = b.owner AND w.currency = b.currency
      LEFT JOIN (SELECT a.owner, a.currency, sum(p.amount_minor) AS bounced
                   FROM entry e JOIN posting p ON p.entry_id = e.id JOIN account a ON a.id = p.account_id
                  WHERE e.kind = 'fund_returned' AND a.kind = 'shop:receivable' GROUP BY a.owner, a.currency) r
        ON r.owner = b.owner AND r.currency = b.currency
    """
)


def _figure(session: Session, statement: sa.TextClause) -> Finding:
    figure, seen = session.execute(statement).one()
    return Finding(int(figure), int(seen))


def payments_are_booked(session: Session) -> Finding:
    """Count the payments that are paid and not booked for their amount, or booked and not paid."""
    return _figure(session, _UNBOOKED)


def shops_owe_what_waits(session: Session) -> Finding:
    """Sum in minor units what the books say shops owe beside what waits for their budget."""
    return _figure(session, _OWED)
