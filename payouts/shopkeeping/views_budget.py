"""/shop/budget: what is left and how long it lasts, what waits for it, and paying in through Stripe's own page."""

from __future__ import annotations

from email.utils import parseaddr
from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import public, shops
from marketplace.core import config, db, pages
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.forms import Form, Query, money_values
from marketplace.core.money import Money, sum_money
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from payouts.accrual import budget
from payouts.funding import service as funding_service
from payouts.funding.models import Funding
from payouts.settlement import checkouts
from payouts.settlement.schemas import FundingRequest
from payouts.settlement.stripe_gateway import gateway_for
from payouts.shopkeeping import purse, results, schemas, surroundings

blueprint = flask.Blueprint("shop_budget", __name__)
# What the form begins with; the currency is the shop's.
USUAL = Money(250_00, "EUR")


@blueprint.get("/shop/budget")
@policy("shop_pages", "pay")
def index() -> Response:
    """Show the budget of a shop, its payments, and the form to pay in."""
    return _page(current_actor(), Form(FundingRequest, money_values("amount", USUAL)))


@blueprint.post("/shop/budget")
@policy("funding", "pay_in")
def pay_in() -> Response:
    """Write the payment down and show the way to Stripe's page; the budget grows once Stripe says that it is paid.

    A form may lead to no other site (the content security policy says so), but a link may.
    """
    actor, settings, form = current_actor(), config.current(), Form(FundingRequest)

    def act(data: dict[str, Any]) -> Funding:
        shop_id = shops.require_owner(actor, data["shop_id"] or pages.current_shop(actor))
        with db.transaction(point="shop_pages.pay_in") as session:
            planned = funding_service.plan(session, shop_id, data["amount"], actor.label, request_now())
        return checkouts.open_page(gateway_for(settings), planned, settings.base_url)

    made = form.send(act)
    if made is None or not made.url:
        return _page(actor, form)
    return pages.go(flask.url_for("shop_budget.index", begun=made.id))


def _page(actor: Actor, form: Form) -> Response:
    now, query = request_now(), Query(schemas.BudgetQuery)
    with db.session() as session:
        here = surroundings.of(session, actor)
        shops.refuse_staff(actor, here.shop.id)
        found = results.of(session, here.shop.id, here.shop.currency, now, purse.LOOKED_AT)
        held = purse.of(session, here.shop.id, found, now)
        waiting = budget.awaiting(session, here.shop.id)
        names = public.names_of(session, {one.adviser_id for one in waiting})
        payments = budget.payments(session, here.shop.id)
    back = query.data["paid"] or query.data["cancelled"] or query.data["begun"]
    return pages.render(
        "shop/budget.html",
        form.status,
        budget=held,
        spent=found.cost,
        waiting=waiting,
        waiting_sum=sum_money((one.commission + one.fee for one in waiting), here.shop.currency),
        names=names,
        payments=[(row, Money(row.amount_minor, row.currency)) for row in payments],
        returned=_payment(payments, back),
        begun=query.data["begun"] is not None,
        was_cancelled=query.data["cancelled"] is not None,
        ask_at=parseaddr(config.current().mail_from)[1],
        form=form,
        **here.context(),
    )


def _payment(payments: list[Funding], wanted: UUID | None) -> Funding | None:
    return next((row for row in payments if row.id == wanted), None)
