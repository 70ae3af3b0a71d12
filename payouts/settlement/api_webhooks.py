"""Stripe's two webhook endpoints: verify the raw bytes, store, answer; the worker does the rest."""

from __future__ import annotations

from typing import Any

import flask

from marketplace.core import config, db
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now, takes_bytes
from payouts.settlement import events, schemas
from payouts.settlement.stripe_gateway import gateway_for

blueprint = ApiBlueprint(
    "stripe_webhooks",
    __name__,
    url_prefix="/webhooks/stripe",
    description="Where Stripe tells what happened. Only signed bytes are taken.",
)


@blueprint.route("/account", methods=["POST"])
@policy("public", "read")
@takes_bytes
@blueprint.response(200, schemas.WebhookAnswer)
def account() -> dict[str, Any]:
    """Take an event of our own Stripe account."""
    return _take("account", config.current().stripe_webhook_secret_account)


@blueprint.route("/connect", methods=["POST"])
@policy("public", "read")
@takes_bytes
@blueprint.response(200, schemas.WebhookAnswer)
def connect() -> dict[str, Any]:
    """Take an event of an adviser's connected account."""
    return _take("connect", config.current().stripe_webhook_secret_connect)


def _take(source: str, secret: str) -> dict[str, Any]:
    payload = flask.request.get_data(cache=False)
    signature = flask.request.headers.get("Stripe-Signature")
    event = gateway_for(config.current()).verify_webhook(payload, signature, secret)
    with db.use_scope(db.WEBHOOK), db.transaction(point="events.receive") as session:
        is_new = events.receive(session, source, event, payload, request_now())
    return {"received": True, "new": is_new}
