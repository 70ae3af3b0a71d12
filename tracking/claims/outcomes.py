"""What became of a claimed order by the rules of attribution: nothing is credited for having been claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import tenancy
from tracking.attribution import service as attribution
from tracking.claims.models import Claim
from tracking.commissions.models import Commission
from tracking.commissions.visibility import took_part
from tracking.orders.models import ShopOrder


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the decision about a found order gave the adviser.

    state: "credited" (then with the commission), "elsewhere" (then with the rule that decided), "no_advice": it came
    without a click or code of theirs. is_open: clicks from before the order may still arrive and change that.
    """

    state: Literal["credited", "elsewhere", "no_advice"]
    commission_id: UUID | None = None
    reason: str | None = None
    is_open: bool = False


def is_known(session: Session, adviser_id: UUID, shop_id: UUID, order_ref: str) -> bool:
    """Tell whether an order of a shop is in the books with a commission, a click or a code of an adviser.

    Of orders that came without them nothing is told: they are somebody else's.
    """
    query = sa.select(ShopOrder.id).where(
        ShopOrder.shop_id == shop_id,
        ShopOrder.mode == "live",
        ShopOrder.order_ref == order_ref,
        tenancy.rows("claims.took_part", took_part(adviser_id)),
    )
    return session.scalars(query).first() is not None


def of(session: Session, claims: Sequence[Claim]) -> dict[UUID, Outcome]:
    """Return what became of the order of each found claim, as far as the reader may see it; two queries."""
    found = [(claim.id, claim.adviser_id, claim.order_id) for claim in claims if claim.order_id is not None]
    if not found:
        return {}
    orders = {order_id for _, _, order_id in found}
    query = sa.select(Commission.id, Commission.order_id, Commission.adviser_id)
    earned = {
        (row.order_id, row.adviser_id): row.id
        for row in session.execute(query.where(Commission.order_id.in_(orders)))
    }
    decisions = attribution.newest_of(session, orders)
    told: dict[UUID, Outcome] = {}
    for claim_id, adviser_id, order_id in found:
        decision = decisions.get(order_id)
        is_open = decision is not None and decision.state == "provisional"
        others = decision.receipt["others"] if decision is not None else ()
        reason = next((one["reason"] for one in others if one["adviser_id"] == str(adviser_id)), None)
        if (order_id, adviser_id) in earned:
            told[claim_id] = Outcome("credited", earned[order_id, adviser_id], None, is_open)
        else:
            told[claim_id] = Outcome("elsewhere" if reason else "no_advice", None, reason, is_open)
    return told
