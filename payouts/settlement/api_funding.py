"""POST /api/v1/funding: a shop pays in through Stripe's hosted page."""

from __future__ import annotations

from typing import Any

from marketplace.accounts import shops
from marketplace.core import config, db, tenancy
from marketplace.core.auth import current_actor
from marketplace.core.money import Money
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from payouts.funding import service as funding_service
from payouts.settlement import checkouts, schemas
from payouts.settlement.stripe_gateway import gateway_for

blueprint = ApiBlueprint(
    "funding_checkout",
    __name__,
    url_prefix="/api/v1/funding",
    description="Paying in: a hosted payment page.",
)


@blueprint.route("", methods=["POST"])
@policy("funding", "pay_in")
@blueprint.arguments(schemas.FundingRequest)
@blueprint.response(201, schemas.FundingOpened)
def pay_in(data: dict[str, Any]) -> dict[str, Any]:
    """Open a hosted page where the shop pays an amount into its budget.

    The budget grows once Stripe says that it is paid; the page lives for a day.
    """
    actor, settings = current_actor(), config.current()
    shop_id = shops.require_owner(actor, tenancy.meant_shop(actor, data["shop_id"]))
    with db.transaction(point="funding.plan") as session:
        funding = funding_service.plan(session, shop_id, data["amount"], actor.label, request_now())
    funding = checkouts.open_page(gateway_for(settings), funding, settings.base_url)
    return {
        "id": funding.id,
        "url": funding.url,
        "state": funding.state,
        "amount": Money(funding.amount_minor, funding.currency),
    }
