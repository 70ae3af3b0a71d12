"""An offer may be joined at once, and a shop's time to answer applications is told.

`joining` says how advisers come in; every offer that exists goes on asking its shop. The history of an offer's states
keeps it beside the state, with who changed it and when. An adviser sees no other adviser's applications, so a function of
the owner tells a shop's median time to answer; below three answers in 90 days it tells nothing.

Locks: `offer` and `offer_state` ACCESS EXCLUSIVE for an instant (a default that rewrites nothing, and a check over
short tables).
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant, grant_execute

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

SIGNATURE = "shop_answers(uuid[], timestamptz)"
# An answer is the step after an application; ending with somebody who advises answers nothing.
ANSWERS = """
CREATE FUNCTION shop_answers(shops uuid[], asked_at timestamptz)
RETURNS TABLE (shop_id uuid, median_seconds bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.shop_id, percentile_disc(0.5) WITHIN GROUP (ORDER BY a.seconds)
  FROM (
    SELECT e.shop_id, e.state, e.from_at, lag(e.state) OVER steps AS before,
      extract(epoch FROM e.from_at - lag(e.from_at) OVER steps)::bigint AS seconds
    FROM partnership_event e
    WHERE e.offer_id IN (SELECT o.id FROM offer o WHERE o.shop_id = ANY (shop_answers.shops))
      AND e.from_at <= shop_answers.asked_at
    WINDOW steps AS (PARTITION BY e.offer_id, e.adviser_id ORDER BY e.from_at, e.id)) a
  WHERE a.before = 'applied' AND a.state IN ('approved', 'declined')
    AND a.from_at > shop_answers.asked_at - interval '90 days'
  GROUP BY a.shop_id HAVING count(*) >= 3
$$
"""


def upgrade() -> None:
    """Let an offer say how it is joined, and let the web role ask how soon shops answer."""
    for table in ("offer", "offer_state"):
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN joining text NOT NULL DEFAULT 'on_approval'"
            f" CONSTRAINT ck_{table}_joining CHECK (joining IN ('on_approval', 'at_once'))"
        )
    grant(op, "app", "UPDATE (joining)", "offer")
    op.execute(ANSWERS)
    grant_execute(op, "app", SIGNATURE)


def downgrade() -> None:
    """Forget how offers are joined; who joined stays."""
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    for table in ("offer_state", "offer"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN joining")
