"""GET /api/v1/earnings: where an adviser's money is, and when it arrives."""

from __future__ import annotations

from typing import Any

from marketplace.accounts import advisers
from marketplace.core import db, tenancy
from marketplace.core.auth import current_actor
from marketplace.core.errors import InvalidInput, NotFound
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint
from payouts.accrual import earnings, schemas

blueprint = ApiBlueprint(
    "earnings",
    __name__,
    url_prefix="/api/v1/earnings",
    description="What an adviser has on hold, awaiting a shop, payable, in payout, paid, in the bank, or owes back.",
)


@blueprint.route("", methods=["GET"])
@policy("earnings", "read")
@blueprint.arguments(schemas.EarningsQuery, location="query")
@blueprint.response(200, schemas.EarningsPage)
def read_earnings(query: dict[str, Any]) -> dict[str, Any]:
    """Show your earnings; finance and admin name an adviser."""
    actor, wanted = current_actor(), query["adviser_id"]
    with db.session() as session:
        if actor.is_platform:
            if wanted is None:
                raise InvalidInput({"adviser_id": ["Name the adviser."]})
            adviser_id = advisers.get(session, wanted).id
        else:
            adviser_id = wanted or actor.adviser()
            if not tenancy.is_adviser(actor, "earnings.own", adviser_id):
                raise NotFound("adviser", adviser_id)
        return {
            "adviser_id": adviser_id,
            "items": earnings.earnings(session, adviser_id),
            "next_cursor": None,
        }
