"""/shop/offers: what advisers are promised, with an example, what changes when, and whether the offer is open."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any
from uuid import UUID

import flask
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.accounts import shops
from marketplace.accounts.models import Shop
from marketplace.core import db, formats, pages
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.errors import InvalidInput
from marketplace.core.forms import Form
from marketplace.core.money import Money
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from marketplace.offers import publishing
from marketplace.offers import service as offers
from marketplace.offers import terms as offer_terms
from marketplace.offers.models import CommissionTerms, Offer
from marketplace.offers.schemas import OfferRequest
from marketplace.offers.terms import Terms
from payouts.shopkeeping import differences, example, offer_results, schemas, surroundings, terms_form

blueprint = flask.Blueprint("shop_offers", __name__)
MOST_VERSIONS = 100


@blueprint.get("/shop/offers")
@policy("shop_pages", "read")
def index() -> Response:
    """List the offers of a shop with their terms of now and what they brought."""
    return _list(current_actor(), Form(OfferRequest, {"notice_days": 7, "joining": "on_approval"}))


@blueprint.post("/shop/offers")
@policy("offers", "create")
def create() -> Response:
    """Make an offer, in draft, and go on to its terms."""
    actor, form = current_actor(), Form(OfferRequest)

    def act(data: dict[str, Any]) -> UUID:
        shop_id = data["shop_id"] or pages.current_shop(actor)
        given = {name: data[name] for name in ("name", "description", "notice_days", "joining")}
        with db.transaction(point="shop_pages.make_offer") as session:
            return offers.create(session, actor, shop_id, now=request_now(), **given).id

    made = form.send(act)
    if made is None:
        return _list(actor, form)
    return pages.go(flask.url_for("shop_offers.show", offer_id=made))


@blueprint.get("/shop/offers/<uuid:offer_id>")
@policy("shop_pages", "read")
def show(offer_id: UUID) -> Response:
    """Show an offer: terms of now and of later, the form for the next version, and every version there was."""
    return _page(current_actor(), offer_id, None)


@blueprint.post("/shop/offers/<uuid:offer_id>")
@policy("terms", "publish")
def publish(offer_id: UUID) -> Response:
    """Publish the next version of the terms, or (act "preview") only work out the example."""
    actor, form = current_actor(), Form(terms_form.schema(flask.request.form))
    if flask.request.form.get("act") == "preview":
        return _page(actor, offer_id, form)
    made = form.send(lambda data: publish_from(actor, offer_id, data))
    if made is None:
        return _page(actor, offer_id, form)
    if made.effective_from > request_now():
        pages.said(
            _(
                "Version %(number)s is published and holds from %(day)s. Advisers are told by mail.",
                number=made.version,
                day=formats.day(made.effective_from, request_now()),
            )
        )
    else:
        pages.said(_("Version %(number)s is in force.", number=made.version))
    return pages.go(flask.url_for("shop_offers.show", offer_id=offer_id))


@blueprint.post("/shop/offers/<uuid:offer_id>/move")
@policy("offers", "move")
def move(offer_id: UUID) -> Response:
    """Open, pause or close an offer."""
    actor, form = current_actor(), Form(schemas.OfferMove)

    def act(data: dict[str, Any]) -> str:
        with db.transaction(point="shop_pages.move_offer") as session:
            return offers.move(session, actor, offer_id, data["state"], now=request_now()).state

    state = form.send(act)
    if state is None:
        return _page(actor, offer_id, None, form)
    told = {
        "open": _("The offer is open: advisers can join, and clicks count."),
        "paused": _("The offer is paused: links lead on without credit until you open it again."),
        "closed": _("The offer is closed for good. What was earned stays."),
    }
    pages.said(told[state])
    following = flask.url_for("shop_offers.show", offer_id=offer_id)
    return pages.go(pages.own_address(flask.request.form.get("next"), following))


@blueprint.post("/shop/offers/<uuid:offer_id>/joining")
@policy("offers", "change")
def change_joining(offer_id: UUID) -> Response:
    """Say how advisers join from now on."""
    actor, form = current_actor(), Form(schemas.OfferJoining)

    def act(data: dict[str, Any]) -> str:
        with db.transaction(point="shop_pages.change_joining") as session:
            return offers.change_joining(session, actor, offer_id, data["joining"], now=request_now()).joining

    joining = form.send(act)
    if joining is None:
        return _page(actor, offer_id, None, form)
    pages.said(
        _("From now on whoever accepts the terms advises at once.")
        if joining == "at_once"
        else _("From now on you answer each application.")
    )
    return pages.go(flask.url_for("shop_offers.show", offer_id=offer_id))


def publish_from(actor: Actor, offer_id: UUID, data: dict[str, Any]) -> CommissionTerms:
    """Publish what a form of terms says; refusals name the form's own fields."""
    document = terms_form.document(data)
    try:
        with db.transaction(point="shop_pages.publish") as session:
            return publishing.publish(
                session,
                actor,
                offer_id,
                document,
                effective_from=terms_form.begins(data),
                now=request_now(),
            )
    except InvalidInput as error:
        raise terms_form.as_form_errors(error, data) from error


def drafted(form: Form, shop: Shop, now: dt.datetime) -> Terms | None:
    """Return what stands in a form as terms, or None where it can't be read; form.errors then says why."""
    sent = flask.request.form if flask.request.method == "POST" else None
    if sent is None:
        return None
    tried = Form(form.schema)

    def act(data: dict[str, Any]) -> Terms:
        try:
            return example.draft(terms_form.document(data), shop.currency, now)
        except InvalidInput as error:
            raise terms_form.as_form_errors(error, data) from error

    found = tried.send(act)
    form.values = tried.values
    form.errors = form.errors or tried.errors
    return found


def example_of(
    session: Session, shop: Shop, terms: Terms | None, form: Form, now: dt.datetime
) -> dict[str, Any]:
    """Return what the part with the example shows: {worked, fee_bp, terms}."""
    text = str(form.value("example") or terms_form.EXAMPLE).replace(",", ".")
    try:
        gross = Money.parse(text, shop.currency)
    except ValueError:
        gross = Money.parse(terms_form.EXAMPLE, "EUR")
        gross = Money(gross.minor, shop.currency)
    fee_bp = shops.fee_bp_at(session, shop.id, now)
    fits = terms is not None and 0 < gross.minor <= 10**11
    return {
        "worked": example.worked(terms, gross, shop.country, fee_bp) if terms is not None and fits else (),
        "fee_bp": fee_bp,
        "drafted": terms,
    }


def _list(actor: Actor, form: Form) -> Response:
    now = request_now()
    with db.session() as session:
        here = surroundings.of(session, actor)
        found = offers.listed(session, actor, shop_id=here.shop.id, limit=100)
        in_force = offer_terms.many_at(session, [(offer.id, now) for offer in found])
        brought = offer_results.of_offers(session, here.shop.id)
    return pages.render(
        "shop/offers.html",
        form.status,
        offers=found,
        in_force={offer.id: in_force.get((offer.id, now)) for offer in found},
        brought=brought,
        form=form,
        **here.context(),
    )


def _page(actor: Actor, offer_id: UUID, sent: Form | None, moved: Form | None = None) -> Response:
    now = request_now()
    with db.session() as session:
        offer = offers.owned(session, actor, offer_id)
        here = surroundings.of(session, actor, offer.shop_id)
        versions = publishing.versions(session, actor, offer_id, limit=MOST_VERSIONS)
        read = [Terms.of(row) for row in versions]
        present = next((one for one in read if one.effective_from <= now), None)
        newest = read[0] if read else None
        form = sent or Form(terms_form.schema(), terms_form.initial(newest))
        terms = drafted(form, here.shop, now) if sent else newest or _first(form, here.shop, now)
        told = example_of(session, here.shop, terms, form, now)
    earliest = now
    if newest is not None:
        earliest = max(now + publishing.LEAST_AHEAD, now + dt.timedelta(days=offer.notice_days))
    return pages.render(
        "shop/offer.html",
        (moved or form).status,
        offer=offer,
        present=present,
        coming=[one for one in read if one.effective_from > now][::-1],
        versions=list(zip(versions, read, strict=True)),
        changes=[(read[n], differences.between(read[n + 1], read[n])) for n in range(len(read) - 1)],
        pending_changes=differences.between(newest, replace(terms, version=newest.version))
        if newest is not None and terms is not None and terms is not newest
        else [],
        form=form,
        rows=terms_form.rows(form.values),
        moved=moved,
        joined=Form(schemas.OfferJoining, {"joining": offer.joining}),
        earliest=earliest,
        public=_public(offer, here.shop),
        **told,
        **here.context(),
    )


def _first(form: Form, shop: Shop, now: dt.datetime) -> Terms:
    """Return the terms that a new offer's form begins with."""
    start = {**terms_form.TermsForm().load({"value": str(form.value("value"))})}
    return example.draft(terms_form.document(start), shop.currency, now)


def _public(offer: Offer, shop: Shop) -> str:
    return f"/offers/{shop.code}/{offer.code}"
