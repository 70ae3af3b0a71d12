"""Advisers who joined an offer are told when it is paused, opened again or ended: once, and not of what lasts a moment."""

import datetime as dt

import sqlalchemy as sa

from marketplace.core import clock
from marketplace.core.db import transaction
from marketplace.offers import partnerships, pauses, publishing, service
from tests import letters

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)


def test_each_change_that_lasts_is_told_once_to_who_had_joined_and_a_short_pause_never(market):
    shop, joined, later = market.shop(), market.adviser(), market.adviser()
    owner, now = shop.owner.actor, clock.now()

    def move(state, at):
        with transaction() as session:
            service.move(session, owner, offer.id, state, now=at)

    def join(adviser, at):
        with transaction() as session:
            mine = partnerships.apply(session, adviser.actor, offer.id, now=at, message="")
        with transaction() as session:
            partnerships.approve(session, owner, mine.id, now=at)
            partnerships.accept(session, mine.id, adviser.actor, at)

    def told():
        with market.as_worker():
            count = pauses.tell_due()
        with market.rows() as session:
            rows = session.execute(
                sa.text(
                    "SELECT audience, facts FROM mail_message WHERE template = 'offer_state'"
                    " ORDER BY facts ->> 'at', id"
                )
            ).all()
        return count, [(row.audience.split(":")[1], row.facts["state"]) for row in rows], rows

    start = now - 40 * DAY
    with transaction() as session:
        offer = service.create(session, owner, shop.id, name="Pans", now=start)
        publishing.publish(session, owner, offer.id, {"default": {"percent_bp": 1000}}, now=start)
        service.move(session, owner, offer.id, "open", now=start)
    join(joined, start)
    move("paused", now - 30 * DAY)  # Older than any news.
    move("open", now - 29 * DAY)
    assert told()[0] == 0
    move("paused", now - 900 * MINUTE)  # Taken back at once.
    move("open", now - 895 * MINUTE)
    move("paused", now - 800 * MINUTE)
    with transaction() as session:
        service.change_joining(session, owner, offer.id, "at_once", now=now - 700 * MINUTE)
    move("open", now - 600 * MINUTE)
    join(later, now - 590 * MINUTE)
    move("closed", now - 500 * MINUTE)
    first, second = str(joined.actor.adviser_id), str(later.actor.adviser_id)
    count, who, rows = told()
    assert count == 4
    assert who[:2] == [(first, "paused"), (first, "open")]
    assert set(who[2:]) == {(first, "closed"), (second, "closed")}
    assert told()[0] == 0
    twins = letters.draw("offer_state", "nl", rows[0].facts | {"name": "Noor"})
    assert rows[0].facts["shop"] in twins.subject and "pauzeert" in twins.subject


def test_a_pause_is_told_only_once_it_has_lasted(market):
    shop, joined = market.shop(), market.adviser()
    owner, now = shop.owner.actor, clock.now()
    with transaction() as session:
        offer = service.create(session, owner, shop.id, name="Pots", now=now - DAY)
        publishing.publish(session, owner, offer.id, {"default": {"percent_bp": 1000}}, now=now - DAY)
        service.move(session, owner, offer.id, "open", now=now - DAY)
        mine = partnerships.apply(session, joined.actor, offer.id, now=now - DAY, message="")
        partnerships.approve(session, owner, mine.id, now=now - DAY)
    with transaction() as session:
        partnerships.accept(session, mine.id, joined.actor, now - DAY)
        service.move(session, owner, offer.id, "paused", now=now - 5 * MINUTE)
    with market.as_worker():
        assert pauses.tell_due() == 0
