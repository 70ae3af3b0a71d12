"""Offers and terms on the real database: versions never change, numbers never repeat, history answers for any day."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.accounts.shops import OwnerNeeded
from marketplace.core import db
from marketplace.core.actor import Actor
from marketplace.core.db import transaction
from marketplace.core.errors import IllegalTransition, InvalidInput, NotFound
from marketplace.core.money import Money
from marketplace.offers import checks, publishing, service, terms
from marketplace.offers.models import CommissionTerms, Offer
from marketplace.offers.rates import EXCLUDED, Percent

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)


def percent(bp: int, **more: Any) -> dict[str, Any]:
    return {"default": {"percent_bp": bp}, **more}


@pytest.fixture
def shop(market: Any) -> Any:
    return market.shop()


@pytest.fixture
def offer(shop: Any) -> Offer:
    with transaction() as session:
        return service.create(session, shop.owner.actor, shop.id, name="Pans", now=NOW)


def publish(actor: Actor, offer: Offer, document: dict[str, Any], **when: Any) -> CommissionTerms:
    with transaction() as session:
        return publishing.publish(session, actor, offer.id, document, **({"now": NOW} | when))


def move(actor: Actor, offer: Offer, wanted: str, now: dt.datetime = NOW) -> Offer:
    with transaction() as session:
        return service.move(session, actor, offer.id, wanted, now=now)


def at(offer: Offer, when: dt.datetime) -> int | None:
    with db.new_session() as session:
        found = terms.at(session, offer.id, when)
    return None if found is None else found.version


def test_a_new_offer_is_a_draft_in_the_shops_currency(market: Any, offer: Offer) -> None:
    assert (offer.state, offer.currency, offer.notice_days, len(offer.code)) == ("draft", "EUR", 7, 8)
    shop = market.shop(currency="USD")
    with transaction() as session, pytest.raises(InvalidInput):
        service.create(session, shop.owner.actor, shop.id, name="x", currency="EUR", now=NOW)


def test_version_one_holds_at_once_and_says_what_was_promised(shop: Any, offer: Offer) -> None:
    document = percent(
        1000,
        rules=[{"sku": "A", "rate": {"flat": "5.00", "per": "item"}}, {"category": "Gifts", "exclude": True}],
        minimum="1.00",
        maximum="50",
        window_days=14,
        hold_days=21,
        own_shop=True,
        base={"shipping": True},
    )
    row = publish(shop.owner.actor, offer, document)
    assert (row.version, row.effective_from, row.window_days, row.hold_days) == (1, NOW, 14, 21)
    with db.new_session() as session:
        read = terms.at(session, offer.id, NOW)
        assert terms.at(session, offer.id, NOW - SECOND) is None
        assert terms.by_id(session, [row.id]) == {row.id: read}
    assert read is not None
    assert (read.window, read.hold, read.own_shop) == (14 * DAY, 21 * DAY, True)
    assert (read.minimum, read.maximum) == (Money(100, "EUR"), Money(5000, "EUR"))
    assert (read.base.tax, read.base.shipping, read.base.gift_cards) == (False, True, False)
    assert read.rule_for("X", None) == Percent(1000)
    assert read.rule_for("X", "Gifts > Cards") == EXCLUDED


def test_a_later_version_waits_for_the_notice(shop: Any, offer: Offer) -> None:
    publish(shop.owner.actor, offer, percent(1000))
    second = publish(shop.owner.actor, offer, percent(500), now=NOW + DAY)
    assert (second.version, second.effective_from) == (2, NOW + 8 * DAY)
    assert [at(offer, NOW + days * DAY) for days in (0, 7, 8, 99)] == [1, 1, 2, 2]
    assert at(offer, NOW + 8 * DAY - SECOND) == 1


@pytest.mark.parametrize(("notice", "wait"), [(0, dt.timedelta(minutes=5)), (1, DAY), (30, 30 * DAY)])
def test_the_notice_is_the_offers_promise_and_five_minutes_at_least(
    shop: Any, notice: int, wait: dt.timedelta
) -> None:
    with transaction() as session:
        offer = service.create(session, shop.owner.actor, shop.id, name="x", notice_days=notice, now=NOW)
    publish(shop.owner.actor, offer, percent(1000))
    with pytest.raises(InvalidInput) as refusal:
        publish(shop.owner.actor, offer, percent(500), effective_from=NOW + wait - SECOND)
    assert "effective_from" in refusal.value.errors
    assert publish(shop.owner.actor, offer, percent(500)).effective_from == NOW + wait
    later = publish(shop.owner.actor, offer, percent(600), effective_from=NOW + wait + DAY)
    assert (later.version, later.effective_from) == (3, NOW + wait + DAY)


def test_a_version_never_holds_before_one_published_earlier(shop: Any, offer: Offer) -> None:
    publish(shop.owner.actor, offer, percent(1000))
    publish(shop.owner.actor, offer, percent(500), effective_from=NOW + 30 * DAY)
    with pytest.raises(InvalidInput):
        publish(shop.owner.actor, offer, percent(100), effective_from=NOW + 20 * DAY)
    assert publish(shop.owner.actor, offer, percent(100)).effective_from == NOW + 30 * DAY
    assert at(offer, NOW + 30 * DAY) == 3, "of two that begin together the later one holds"


def test_the_first_version_can_not_be_put_off_nor_any_beyond_a_year(shop: Any, offer: Offer) -> None:
    for wrong in (NOW + DAY, NOW + 400 * DAY):
        with pytest.raises(InvalidInput):
            publish(shop.owner.actor, offer, percent(1000), effective_from=wrong)
    publish(shop.owner.actor, offer, percent(1000), effective_from=NOW)
    with pytest.raises(InvalidInput):
        publish(shop.owner.actor, offer, percent(500), effective_from=NOW + 400 * DAY)


def test_saying_the_same_again_is_no_new_version(shop: Any, offer: Offer) -> None:
    publish(shop.owner.actor, offer, percent(1000))
    with pytest.raises(publishing.TermsUnchanged) as refusal:
        publish(shop.owner.actor, offer, percent(1000, window_days=30))
    assert refusal.value.facts["version"] == 1


def test_no_role_changes_history(market: Any, shop: Any, offer: Offer) -> None:
    publish(shop.owner.actor, offer, percent(1000))
    verbs = ("UPDATE {} SET created_at = now()", "DELETE FROM {}", "TRUNCATE {} CASCADE")
    for role in ("app", "worker", "bootstrap"):
        engine = sa.create_engine(market.database.url(role), poolclass=sa.pool.NullPool)
        for table in ("commission_terms", "offer_state", "partnership_event"):
            for verb in verbs:
                with engine.connect() as connection:
                    if role == "bootstrap":
                        connection.execute(sa.text("SET ROLE aanrader_owner"))
                    with pytest.raises(sa.exc.DBAPIError) as refusal:
                        connection.execute(sa.text(verb.format(table)))
                assert getattr(refusal.value.orig, "sqlstate", "") == "42501", (
                    role,
                    table,
                    verb,
                )
        engine.dispose()


def test_the_web_can_not_change_what_an_offer_promised(offer: Offer) -> None:
    for change in ("currency = 'USD'", "code = 'x'", "shop_id = gen_random_uuid()", "notice_days = 0"):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), transaction() as session:
            session.execute(sa.text(f"UPDATE offer SET {change}"))


def test_terms_in_another_currency_than_the_offers_are_refused_by_the_database(
    shop: Any, offer: Offer
) -> None:
    row = publish(shop.owner.actor, offer, percent(1000))
    copy = {
        c.name: getattr(row, c.name)
        for c in CommissionTerms.__table__.columns
        if c.name not in ("id", "version")
    }
    with pytest.raises(sa.exc.IntegrityError), transaction() as session:
        session.execute(
            sa.insert(CommissionTerms).values(
                copy | {"id": sa.func.gen_random_uuid(), "version": 2, "currency": "USD"}
            )
        )


def test_publishing_at_once_never_gives_a_number_twice(shop: Any, offer: Offer) -> None:
    publish(shop.owner.actor, offer, percent(1000))
    barrier = threading.Barrier(8)
    versions: list[int] = []

    def one(bp: int) -> None:
        barrier.wait()
        versions.append(publish(shop.owner.actor, offer, percent(bp)).version)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions) == list(range(2, 10))


def test_the_same_publication_twice_at_once_is_one_version(shop: Any, offer: Offer) -> None:
    publish(shop.owner.actor, offer, percent(1000))
    barrier = threading.Barrier(4)
    outcomes: list[object] = []

    def one() -> None:
        barrier.wait()
        try:
            outcomes.append(publish(shop.owner.actor, offer, percent(500)).version)
        except publishing.TermsUnchanged:
            outcomes.append("unchanged")

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["2", "unchanged", "unchanged", "unchanged"]


def test_an_offer_opens_pauses_and_closes_and_its_history_answers_for_any_day(
    shop: Any, offer: Offer
) -> None:
    owner = shop.owner.actor
    with pytest.raises(service.TermsMissing):
        move(owner, offer, "open")
    with pytest.raises(IllegalTransition):
        move(owner, offer, "paused")
    publish(owner, offer, percent(1000))
    for days, state in ((1, "open"), (2, "paused"), (3, "open"), (4, "closed")):
        assert move(owner, offer, state, NOW + days * DAY).state == state
        assert move(owner, offer, state, NOW + days * DAY + SECOND).state == state, "again changes nothing"
    with pytest.raises(IllegalTransition):
        move(owner, offer, "open", NOW + 5 * DAY)
    with pytest.raises(service.OfferClosed):
        publish(owner, offer, percent(500), now=NOW + 5 * DAY)
    with db.new_session() as session:
        states = [
            service.state_at(session, [offer.id], NOW + n * DAY).get(offer.id) for n in (-1, 0, 1, 2, 3, 4, 9)
        ]
        history = session.scalar(sa.text("SELECT count(*) FROM offer_state"))
        before = service.state_at(session, [offer.id], NOW + DAY - SECOND)
    assert states == [None, "draft", "open", "paused", "open", "closed", "closed"]
    assert history == 5 and before == {offer.id: "draft"}


def test_terms_that_are_not_in_force_yet_do_not_open_an_offer(shop: Any, offer: Offer) -> None:
    publish(shop.owner.actor, offer, percent(1000), now=NOW + DAY)
    with pytest.raises(service.TermsMissing):
        move(shop.owner.actor, offer, "open", NOW)


@pytest.mark.parametrize("state", ["closing", "closed"])
def test_a_shop_that_closes_opens_nothing(market: Any, shop: Any, offer: Offer, state: str) -> None:
    publish(shop.owner.actor, offer, percent(1000))
    with market.rows() as session:
        session.execute(
            sa.text("UPDATE shop SET state = :state WHERE id = :id"), {"state": state, "id": shop.id}
        )
    with pytest.raises(service.ShopNotOpen):
        move(shop.owner.actor, offer, "open")
    with pytest.raises(service.ShopNotOpen), transaction() as session:
        service.create(session, shop.owner.actor, shop.id, name="x", now=NOW)


def test_another_shops_offer_looks_like_none_and_staff_decide_nothing(
    market: Any, shop: Any, offer: Offer
) -> None:
    other = market.shop().owner.actor
    for stranger in (other, market.adviser().actor, market.finance().actor):
        with pytest.raises(NotFound):
            move(stranger, offer, "closed")
        with pytest.raises(NotFound):
            publish(stranger, offer, percent(1))
    with pytest.raises(OwnerNeeded):
        move(shop.staff, offer, "closed")
    with pytest.raises(OwnerNeeded):
        publish(shop.staff, offer, percent(1))
    with pytest.raises(NotFound), transaction() as session:
        service.create(session, other, shop.id, name="x", now=NOW)


def test_many_instants_are_answered_together(market: Any, shop: Any, offer: Offer) -> None:
    other_shop = market.shop()
    with transaction() as session:
        other = service.create(
            session, other_shop.owner.actor, other_shop.id, name="y", notice_days=0, now=NOW
        )
    publish(shop.owner.actor, offer, percent(1000))
    publish(other_shop.owner.actor, other, percent(100))
    publish(other_shop.owner.actor, other, percent(200), effective_from=NOW + DAY)
    pairs = [(offer.id, NOW), (other.id, NOW), (other.id, NOW + DAY), (offer.id, NOW - DAY)]
    with db.new_session() as session:
        found = terms.many_at(session, pairs)
        assert terms.many_at(session, []) == {}
    assert {pair: one.version for pair, one in found.items()} == {pairs[0]: 1, pairs[1]: 1, pairs[2]: 2}


def test_invariants_notice_what_the_triggers_would_refuse(market: Any, shop: Any, offer: Offer) -> None:
    publish(shop.owner.actor, offer, percent(1000))
    publish(shop.owner.actor, offer, percent(500))
    with db.new_session() as session:
        assert checks.terms_unchanged(session).holds and checks.terms_numbered(session).holds
    with market.rows() as session:
        session.execute(sa.text("ALTER TABLE commission_terms DISABLE TRIGGER USER"))
        session.execute(
            sa.text(
                "UPDATE commission_terms SET version = 7, document = jsonb_set(document, '{default}',"
                " '{\"percent_bp\": 1}') WHERE version = 2"
            )
        )
    with db.new_session() as session:
        assert (checks.terms_unchanged(session).figure, checks.terms_unchanged(session).rows_seen) == (1, 2)
        assert checks.terms_numbered(session).figure == 1
