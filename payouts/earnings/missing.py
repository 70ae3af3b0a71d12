"""An order that an adviser misses: what we know of it, and whom to ask what."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

_SHOPS = sa.text(
    """
    SELECT p.shop_id, n.name,
           (SELECT string_agg(d.code, ', ' ORDER BY d.code) FROM discount_code d
             WHERE d.shop_id = p.shop_id AND d.adviser_id = p.adviser_id AND d.revoked_at IS NULL) AS codes
      FROM (SELECT DISTINCT shop_id, adviser_id FROM partnership
             WHERE adviser_id = :adviser AND accepted_at IS NOT NULL) p
      JOIN public_shop_name n ON n.id = p.shop_id ORDER BY n.name
    """
)
_KNOWN = sa.text(
    """
    SELECT (SELECT c.id FROM commission c WHERE c.order_id = o.id AND c.adviser_id = :adviser) AS commission_id,
           (SELECT p.result FROM order_participant p WHERE p.order_id = o.id AND p.adviser_id = :adviser
             ORDER BY p.n DESC LIMIT 1) AS result
      FROM shop_order o
     WHERE o.shop_id = :shop AND o.order_ref = :order_ref AND o.mode = 'live'
       AND EXISTS (SELECT FROM order_participant p WHERE p.order_id = o.id AND p.adviser_id = :adviser)
    """
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was found about a missed order.

    state: "credited" (then with the commission), "elsewhere", or "unknown": not reported, or without the adviser's
    click and code; shop and codes: whom to ask, and which codes the buyer may have used; reason: the rule, elsewhere.
    """

    state: str
    commission_id: UUID | None
    shop: str
    codes: str
    order_ref: str
    reason: str | None = None


def shops(session: Session, adviser_id: UUID) -> list[tuple[UUID, str, str]]:
    """Return the shops whose offers an adviser ever accepted: id, name and the adviser's codes there."""
    rows = session.execute(_SHOPS, {"adviser": adviser_id})
    return [(row.shop_id, row.name, row.codes or "") for row in rows]


def look(session: Session, adviser_id: UUID, shop: tuple[UUID, str, str], order_ref: str) -> Asked:
    """Return what is known of an order of a shop that an adviser misses; of orders of others nothing is told."""
    facts = {"adviser": adviser_id, "shop": shop[0], "order_ref": order_ref}
    row = session.execute(_KNOWN, facts).first()
    if row is not None and row.commission_id:
        return Asked("credited", row.commission_id, shop[1], shop[2], order_ref)
    if row is None or row.result == "won":
        # Who won an order that earns nothing has nothing to be shown.
        return Asked("unknown", None, shop[1], shop[2], order_ref)
    return Asked("elsewhere", None, shop[1], shop[2], order_ref, row.result)
