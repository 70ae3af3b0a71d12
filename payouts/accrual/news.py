"""Mail about budgets: to the owners of a shop, when most of what they paid in is used."""

from __future__ import annotations

import sqlalchemy as sa

from marketplace.core import clock, config, db, mail
from marketplace.core.money import Money

# In basis points of the budget: from here on it counts as nearly used.
NEARLY = 8_000
BATCH = 200

# The newest payment of each shop, and what its prepaid account lost since: postings are debits above zero, and the
# account is one of credit.
_USED = sa.text(
    """
    SELECT w.* FROM (
      SELECT f.id AS funding_id, f.shop_id, f.currency, f.paid_at, s.name AS shop,
             (SELECT -coalesce(sum(b.balance_minor), 0)::bigint FROM balance b WHERE b.account_id = a.id) AS left_minor,
             (SELECT coalesce(sum(p.amount_minor), 0)::bigint FROM posting p
               WHERE p.account_id = a.id AND p.entry_id > f.entry_id) AS used_minor
        FROM shop s
        JOIN LATERAL (SELECT * FROM funding n WHERE n.shop_id = s.id AND n.state = 'paid'
                       ORDER BY n.entry_id DESC LIMIT 1) f ON true
        JOIN account a ON a.code = 'shop:prepaid:' || s.id || ':' || f.currency
       WHERE NOT EXISTS (SELECT FROM mail_message m WHERE m.dedupe = 'budget_low:' || f.id)) w
     WHERE w.used_minor > 0 AND w.used_minor * 10000 >= :nearly * (w.used_minor + w.left_minor)
     ORDER BY w.funding_id LIMIT :limit
    """
)


def nearly_used() -> int:
    """Tell shops that 80 % of their budget is used, once for each payment; return how many. Safe to run twice.

    The budget is what stood on the shop's prepaid account right after its newest payment, with what was left from
    before; used is what commissions and fees (and money given back to the shop) took from it since, declined and
    returned ones counted back. What waited for that payment counts as used by it at once.
    """
    now = clock.now()
    with db.transaction(point="accrual.nearly_used") as session:
        rows = session.execute(_USED, {"nearly": NEARLY, "limit": BATCH}).all()
        news = [
            mail.News(
                f"owners:{row.shop_id}",
                "budget_low",
                {
                    "shop": row.shop,
                    "budget": mail.money_fact(Money(row.used_minor + row.left_minor, row.currency)),
                    "left": mail.money_fact(Money(row.left_minor, row.currency)),
                    "used": row.used_minor * 10_000 // (row.used_minor + row.left_minor) // 100 * 100,
                    "funded": row.paid_at.isoformat(),
                    "at": now.isoformat(),
                    "url": f"{config.current().base_url}/shop/budget?shop_id={row.shop_id}",
                },
                f"budget_low:{row.funding_id}",
            )
            for row in rows
        ]
        return mail.tell_all(session, news, now=now)
