"""/shop/start: from nothing to a shop that advisers can join, in seven steps that can be left at any time.

What is done is read from what exists; nothing stores where somebody was.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import domains, limits, shops
from marketplace.accounts.schemas_shops import NewDomain, NewProof
from marketplace.core import config, db, pages
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.forms import Form
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from payouts.shopkeeping import consent, setup, surroundings
from payouts.shopkeeping.schemas import BeginShop, Site
from payouts.shopkeeping.surroundings import Surroundings

blueprint = flask.Blueprint("shop_start", __name__)
COUNTRIES = ("NL", "BE", "DE", "FR", "LU", "AT", "GB", "ES")
CURRENCIES = ("EUR", "GBP", "SEK", "DKK", "USD")


@blueprint.get("/shop/start")
@policy("shop_pages", "begin")
def start() -> Response:
    """Lead on to the first step that is not done."""
    actor = current_actor()
    if not actor.shop_ids:
        return pages.go(flask.url_for("shop_start.shop"))
    with db.session() as session:
        step = setup.of(session, pages.current_shop(actor)).next_step()
    return pages.go(f"/shop/start/{step or 'live'}")


@blueprint.get("/shop/start/shop")
@policy("shop_pages", "begin")
def shop() -> Response:
    """Ask what the shop is called, and its company number, country and currency."""
    return _shop(current_actor(), Form(BeginShop, {"country": "NL", "currency": "EUR"}))


@blueprint.post("/shop/start/shop")
@policy("shops", "create")
def make_shop() -> Response:
    """Make the shop with what its owner agrees to, and go on to its site."""
    actor, form = current_actor(), Form(BeginShop)

    def act(data: dict[str, Any]) -> UUID:
        with db.transaction(point="shop_pages.make_shop") as session:
            texts = consent.asked(session, actor)
            consent.require(texts, data)
            made = shops.create(session, actor, data, request_now()).id
            consent.keep(session, actor, texts, made, request_now())
            return made

    made = form.send(act)
    if made is None:
        return _shop(actor, form)
    following = pages.go(flask.url_for("shop_start.domain"))
    return pages.prefer(following, pages.SHOP_COOKIE, str(made))


def _shop(actor: Actor, form: Form) -> Response:
    with db.session() as session:
        texts = [] if actor.shop_ids else consent.asked(session, actor)
        here = surroundings.of(session, actor) if actor.shop_ids else None
        kept = consent.of_shop(session, actor, here.shop.id) if here and here.is_owner else []
    return rendered(actor, "shop", here, form=form, texts=texts, kept=kept)


@blueprint.get("/shop/start/domain")
@policy("shop_pages", "read")
def domain() -> Response:
    """Show how to prove that a site is the shop's."""
    return domain_page(current_actor(), Form(NewDomain, {"proof": "file"}))


@blueprint.post("/shop/start/domain")
@policy("domains", "add")
def add_domain() -> Response:
    """Name a site of the shop, or another way of proving it."""
    actor, form = current_actor(), Form(Site)

    def act(data: dict[str, Any]) -> UUID:
        shop_id = data["shop_id"] or pages.current_shop(actor)
        with db.transaction(point="shop_pages.add_domain") as session:
            return domains.add(session, actor, shop_id, data["host"], data["proof"], request_now()).id

    if form.send(act) is None:
        return domain_page(actor, form)
    return pages.go(flask.url_for("shop_start.domain"))


@blueprint.post("/shop/start/domain/<uuid:domain_id>/verify")
@policy("domains", "verify")
def verify_domain(domain_id: UUID) -> Response:
    """Look at the site, or its DNS, now and say what is found there."""
    actor, form = current_actor(), Form(NewProof)

    def act(data: dict[str, Any]) -> str:
        with db.session() as session:
            known = domains.get(session, actor, domain_id)
            shops.refuse_staff(actor, known.shop_id)
        if known.verified_at is not None:
            return known.host
        limits.spend("domain.proof", str(known.shop_id))
        proof = data["proof"] or known.proof
        tokens = domains.tokens_there(known, proof, config.current())
        with db.transaction(point="shop_pages.verify_domain") as session:
            return domains.record_proof(session, actor, domain_id, proof, tokens, request_now()).host

    if form.send(act) is None:
        return domain_page(actor, Form(NewDomain, {"proof": "file"}), form, domain_id)
    return pages.go(flask.url_for("shop_start.domain"))


@blueprint.post("/shop/start/domain/<uuid:domain_id>/withdraw")
@policy("domains", "withdraw")
def withdraw_domain(domain_id: UUID) -> Response:
    """Take back a site that waits for its proof; the notice that says so can undo it."""
    with db.transaction(point="shop_pages.withdraw_domain") as session:
        host = domains.withdraw(session, current_actor(), domain_id, request_now()).host
    undo = flask.url_for("shop_start.keep_domain", domain_id=domain_id)
    pages.said(_("%(host)s is no longer named as your site.", host=host), undo=undo)
    return pages.go(flask.url_for("shop_start.domain"))


@blueprint.post("/shop/start/domain/<uuid:domain_id>/keep")
@policy("domains", "withdraw")
def keep_domain(domain_id: UUID) -> Response:
    """Undo that: the site waits for its proof again, with the same token."""
    with db.transaction(point="shop_pages.keep_domain") as session:
        host = domains.keep(session, current_actor(), domain_id, request_now()).host
    pages.said(_("%(host)s waits for its proof again; what you placed still counts.", host=host))
    return pages.go(flask.url_for("shop_start.domain"))


def domain_page(
    actor: Actor, form: Form, looked: Form | None = None, domain_id: UUID | None = None
) -> Response:
    """Return the page of the sites of a shop; looked: a refused look at one of them."""
    with db.session() as session:
        here = surroundings.of(session, actor)
        known = domains.listed(session, actor, here.shop.id, None, 20)
    shown = [(one, domains.proof_url(one, one.proof)) for one in known]
    status = looked.status if looked is not None and looked.refusal is not None else form.status
    return rendered(
        actor,
        "domain",
        here,
        status,
        form=form,
        domains=shown,
        looked=looked,
        looked_at=domain_id,
        meta_name=domains.META_NAME,
        record_label=domains.RECORD_LABEL,
    )


def rendered(
    actor: Actor, step: str, here: Surroundings | None = None, status: int | None = None, /, **context: Any
) -> Response:
    """Return the page of a step with the rail of all steps; without a shop only the first one can be done."""
    begun = setup.NOTHING
    if actor.shop_ids:
        with db.session() as session:
            here = here or surroundings.of(session, actor)
            begun = setup.of(session, here.shop.id)
    form: Form | None = context.get("form")
    told = here.context() if here is not None else {"shop": None, "shops": (), "is_owner": True}
    done = begun.done()
    return pages.render(
        f"shop/start_{step}.html",
        status or (form.status if form is not None else 200),
        step=step,
        steps=setup.STEPS,
        done=done,
        current=setup.STEPS.index(step),
        begun=begun,
        countries=COUNTRIES,
        currencies=CURRENCIES,
        **told,
        **context,
    )
