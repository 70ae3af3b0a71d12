"""/api/v1/payout-account: where an adviser is paid, what is missing, and the way to Stripe's own form."""

from __future__ import annotations

from typing import Any

import structlog

from marketplace.core import clock, config, db
from marketplace.core.auth import current_actor
from marketplace.core.errors import Unavailable
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from payouts.settlement import accounts, schemas
from payouts.settlement.models import PayoutAccount
from payouts.settlement.stripe_gateway import gateway_for

log = structlog.get_logger(__name__)

blueprint = ApiBlueprint(
    "payout_account",
    __name__,
    url_prefix="/api/v1/payout-account",
    description="Where an adviser is paid. Bank details are given to Stripe, never to us.",
)


@blueprint.route("", methods=["POST"])
@policy("payout_account", "connect")
@blueprint.arguments(schemas.PayoutAccountRequest)
@blueprint.response(201, schemas.PayoutAccountLink)
def connect(data: dict[str, Any]) -> dict[str, str]:
    """Mint an address at Stripe where the adviser gives or changes details; it works once, for minutes."""
    settings, now = config.current(), request_now()
    gateway = gateway_for(settings)
    with db.transaction(point="accounts.plan") as session:
        row = accounts.plan(session, current_actor(), data["currency"], now)
    account_id = accounts.connect(gateway, row, now)
    here = f"{settings.base_url}/adviser/payout-account"
    return {"url": gateway.account_link(account_id, f"{here}?again=1", f"{here}/return")}


@blueprint.route("", methods=["GET"])
@policy("payout_account", "read")
@blueprint.arguments(schemas.PayoutAccountRequest, location="query")
@blueprint.response(200, schemas.PayoutAccountState)
def read(query: dict[str, Any]) -> dict[str, Any]:
    """Return whether the adviser can be paid now, freshly asked at Stripe, and what is missing in plain words.

    When Stripe does not answer, what we knew last is returned with the time it was checked.
    """
    adviser_id, now = current_actor().adviser(), request_now()
    with db.transaction(point="accounts.find") as session:
        row = accounts.find(session, adviser_id, query["currency"])
    if row is not None and row.stripe_account_id is not None:
        try:
            row = accounts.refresh(gateway_for(config.current()), row.id, row.stripe_account_id, clock.now)
        except Unavailable as error:
            log.warning("payout_account_stale", payout_account=str(row.id), code=error.code)
    return describe(row, query["currency"]) | {"blocked_by": accounts.blocked_reason(row, now)}


def describe(row: PayoutAccount | None, currency: str) -> dict[str, Any]:
    """Return a payout account as its owner sees it."""
    if row is None:
        return {
            "currency": currency,
            "state": "none",
            "missing": ["a payout account: open one first"],
            "destination_last4": None,
            "changed_at": None,
            "cooling_until": None,
            "checked_at": None,
        }
    wanted = row.requirements
    return {
        "currency": row.currency,
        "state": row.state,
        "missing": accounts.missing_words([*wanted.get("past_due", ()), *wanted.get("due", ())]),
        "destination_last4": row.destination_last4,
        "changed_at": row.changed_at,
        "cooling_until": row.cooling_until,
        "checked_at": row.seen_at,
    }
