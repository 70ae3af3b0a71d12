"""Who accepted an offer is told of new terms before they take effect, in the transaction that publishes them."""

import datetime as dt

import pytest
import sqlalchemy as sa

from marketplace.core.db import transaction
from marketplace.offers import partnerships, publishing, service
from marketplace.offers.publishing import TermsUnchanged
from tests import letters

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def test_each_adviser_who_accepted_is_told_what_changes_and_from_when(market):
    shop, joined, applied = market.shop(), market.adviser(), market.adviser()
    owner = shop.owner.actor
    with transaction() as session:
        offer = service.create(session, owner, shop.id, name="Pans", now=NOW)
        publishing.publish(session, owner, offer.id, {"default": {"percent_bp": 1000}}, now=NOW)
        service.move(session, owner, offer.id, "open", now=NOW)
    with transaction() as session:
        mine = partnerships.apply(session, joined.actor, offer.id, now=NOW, message="")
        partnerships.apply(session, applied.actor, offer.id, now=NOW, message="")
    with transaction() as session:
        partnerships.approve(session, owner, mine.id, now=NOW)
        partnerships.accept(session, mine.id, joined.actor, NOW)
    lower = {"default": {"percent_bp": 650}, "hold_days": 30}
    with transaction() as session:
        terms = publishing.publish(session, owner, offer.id, lower, now=NOW + DAY)
    with pytest.raises(TermsUnchanged), transaction() as session:
        publishing.publish(session, owner, offer.id, lower, now=NOW + 2 * DAY)
    with market.rows() as session:
        [row] = session.execute(
            sa.text("SELECT audience, facts FROM mail_message WHERE template = 'terms_change'")
        ).all()
    assert row.audience == f"adviser:{joined.actor.adviser_id}"
    twins = letters.draw("terms_change", "en", row.facts | {"name": "Noor"})
    assert "10% becomes 6.5%" in twins.subject.replace("6,5", "6.5")
    assert "9 March 2026" in twins.subject
    assert dt.datetime.fromisoformat(row.facts["effective"]) == terms.effective_from
