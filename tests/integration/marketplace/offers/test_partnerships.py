"""Partnerships on the real database: who may take which step, and what held at which instant."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.core import db
from marketplace.core.actor import Actor
from marketplace.core.db import transaction
from marketplace.core.errors import IllegalTransition, NotFound
from marketplace.offers import checks, partnerships, publishing, service
from marketplace.offers.models import Offer, Partnership, PartnershipEvent

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def shop(market: Any) -> Any:
    return market.shop()


@pytest.fixture
def offer(shop: Any) -> Offer:
    with transaction() as session:
        made = service.create(session, shop.owner.actor, shop.id, name="Pans", now=NOW)
        publishing.publish(session, shop.owner.actor, made.id, {"default": {"percent_bp": 1000}}, now=NOW)
        return service.move(session, shop.owner.actor, made.id, "open", now=NOW)


@pytest.fixture
def adviser(market: Any) -> Actor:
    actor: Actor = market.adviser().actor
    return actor


def apply(actor: Actor, offer: Offer, now: dt.datetime = NOW) -> Partnership:
    with transaction() as session:
        return partnerships.apply(session, actor, offer.id, now=now, message="Hello")


def step(name: str, actor: Actor, partnership: Partnership, now: dt.datetime = NOW) -> Partnership:
    with transaction() as session:
        if name == "accept":
            return partnerships.accept(session, partnership.id, actor, now)
        if name == "decline":
            return partnerships.decline(session, actor, partnership.id, reason="enough", now=now)
        verb: Callable[..., Partnership] = getattr(partnerships, name)
        return verb(session, actor, partnership.id, now=now)


def standing(offer: Offer, actor: Actor, at: dt.datetime) -> str | None:
    assert actor.adviser_id is not None
    with db.new_session() as session:
        return partnerships.standing(session, offer.id, [actor.adviser_id, uuid.uuid4()], at).get(
            actor.adviser_id
        )


def test_apply_approve_accept_leave_and_what_held_when(shop: Any, offer: Offer, adviser: Actor) -> None:
    one = apply(adviser, offer)
    step("approve", shop.staff, one, NOW + DAY)
    accepted = step("accept", adviser, one, NOW + 2 * DAY)
    assert (accepted.state, accepted.accepted_at) == ("accepted", NOW + 2 * DAY)
    left = step("leave", adviser, one, NOW + 3 * DAY)
    assert (left.state, left.left_at) == ("left", NOW + 3 * DAY)
    instants = [NOW - SECOND, NOW, NOW + DAY, NOW + 2 * DAY, NOW + 3 * DAY - SECOND, NOW + 3 * DAY]
    assert [standing(offer, adviser, at) for at in instants] == [
        None, "applied", "approved", "accepted", "accepted", "left",
    ]  # fmt: skip


def test_accepting_keeps_the_version_then_in_force(shop: Any, offer: Offer, adviser: Actor) -> None:
    one = apply(adviser, offer)
    step("approve", shop.owner.actor, one)
    with transaction() as session:
        publishing.publish(session, shop.owner.actor, offer.id, {"default": {"percent_bp": 1}}, now=NOW)
    accepted = step("accept", adviser, one, NOW + DAY)
    with db.new_session() as session:
        version = session.scalar(
            sa.text("SELECT version FROM commission_terms WHERE id = :id"), {"id": accepted.accepted_terms_id}
        )
        event = session.scalars(sa.select(PartnershipEvent).where(PartnershipEvent.state == "accepted")).one()
    assert version == 1 and event.terms_id == accepted.accepted_terms_id


def test_every_step_twice_is_one_step(shop: Any, offer: Offer, adviser: Actor) -> None:
    one = apply(adviser, offer)
    assert apply(adviser, offer, NOW + DAY).applied_at == NOW
    for name, actor in (("approve", shop.owner.actor), ("accept", adviser), ("leave", adviser)):
        first = step(name, actor, one, NOW + DAY)
        again = step(name, actor, one, NOW + 2 * DAY)
        assert (again.state, again.accepted_at, again.left_at) == (
            first.state,
            first.accepted_at,
            first.left_at,
        )
    with db.new_session() as session:
        states = session.scalars(sa.select(PartnershipEvent.state).order_by(PartnershipEvent.id)).all()
    assert states == ["applied", "approved", "accepted", "left"]


def test_after_leaving_one_may_apply_anew_and_needs_approval_anew(
    shop: Any, offer: Offer, adviser: Actor
) -> None:
    one = apply(adviser, offer)
    step("approve", shop.owner.actor, one)
    step("accept", adviser, one)
    step("leave", adviser, one, NOW + DAY)
    again = apply(adviser, offer, NOW + 2 * DAY)
    assert (again.id, again.state, again.approved_at, again.accepted_at) == (one.id, "applied", None, None)
    with pytest.raises(IllegalTransition):
        step("accept", adviser, one, NOW + 2 * DAY)
    assert standing(offer, adviser, NOW + DAY - SECOND) == "accepted"
    assert standing(offer, adviser, NOW + 2 * DAY) == "applied"


def test_steps_that_do_not_fit_are_refused_and_leave_no_trace(market: Any, shop: Any, offer: Offer) -> None:
    cases: list[tuple[tuple[str, ...], str]] = [
        ((), "accept"),
        (("decline",), "accept"),
        (("decline",), "leave"),
        (("approve", "accept", "decline"), "accept"),
        (("leave",), "accept"),
        (("leave",), "approve"),
        (("leave",), "decline"),
    ]
    for path, refused in cases:
        adviser = market.adviser().actor
        one = apply(adviser, offer)
        who = {"accept": adviser, "leave": adviser, "approve": shop.owner.actor, "decline": shop.owner.actor}
        for name in path:
            step(name, who[name], one)
        with pytest.raises(IllegalTransition):
            step(refused, who[refused], one)
        history = sa.select(PartnershipEvent.state).where(PartnershipEvent.partnership_id == one.id)
        with db.new_session() as session:
            assert len(session.scalars(history).all()) == 1 + len(path), path


def test_a_declined_adviser_can_not_insist_but_the_shop_may_think_again(
    shop: Any, offer: Offer, adviser: Actor
) -> None:
    one = apply(adviser, offer)
    step("decline", shop.owner.actor, one)
    with pytest.raises(IllegalTransition):
        apply(adviser, offer)
    assert step("approve", shop.owner.actor, one).state == "approved"


def test_others_see_no_partnership_at_all(market: Any, shop: Any, offer: Offer, adviser: Actor) -> None:
    one = apply(adviser, offer)
    stranger, other_shop = market.adviser().actor, market.shop().owner.actor
    for name, actor in (
        ("approve", other_shop), ("decline", other_shop), ("approve", adviser), ("accept", stranger),
        ("leave", stranger), ("accept", shop.owner.actor), ("leave", shop.owner.actor),
        ("approve", market.finance().actor),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            step(name, actor, one)
    with db.new_session() as session:
        seen = [
            len(partnerships.listed(session, actor))
            for actor in (adviser, shop.owner.actor, shop.staff, market.finance().actor, stranger, other_shop)
        ]
    assert seen == [1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_only_an_open_offer_takes_advisers_on(
    shop: Any, offer: Offer, adviser: Actor, market: Any, state: str
) -> None:
    one = apply(adviser, offer)
    step("approve", shop.owner.actor, one)
    with transaction() as session:
        service.move(session, shop.owner.actor, offer.id, state, now=NOW)
    with pytest.raises(partnerships.OfferNotOpen):
        step("accept", adviser, one)
    with pytest.raises(partnerships.OfferNotOpen):
        apply(market.adviser().actor, offer)
    assert step("leave", adviser, one).state == "left"
    with pytest.raises(partnerships.OfferNotOpen):
        apply(adviser, offer)


def test_a_draft_offer_can_not_be_seen_nor_joined(shop: Any, adviser: Actor) -> None:
    with transaction() as session:
        draft = service.create(session, shop.owner.actor, shop.id, name="x", now=NOW)
    with pytest.raises(NotFound):
        apply(adviser, draft)


def test_a_banned_adviser_joins_nothing(market: Any, shop: Any, offer: Offer, adviser: Actor) -> None:
    one = apply(adviser, offer)
    step("approve", shop.owner.actor, one)
    with market.rows() as session:
        session.execute(
            sa.text(
                "INSERT INTO adviser_state (id, adviser_id, state, from_at)"
                " VALUES (gen_random_uuid(), :adviser, 'banned', :at)"
            ),
            {"adviser": adviser.adviser_id, "at": NOW + DAY},
        )
    with pytest.raises(partnerships.AdviserNotActive):
        step("accept", adviser, one, NOW + DAY)
    assert step("accept", adviser, one, NOW + DAY - SECOND).state == "accepted"


def test_applying_twenty_times_at_once_makes_one_partnership(offer: Offer, adviser: Actor) -> None:
    barrier = threading.Barrier(8)
    made: list[uuid.UUID] = []

    def one() -> None:
        barrier.wait()
        made.append(apply(adviser, offer).id)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8 and len(set(made)) == 1
    with db.new_session() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(PartnershipEvent)) == 1


def test_accepting_and_pausing_at_once_never_leaves_an_acceptance_after_the_pause(
    shop: Any, market: Any, offer: Offer
) -> None:
    for round_ in range(5):
        adviser = market.adviser().actor
        with transaction() as session:
            service.move(session, shop.owner.actor, offer.id, "open", now=NOW)
        one = apply(adviser, offer)
        step("approve", shop.owner.actor, one)
        barrier = threading.Barrier(2)
        outcome: dict[str, object] = {}

        def pause(barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            with transaction() as session:
                service.move(session, shop.owner.actor, offer.id, "paused", now=NOW + SECOND)

        def accept(
            barrier: threading.Barrier = barrier,
            adviser: Actor = adviser,
            one: Partnership = one,
            outcome: dict[str, object] = outcome,
        ) -> None:
            barrier.wait()
            try:
                outcome["accept"] = step("accept", adviser, one, NOW).state
            except partnerships.OfferNotOpen:
                outcome["accept"] = "refused"

        threads = [threading.Thread(target=pause), threading.Thread(target=accept)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcome["accept"] in ("accepted", "refused"), round_


def test_an_acceptance_waits_for_a_pause_that_is_under_way(shop: Any, offer: Offer, adviser: Actor) -> None:
    one = apply(adviser, offer)
    step("approve", shop.owner.actor, one)
    outcome: list[str] = []

    def accept() -> None:
        try:
            step("accept", adviser, one)
            outcome.append("accepted")
        except partnerships.OfferNotOpen:
            outcome.append("refused")

    thread = threading.Thread(target=accept)
    with transaction() as session:
        service.move(session, shop.owner.actor, offer.id, "paused", now=NOW)
        thread.start()
        thread.join(0.5)
        assert outcome == [], "it waits for the pause to commit"
    thread.join()
    assert outcome == ["refused"]


def test_the_invariant_finds_a_state_without_its_history(market: Any, offer: Offer, adviser: Actor) -> None:
    one = apply(adviser, offer)
    with db.new_session() as session:
        assert (
            checks.partnership_history(session).holds and checks.partnership_history(session).rows_seen == 1
        )
    with market.rows() as session:
        session.execute(sa.text("UPDATE partnership SET state = 'approved' WHERE id = :id"), {"id": one.id})
    with db.new_session() as session:
        assert checks.partnership_history(session).figure == 1
