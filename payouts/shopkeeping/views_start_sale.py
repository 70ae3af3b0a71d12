"""/shop/start, the later steps: terms and budget, installing, a test order, going live."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import keys, shops
from marketplace.core import config, db, pages
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.errors import InvalidInput
from marketplace.core.forms import Form, money_values
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from marketplace.offers import service as offers
from marketplace.offers import terms as offer_terms
from marketplace.offers.models import ON_APPROVAL
from payouts.accrual import budget
from payouts.settlement.schemas import FundingRequest
from payouts.shopkeeping import acts_rehearsal, example, reports, schemas, snippets, surroundings, terms_form
from payouts.shopkeeping.views_budget import USUAL
from payouts.shopkeeping.views_offers import drafted, example_of, publish_from
from payouts.shopkeeping.views_start import rendered
from tracking.links import drawings

blueprint = flask.Blueprint("shop_start_sale", __name__)
TEST_SCOPES = ("orders:*", "commissions:*")


@blueprint.get("/shop/start/terms")
@policy("shop_pages", "read")
def terms() -> Response:
    """Ask what advisers earn, with an example worked out; then offer to pay in a first budget."""
    return _terms(current_actor(), None)


@blueprint.post("/shop/start/terms")
@policy("shop_pages", "act")
def set_terms() -> Response:
    """Make the shop's first offer and publish its terms, or (act "preview") only work out the example."""
    actor, form = current_actor(), Form(terms_form.schema(flask.request.form))
    if flask.request.form.get("act") == "preview":
        return _terms(actor, form)

    def act(data: dict[str, Any]) -> UUID:
        # What is wrong with the terms is said before an offer stands there without any.
        terms_form.document(data)
        shop_id = shops.require_owner(actor, data["shop_id"] or pages.current_shop(actor))
        with db.session() as session:
            shop = shops.get(session, shop_id)
            known = [one for one in offers.listed(session, actor, shop_id=shop_id) if one.state != "closed"]
        name, now = data["name"] or _("Advice on %(shop)s", shop=shop.name), request_now()
        joining = data["joining"] or (known[0].joining if known else ON_APPROVAL)
        with db.transaction(point="shop_pages.first_offer") as session:
            if known:
                offer_id = offers.change_joining(session, actor, known[0].id, joining, now=now).id
            else:
                offer_id = offers.create(session, actor, shop_id, name=name, joining=joining, now=now).id
        publish_from(actor, offer_id, {**data, "effective_from": None})
        return offer_id

    made = form.send(act)
    if made is None:
        return _terms(actor, form)
    return pages.go(flask.url_for("shop_start_sale.terms"))


def _terms(actor: Actor, sent: Form | None) -> Response:
    now = request_now()
    with db.session() as session:
        here = surroundings.of(session, actor)
        found = [one for one in offers.listed(session, actor, shop_id=here.shop.id) if one.state != "closed"]
        present = next(
            (kept for one in found if (kept := offer_terms.at(session, one.id, now)) is not None), None
        )
        begun = {"joining": found[0].joining} if found else {}
        form = sent or Form(terms_form.schema(), terms_form.initial(present) | begun)
        try:
            shown = drafted(form, here.shop, now) if sent else present or _suggested(here.shop.currency)
        except InvalidInput:
            shown = None
        told = example_of(session, here.shop, shown, form, now)
        held = budget.budget(session, here.shop.id, here.shop.currency, now) if here.is_owner else None
    offer = next((one for one in found if present is not None and one.id == present.offer_id), None)
    return rendered(
        actor,
        "terms",
        here,
        form=form,
        rows=terms_form.rows(form.values),
        offer=offer,
        present=present,
        held=held,
        pay=Form(FundingRequest, money_values("amount", USUAL)),
        **told,
    )


def _suggested(currency: str) -> Any:
    start = terms_form.TermsForm().load({"value": "8"})
    return example.draft(terms_form.document(start), currency, request_now())


@blueprint.get("/shop/start/install")
@policy("shop_pages", "read")
def install() -> Response:
    """Show what the shop's program sends, and whether something came."""
    return _install(current_actor(), Form(schemas.WithShop), None)


@blueprint.post("/shop/start/install")
@policy("shop_pages", "make_keys")
def make_test_key() -> Response:
    """Make a test key for orders and show it once."""
    actor, form = current_actor(), Form(schemas.WithShop)

    def act(data: dict[str, Any]) -> str:
        shop_id = data["shop_id"] or pages.current_shop(actor)
        wanted = {
            "name": _("Test key for orders"),
            "mode": "test",
            "scopes": list(TEST_SCOPES),
            "bound_to": "shop",
            "shop_id": shop_id,
        }
        with db.transaction(point="shop_pages.make_test_key") as session:
            return keys.create(session, actor, wanted, request_now())[1]

    return _install(actor, form, form.send(act))


def _install(actor: Actor, form: Form, key: str | None) -> Response:
    with db.session() as session:
        here = surroundings.of(session, actor)
        latest = reports.latest(session, here.shop.id, 5)
        sku = reports.first_sku(session, here.shop.id)
    return rendered(
        actor,
        "install",
        here,
        form=form,
        key=key,
        latest=latest,
        texts=snippets.of(key, here.shop.currency, sku),
        api=f"{config.current().base_url}/api/v1",
    )


@blueprint.get("/shop/start/test")
@policy("shop_pages", "read")
def test() -> Response:
    """Offer to play a sale from click to commission, and list the test orders there were."""
    return _test(current_actor(), Form(schemas.WithShop), None)


@blueprint.post("/shop/start/test")
@policy("shop_pages", "act")
def play_test() -> Response:
    """Play a sale and show each hop; the order is kept as a test, everything else is taken back."""
    actor, form = current_actor(), Form(schemas.WithShop)

    def act(data: dict[str, Any]) -> acts_rehearsal.Rehearsed:
        shop_id = shops.require_owner(actor, data["shop_id"] or pages.current_shop(actor))
        with db.session() as session:
            shop = shops.get(session, shop_id)
        return acts_rehearsal.play(actor, shop, request_now())

    return _test(actor, form, form.send(act))


def _test(actor: Actor, form: Form, played: acts_rehearsal.Rehearsed | None) -> Response:
    with db.session() as session:
        here = surroundings.of(session, actor)
        tests = acts_rehearsal.newest(session, here.shop.id)
    return rendered(
        actor,
        "test",
        here,
        form=form,
        played=played,
        hops=acts_rehearsal.HOPS,
        tests=tests,
        api=f"{config.current().base_url}/api/v1",
    )


@blueprint.get("/shop/start/live")
@policy("shop_pages", "read")
def live() -> Response:
    """Offer to open the offer, and show the link that invites advisers."""
    actor, now = current_actor(), request_now()
    with db.session() as session:
        here = surroundings.of(session, actor)
        found = [one for one in offers.listed(session, actor, shop_id=here.shop.id) if one.state != "closed"]
        ready = [one for one in found if offer_terms.at(session, one.id, now) is not None]
    offer = min(ready, key=lambda one: (one.state != "open", one.id), default=None)
    public = f"{config.current().base_url}/offers/{here.shop.code}/{offer.code}" if offer else ""
    return rendered(
        actor,
        "live",
        here,
        offer=offer,
        public=public,
        qr=drawings.inline(public) if offer is not None and offer.state == "open" else "",
    )
