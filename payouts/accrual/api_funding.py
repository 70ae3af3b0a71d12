"""GET /api/v1/funding: a shop's budget, what waits for it, and the latest payments."""

from __future__ import annotations

from typing import Any

from marketplace.accounts import shops
from marketplace.core import db, tenancy
from marketplace.core.auth import current_actor
from marketplace.core.errors import InvalidInput
from marketplace.core.money import Money
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from payouts.accrual import budget, schemas

blueprint = ApiBlueprint(
    "funding", __name__, url_prefix="/api/v1/funding", description="A shop's budget and what waits for it."
)


@blueprint.route("", methods=["GET"])
@policy("funding", "read")
@blueprint.arguments(schemas.FundingQuery, location="query")
@blueprint.response(200, schemas.FundingView)
def read_funding(query: dict[str, Any]) -> dict[str, Any]:
    """Show up to where your shop is funded; finance and admin name a shop."""
    actor = current_actor()
    if actor.is_platform and query["shop_id"] is None:
        raise InvalidInput({"shop_id": ["Name the shop."]})
    with db.session() as session:
        if actor.is_platform:
            shop = shops.get(session, query["shop_id"])
        else:
            shop = shops.owned_by(session, actor, tenancy.meant_shop(actor, query["shop_id"]))
        payments = [
            {
                "id": row.id,
                "state": row.state,
                "amount": Money(row.amount_minor, row.currency),
                "planned_at": row.planned_at,
                "paid_at": row.paid_at,
                "url": row.url if row.state == "open" and not actor.is_platform else None,
            }
            for row in budget.payments(session, shop.id)
        ]
        return {
            "shop_id": shop.id,
            "balances": [budget.budget(session, shop.id, shop.currency, request_now())],
            "awaiting": budget.awaiting(session, shop.id),
            "payments": payments,
        }
