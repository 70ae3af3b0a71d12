"""What an offer's shop did so far, for advisers who choose: counts and a median over everybody's orders.

An adviser sees no other adviser's commissions, so a function of the owner counts them; below five decided orders it
tells nothing, because fewer could be told apart. Locks: none.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant_execute

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

SIGNATURE = "offer_record(uuid[], timestamptz)"
# The policy is the shop's newest one, else the platform's.
RECORD = """
CREATE FUNCTION offer_record(offers uuid[], asked_at timestamptz)
RETURNS TABLE (offer_id uuid, decided bigint, declined bigint, paid bigint, days_to_pay integer, funded_minor bigint,
  code_rule text, guard_seconds bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.id,
    CASE WHEN r.decided >= 5 THEN r.decided END,
    CASE WHEN r.decided >= 5 THEN r.declined END,
    CASE WHEN r.paid >= 5 THEN r.paid END,
    CASE WHEN r.paid >= 5 THEN r.days_to_pay END,
    (SELECT coalesce(sum(abs(b.balance_minor)), 0)::bigint FROM account a JOIN balance b ON b.account_id = a.id
      WHERE a.owner = o.shop_id AND a.kind = 'shop\\:prepaid' AND a.currency = o.currency),
    p.code_rule, p.guard_seconds::bigint
  FROM offer o
  CROSS JOIN LATERAL (
    SELECT count(*) AS decided, count(*) FILTER (WHERE f.is_declined) AS declined, count(f.paid_at) AS paid,
      (percentile_disc(0.5) WITHIN GROUP (ORDER BY ceil(extract(epoch FROM f.paid_at - f.ordered_at) / 86400))
        FILTER (WHERE f.paid_at IS NOT NULL))::integer AS days_to_pay
    FROM (
      SELECT s.ordered_at, v.is_declined, y.paid_at
      FROM commission c
      JOIN shop_order s ON s.id = c.order_id
      JOIN LATERAL (
        SELECT bool_or(m.kind = 'declined') AND NOT bool_or(m.kind = 'reinstated') AS is_declined
        FROM commission_move m WHERE m.commission_id = c.id AND m.kind IN ('approved', 'declined', 'reinstated')
        HAVING count(*) > 0) v ON true
      LEFT JOIN LATERAL (
        SELECT min(q.paid_at) AS paid_at FROM accrual w JOIN payout_line l ON l.entry_id = w.entry_id
        JOIN payout q ON q.id = l.payout_id WHERE w.commission_id = c.id AND l.amount_minor > 0) y ON true
      WHERE c.shop_id = o.shop_id AND c.offer_id = o.id AND c.mode = 'live'
        AND c.created_at >= offer_record.asked_at - interval '180 days') f) r
  LEFT JOIN LATERAL (
    SELECT t.code_rule, t.guard_seconds FROM attribution_policy t
    WHERE (t.shop_id = o.shop_id OR t.shop_id IS NULL) AND t.effective_from <= offer_record.asked_at
    ORDER BY (t.shop_id IS NULL), t.version DESC LIMIT 1) p ON true
  WHERE o.id = ANY (offer_record.offers) AND o.state <> 'draft'
$$
"""


def upgrade() -> None:
    """Let the web role ask what an offer's shop did so far."""
    op.execute(RECORD)
    grant_execute(op, "app", SIGNATURE)


def downgrade() -> None:
    """Forget the question."""
    op.execute(f"DROP FUNCTION {SIGNATURE}")
