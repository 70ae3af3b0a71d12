"""How far a shop has come, read from what exists; nobody stores a step. And whether its orders still arrive."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

STEPS = ("shop", "domain", "products", "terms", "install", "test", "live")
# Longer without an order than this, and somebody should look whether the shop still reports.
SILENT_AFTER = dt.timedelta(days=2)
_SETUP = sa.text(
    """
    SELECT EXISTS (SELECT FROM shop_domain d WHERE d.shop_id = s.id AND d.verified_at IS NOT NULL) AS has_domain,
           EXISTS (SELECT FROM product p WHERE p.shop_id = s.id AND p.retired_at IS NULL) AS has_products,
           EXISTS (SELECT FROM commission_terms t WHERE t.shop_id = s.id) AS has_terms,
           EXISTS (SELECT FROM shop_order o WHERE o.shop_id = s.id AND o.source = 'api') AS has_reported,
           EXISTS (SELECT FROM shop_order o WHERE o.shop_id = s.id AND o.mode = 'test'
                     AND (o.source <> 'api' OR EXISTS (SELECT FROM commission c WHERE c.order_id = o.id)))
             AS has_tested,
           EXISTS (SELECT FROM api_key k WHERE k.shop_id = s.id AND k.mode = 'live' AND k.revoked_at IS NULL)
             AS has_live_key,
           EXISTS (SELECT FROM shop_order o WHERE o.shop_id = s.id AND o.mode = 'live') AS has_sold,
           EXISTS (SELECT FROM offer o WHERE o.shop_id = s.id AND o.state = 'open') AS is_open,
           (SELECT count(*) FROM partnership p WHERE p.shop_id = s.id AND p.state = 'applied') AS applications,
           (SELECT count(*) FROM dispute d WHERE d.shop_id = s.id AND d.state = 'open') AS disputes,
           (SELECT count(*) FROM claim c WHERE c.shop_id = s.id AND c.state IN ('open', 'escalated')) AS claims,
           (SELECT max(o.received_at) FROM shop_order o WHERE o.shop_id = s.id AND o.mode = 'live') AS last_order_at,
           (SELECT f.state FROM feed_job f WHERE f.shop_id = s.id ORDER BY f.id DESC LIMIT 1) AS feed_state,
           (SELECT f.refused FROM feed_job f WHERE f.shop_id = s.id AND f.state = 'done'
             ORDER BY f.id DESC LIMIT 1) AS feed_refused,
           (SELECT f.id FROM feed_job f WHERE f.shop_id = s.id ORDER BY f.id DESC LIMIT 1) AS feed_id
      FROM shop s WHERE s.id = :shop
    """
)


@dataclass(frozen=True, slots=True)
class Setup:
    """What is there of a shop. has_reported: its own program has sent an order, test or live.

    has_tested: a test order went through every hop, ours or one of its program. has_live_key: one that opens something.
    """

    has_domain: bool = False
    has_products: bool = False
    has_terms: bool = False
    has_reported: bool = False
    has_tested: bool = False
    has_live_key: bool = False
    has_sold: bool = False
    is_open: bool = False
    applications: int = 0
    disputes: int = 0
    claims: int = 0
    last_order_at: dt.datetime | None = None
    feed_state: str | None = None
    feed_refused: int | None = None
    feed_id: UUID | None = None
    has_shop: bool = True

    def done(self) -> dict[str, bool]:
        """Return which of the seven steps are done, in their order."""
        return {
            "shop": self.has_shop,
            "domain": self.has_domain,
            "products": self.has_products,
            "terms": self.has_terms,
            "install": self.has_reported or self.has_sold,
            "test": self.has_tested or self.has_sold,
            "live": self.is_open,
        }

    def next_step(self) -> str | None:
        """Return the first step that is not done; None when all are."""
        return next((step for step, is_done in self.done().items() if not is_done), None)

    def is_silent(self, now: dt.datetime) -> bool:
        """Tell whether a shop that sold before has not reported an order for long."""
        return self.last_order_at is not None and now - self.last_order_at > SILENT_AFTER


NOTHING = Setup(has_shop=False)


def of(session: Session, shop_id: UUID) -> Setup:
    """Return how far a shop has come; one query."""
    return Setup(**session.execute(_SETUP, {"shop": shop_id}).mappings().one())
