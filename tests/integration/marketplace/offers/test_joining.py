"""Joining at once on the real database: in with the terms accepted, and nobody in whom a rule keeps out."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from typing import Any

import flask
import pytest
import sqlalchemy as sa
from lxml import html

from marketplace.accounts import shops
from marketplace.catalogue.taxonomy import google as taxonomy
from marketplace.core import db, formats, wording
from marketplace.core.actor import Actor
from marketplace.core.db import transaction
from marketplace.core.errors import IllegalTransition, NotFound
from marketplace.offers import announced, checks, joining, partnerships, publishing, service, terms
from marketplace.offers import market as offers_market
from marketplace.offers.models import AT_ONCE, ON_APPROVAL, Offer, OfferState, PartnershipEvent
from tests.applications import application
from tests.integration.marketplace.catalogue.test_search import product
from tests.integration.marketplace.offers.test_offers_api import get, opened, post
from tests.integration.marketplace.offers.test_parting import mails

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def shop(market: Any) -> Any:
    return market.shop()


@pytest.fixture
def offer(shop: Any) -> Offer:
    return made(shop, AT_ONCE)


@pytest.fixture
def adviser(market: Any) -> Actor:
    actor: Actor = market.adviser().actor
    return actor


def made(shop: Any, how: str) -> Offer:
    with transaction() as session:
        owner = shop.owner.actor
        offer = service.create(session, owner, shop.id, name="Pans", joining=how, now=NOW)
        publishing.publish(session, owner, offer.id, {"default": {"percent_bp": 1000}}, now=NOW)
        return service.move(session, owner, offer.id, "open", now=NOW)


def join(actor: Actor, offer: Offer, now: dt.datetime = NOW) -> Any:
    with transaction() as session:
        return joining.join(session, actor, offer.id, now=now)


def apply(actor: Actor, offer: Offer, now: dt.datetime = NOW) -> Any:
    with transaction() as session:
        return partnerships.apply(session, actor, offer.id, now=now)


def judge(verb: str, shop: Any, one: Any, now: dt.datetime = NOW) -> None:
    with transaction() as session:
        if verb == "approve":
            partnerships.approve(session, shop.owner.actor, one.id, now=now)
        else:
            partnerships.decline(session, shop.owner.actor, one.id, reason="no_fit", now=now)


def change(actor: Actor, offer: Offer, how: str, now: dt.datetime = NOW) -> Offer:
    with transaction() as session:
        return service.change_joining(session, actor, offer.id, how, now=now)


def events() -> list[str]:
    with db.new_session() as session:
        return list(session.scalars(sa.select(PartnershipEvent.state).order_by(PartnershipEvent.id)))


def test_joining_at_once_is_active_with_the_terms_in_force_and_asks_the_shop_nothing(
    market: Any, shop: Any, offer: Offer, adviser: Actor
) -> None:
    one = join(adviser, offer)
    assert (one.state, one.accepted_at, one.approved_at) == ("accepted", NOW, None)
    with db.new_session() as session:
        event = session.scalars(sa.select(PartnershipEvent)).one()
        standing = partnerships.standing(session, offer.id, [one.adviser_id], NOW)
        assert [row.id for row in partnerships.listed(session, shop.owner.actor)] == [one.id]
        assert checks.partnership_history(session).holds
    assert (event.state, event.terms_id) == ("accepted", one.accepted_terms_id) and event.terms_id is not None
    assert standing == {one.adviser_id: "accepted"}
    assert mails(market, "adviser_applied") == mails(market, "taken_on") == []


def test_joining_twice_changes_nothing_and_at_the_same_time_gives_one_partnership(
    offer: Offer, adviser: Actor
) -> None:
    barrier, ids = threading.Barrier(4), list[uuid.UUID]()

    def one() -> None:
        barrier.wait()
        ids.append(join(adviser, offer).id)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4 and len(set(ids)) == 1
    assert join(adviser, offer, NOW + DAY).accepted_at == NOW
    assert events() == ["accepted"]


def test_offer_that_asks_its_shop_is_not_joined_at_once_and_nothing_stays_of_the_try(
    shop: Any, adviser: Actor
) -> None:
    offer = made(shop, ON_APPROVAL)
    with pytest.raises(joining.ApprovalNeeded):
        join(adviser, offer)
    assert events() == []
    assert apply(adviser, offer).state == "applied"
    with pytest.raises(joining.ApprovalNeeded):
        join(adviser, offer)
    change(shop.owner.actor, offer, AT_ONCE)
    assert join(adviser, offer, NOW + DAY).state == "accepted", "who waited is in as well"
    assert events() == ["applied", "accepted"]


def test_whom_the_shop_refused_or_ended_with_must_apply_to_its_other_offers_and_waits_in_this_one(
    shop: Any, offer: Offer, market: Any
) -> None:
    for ends in (False, True):
        adviser = market.adviser().actor
        one = join(adviser, offer) if ends else apply(adviser, offer)
        judge("decline", shop, one)
        with pytest.raises(IllegalTransition):
            join(adviser, offer)
        other = made(shop, AT_ONCE)
        with pytest.raises(joining.ApprovalNeeded):
            join(adviser, other)
        assert apply(adviser, other).state == "applied"
        judge("approve", shop, one)
        assert join(adviser, other).state == "accepted", "the shop thought again"


def test_who_left_comes_back_at_once_and_the_time_between_earns_nothing(offer: Offer, adviser: Actor) -> None:
    one = join(adviser, offer)
    with transaction() as session:
        partnerships.leave(session, adviser, one.id, now=NOW + DAY)
    again = join(adviser, offer, NOW + 2 * DAY)
    assert (again.id, again.state, again.accepted_at, again.left_at) == (
        one.id, "accepted", NOW + 2 * DAY, None,
    )  # fmt: skip
    with db.new_session() as session:
        found = [
            partnerships.standing(session, offer.id, [one.adviser_id], at)[one.adviser_id]
            for at in (NOW, NOW + DAY, NOW + 2 * DAY)
        ]
    assert found == ["accepted", "left", "accepted"]


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_paused_or_closed_offer_is_joined_by_nobody(
    shop: Any, offer: Offer, adviser: Actor, state: str
) -> None:
    with transaction() as session:
        service.move(session, shop.owner.actor, offer.id, state, now=NOW)
    with pytest.raises(partnerships.OfferNotOpen):
        join(adviser, offer)
    assert events() == []


def test_draft_is_not_there_and_a_banned_adviser_joins_nothing(
    market: Any, shop: Any, offer: Offer, adviser: Actor
) -> None:
    with transaction() as session:
        draft = service.create(session, shop.owner.actor, shop.id, name="x", joining=AT_ONCE, now=NOW)
    with pytest.raises(NotFound):
        join(adviser, draft)
    with market.rows() as session:
        session.execute(
            sa.text(
                "INSERT INTO adviser_state (id, adviser_id, state, from_at)"
                " VALUES (gen_random_uuid(), :adviser, 'banned', :at)"
            ),
            {"adviser": adviser.adviser_id, "at": NOW},
        )
    with pytest.raises(partnerships.AdviserNotActive):
        join(adviser, offer)
    assert events() == []


def test_joining_waits_for_a_change_back_that_is_under_way_and_is_then_refused(
    shop: Any, offer: Offer, adviser: Actor
) -> None:
    outcome: list[str] = []

    def tried() -> None:
        try:
            outcome.append(join(adviser, offer).state)
        except joining.ApprovalNeeded:
            outcome.append("refused")

    thread = threading.Thread(target=tried)
    with transaction() as session:
        service.change_joining(session, shop.owner.actor, offer.id, ON_APPROVAL, now=NOW)
        thread.start()
        thread.join(0.3)
        assert outcome == [], "it waits for the change to commit"
    thread.join()
    assert outcome == ["refused"]


def test_history_of_an_offer_says_how_it_was_joined_since_when_and_who_changed_it(
    market: Any, shop: Any, offer: Offer
) -> None:
    owner = shop.owner.actor
    for at, how in ((DAY, ON_APPROVAL), (2 * DAY, ON_APPROVAL), (3 * DAY, AT_ONCE)):
        change(owner, offer, how, NOW + at)
    with db.new_session() as session:
        rows = session.scalars(sa.select(OfferState).order_by(OfferState.id)).all()
        assert service.state_at(session, [offer.id], NOW + 4 * DAY) == {offer.id: "open"}
    assert [(row.joining, row.from_at, row.actor) for row in rows[2:]] == [
        (ON_APPROVAL, NOW + DAY, owner.label), (AT_ONCE, NOW + 3 * DAY, owner.label),
    ]  # fmt: skip
    assert market.count("SELECT count(*) FROM audit_event WHERE action = 'offer.joining'") == 2
    with pytest.raises(NotFound):
        change(market.shop().owner.actor, offer, ON_APPROVAL)
    with pytest.raises(shops.OwnerNeeded):
        change(shop.staff, offer, ON_APPROVAL)
    with transaction() as session:
        service.move(session, owner, offer.id, "closed", now=NOW + 4 * DAY)
    with pytest.raises(service.OfferClosed):
        change(owner, offer, ON_APPROVAL)


def test_time_to_answer_is_the_median_of_ninety_days_and_untold_below_three_answers(
    shop: Any, market: Any
) -> None:
    offer, told = made(shop, ON_APPROVAL), []
    for number, days in enumerate((1, 2, 9)):
        one = apply(market.adviser().actor, offer)
        judge("decline" if number else "approve", shop, one, NOW + days * DAY)
        with db.new_session() as session:
            told.append(joining.answers(session, [shop.id], NOW + 10 * DAY))
    assert told == [{}, {}, {shop.id: 2}]
    with db.new_session() as session:
        assert joining.answers(session, [shop.id], NOW + 9 * DAY - SECOND) == {}, (
            "the third is not answered yet"
        )
        assert joining.answers(session, [shop.id], NOW + 91 * DAY) == {}, "the first is too long ago"


def test_ending_with_an_adviser_and_joining_at_once_are_no_answers(
    shop: Any, market: Any, offer: Offer
) -> None:
    for _ in range(3):
        judge("decline", shop, join(market.adviser().actor, offer), NOW + DAY)
    with db.new_session() as session:
        assert joining.answers(session, [shop.id], NOW + 2 * DAY) == {}


def test_adviser_is_told_how_each_offer_is_joined_by_them(market: Any, shop: Any, adviser: Actor) -> None:
    offer, asks = made(shop, AT_ONCE), made(shop, ON_APPROVAL)
    assert told(adviser) == {offer.id: True, asks.id: False}
    judge("decline", shop, apply(adviser, asks))
    assert told(adviser) == {offer.id: False, asks.id: False}


def told(adviser: Actor) -> dict[uuid.UUID, bool]:
    with db.new_session() as session:
        return {one.offer.id: one.joins_at_once for one in offers_market.invitations(session, adviser, NOW)}


def test_shop_says_over_the_api_how_advisers_join_and_everybody_reads_it(market: Any, shop: Any) -> None:
    first = post(market, shop.owner, "/offers", {"name": "Pans", "joining": AT_ONCE}).json
    assert first["joining"] == AT_ONCE
    offer_id = opened(market, shop)
    assert get(market, shop.owner, f"/offers/{offer_id}").json["joining"] == ON_APPROVAL
    path, headers = f"/api/v1/offers/{offer_id}", shop.owner.headers
    assert market.client.patch(path, json={"joining": "ask"}, headers=headers).status_code == 422
    changed = market.client.patch(path, json={"joining": AT_ONCE}, headers=headers)
    assert (changed.status_code, changed.json["joining"]) == (200, AT_ONCE)
    guest = market.adviser()
    assert market.client.patch(path, json={"joining": AT_ONCE}, headers=guest.headers).status_code == 403
    assert get(market, guest, "/offers").json["items"][0]["joining"] == AT_ONCE


def test_everybody_with_the_link_reads_how_the_offer_is_joined_and_how_soon_its_shop_answers(
    shop: Any, market: Any, offer: Offer
) -> None:
    asks = made(shop, ON_APPROVAL)
    for _ in range(3):
        judge("decline", shop, apply(market.adviser().actor, asks), NOW + 2 * DAY)
    with market.rows() as session:
        code = session.scalars(sa.text("SELECT code FROM shop WHERE id = :id"), {"id": shop.id}).one()
    found = {}
    for one in (offer, asks):
        with db.use_scope(db.NOBODY), db.new_session() as session:
            told = announced.of(session, code, one.code, NOW + 3 * DAY)
            found[one.id] = (told.joining, told.answers_within)
    assert found == {offer.id: (AT_ONCE, 2), asks.id: (ON_APPROVAL, 2)}


def test_rules_name_products_by_title_to_who_may_see_them_and_the_document_keeps_their_numbers(
    market: Any, shop: Any, adviser: Actor
) -> None:
    rules = [{"sku": sku, "rate": {"percent_bp": 100}} for sku in ("P-1", "P-2", "P-3")]
    rules.append({"category": "Home & Garden > Peren", "exclude": True})
    with transaction() as session:
        owner = shop.owner.actor
        offer = service.create(session, owner, shop.id, name="Pans", now=NOW)
        publishing.publish(
            session, owner, offer.id, {"default": {"percent_bp": 900}, "rules": rules}, now=NOW
        )
        service.move(session, owner, offer.id, "open", now=NOW)
    with market.rows() as session:
        for sku, retired_at in (("P-1", None), ("P-2", NOW)):
            one = product(shop.id, sku, f"Pan {sku}", "", "", "", 100, "in_stock")
            one.retired_at = retired_at
            session.add(one)
    page = get(market, market.adviser(), f"/offers/{offer.id}/terms").json
    assert page["product_titles"] == {"P-1": "Pan P-1"}, "one is retired, one is unknown"
    assert [rule.get("sku") for rule in page["items"][0]["document"]["rules"]][:3] == ["P-1", "P-2", "P-3"]
    with db.new_session() as session:
        in_force = terms.at(session, offer.id, NOW)
    app = application([])
    formats.tell_categories_with(taxonomy.told)
    with app.test_request_context(), wording.use("nl_NL"):
        macro = app.jinja_env.get_template("_macros/terms.html").module.terms_matrix  # type: ignore[attr-defined]
        flask.g.now = NOW
        shown = " ".join(
            html.fromstring(macro(in_force, 7, titles={"P-1": "Pan <b>"})).text_content().split()
        )
    assert "Pan <b> P-1" in shown and "Product P-3" in shown
    assert "Huis en tuin > Peren" in shown
