"""Terms of open offers, for everybody who was sent the link to them.

Creating a view takes no lock on the tables that it reads beyond ACCESS SHARE.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

# What a shop promises in an open offer is open: who opens the link has no account yet. Versions that are announced
# show too; drafts, paused and closed offers do not, nor shops that no site was proved for.
VIEW = """
CREATE VIEW public_terms WITH (security_barrier) AS
  SELECT t.id, t.offer_id, t.version, t.currency, t.effective_from, t.document, t.window_days, t.hold_days,
         o.code AS offer_code, o.name AS offer_name, o.description, o.notice_days, s.id AS shop_id,
         s.code AS shop_code, s.name AS shop_name, s.country
  FROM commission_terms t JOIN offer o ON o.id = t.offer_id JOIN shop s ON s.id = o.shop_id
  WHERE o.state = 'open' AND s.state = 'live'
"""


def upgrade() -> None:
    """Show the terms of open offers to everybody."""
    op.execute(VIEW)
    grant(op, "app", "SELECT", "public_terms")


def downgrade() -> None:
    """Show them to people of the shop and to advisers only."""
    op.execute("DROP VIEW public_terms")
