"""/adviser/payout-account: one answer, whether an adviser can be paid and why not, and the way to Stripe's own form."""

from __future__ import annotations

from typing import Any

import flask
import structlog
from werkzeug.wrappers import Response

from marketplace.core import clock, config, db, pages
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.errors import Unavailable
from marketplace.core.forms import Form, Query
from marketplace.core.policy import policy
from marketplace.core.schemas import QueryInteger, Schema
from marketplace.core.web import request_now
from payouts.settlement import accounts, bank_leg, schemas
from payouts.settlement.models import PayoutAccount
from payouts.settlement.stripe_gateway import gateway_for

log = structlog.get_logger(__name__)

blueprint = flask.Blueprint("adviser_payout_account", __name__)
# How often the page asks again by itself after somebody came back from Stripe; then a button does.
MOST_ASKED = 15


class ReturnQuery(Schema):
    """How often the page has asked already."""

    n = QueryInteger(minimum=0, maximum=99, load_default=0)


@blueprint.get("/adviser/payout-account")
@policy("adviser_pages", "read")
def show() -> Response:
    """Show whether the adviser can be paid, as Stripe said last."""
    with db.session() as session:
        row = accounts.find(session, current_actor().adviser(), "EUR")
    return _page(current_actor(), row, Form(schemas.PayoutAccountRequest))


@blueprint.post("/adviser/payout-account")
@policy("payout_account", "connect")
def connect() -> Response:
    """Mint an address at Stripe and show it; it works once, for minutes."""
    actor, now, form = current_actor(), request_now(), Form(schemas.PayoutAccountRequest)

    def act(data: dict[str, Any]) -> str:
        settings = config.current()
        gateway = gateway_for(settings)
        with db.transaction(point="pages.plan_account") as session:
            row = accounts.plan(session, actor, data["currency"], now)
        account_id = accounts.connect(gateway, row, now)
        here = f"{settings.base_url}/adviser/payout-account"
        return gateway.account_link(account_id, f"{here}?again=1", f"{here}/return")

    address = form.send(act)
    with db.session() as session:
        row = accounts.find(session, actor.adviser(), "EUR")
    return _page(actor, row, form, address=address)


@blueprint.get("/adviser/payout-account/return")
@policy("adviser_pages", "read")
def returned() -> Response:
    """Ask Stripe how it stands, for who comes back from its form; success is said when Stripe says it."""
    actor, query = current_actor(), Query(ReturnQuery)
    with db.session() as session:
        row = accounts.find(session, actor.adviser(), "EUR")
    is_asked = False
    if row is not None and row.stripe_account_id is not None:
        try:
            row = accounts.refresh(gateway_for(config.current()), row.id, row.stripe_account_id, clock.now)
            is_asked = True
        except Unavailable as error:
            log.warning("payout_account_stale", payout_account=str(row.id), code=error.code)
    return _page(
        actor,
        row,
        Form(schemas.PayoutAccountRequest),
        came_back=True,
        is_asked=is_asked,
        count=query.data["n"] + 1,
    )


def _page(actor: Actor, row: PayoutAccount | None, form: Form, **context: Any) -> Response:
    wanted = row.requirements if row is not None else {}
    with db.session() as session:
        sent_back = bank_leg.sent_back(session, actor.adviser())
    facts: dict[str, Any] = {"address": None, "came_back": False, "is_asked": False, "count": 0, **context}
    return pages.render(
        "payouts/account.html",
        form.status,
        account=row,
        blocked=accounts.blocked_reason(row, request_now()),
        missing=accounts.missing_words([*wanted.get("past_due", ()), *wanted.get("due", ())]),
        needs_totp=row is not None and row.destination_fingerprint is not None and not actor.totp_enrolled,
        most_asked=MOST_ASKED,
        sent_back=sent_back,
        form=form,
        **facts,
    )
