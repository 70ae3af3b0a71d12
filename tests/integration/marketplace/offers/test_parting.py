"""A shop refuses an adviser, or ends with one, and says why: in the answer, in the history and by mail."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.core import clock
from marketplace.core.db import transaction
from marketplace.core.errors import IllegalTransition
from marketplace.core.mail import MailMessage
from marketplace.offers import partnerships
from tests.integration.marketplace.offers.test_offers_api import get, opened, post

OTHER = {"reason": "other", "note": "We sell no tea."}


def mails(market: Any, template: str) -> list[dict[str, Any]]:
    """Return the facts of the mails of a kind."""
    with market.rows() as session:
        rows = session.scalars(sa.select(MailMessage.facts).where(MailMessage.template == template))
        return list(rows)


def accept(adviser: Any, one: str) -> None:
    """Accept the terms as the adviser; the route of it makes a link too and stands with the links."""
    with transaction() as session:
        partnerships.accept(session, uuid.UUID(one), adviser.actor, clock.now())


def test_refusal_takes_a_reason_that_the_adviser_reads(market: Any) -> None:
    shop, adviser = market.shop(), market.adviser()
    offer_id = opened(market, shop)
    asked = {"offer_id": offer_id, "message": "I cook\nand write"}
    one = post(market, adviser, "/partnerships", asked).json["id"]
    assert mails(market, "adviser_applied")[-1]["message"] == "I cook\nand write"
    for body, field in (({}, "reason"), ({"reason": "ugly"}, "reason"), ({"reason": "other"}, "note")):
        refused = post(market, shop.owner, f"/partnerships/{one}/decline", body)
        assert refused.status_code == 422 and field in refused.json["errors"]
    told = post(market, shop.owner, f"/partnerships/{one}/decline", OTHER).json
    assert (told["state"], told["reason"], told["note"]) == ("declined", "other", "We sell no tea.")
    assert post(market, shop.owner, f"/partnerships/{one}/decline", {"reason": "enough"}).json == told
    assert get(market, adviser, "/partnerships").json["items"] == [told]
    (mail,) = mails(market, "parted")
    assert (mail["reason"], mail["note"], mail["has_advised"]) == ("other", "We sell no tea.", False)
    again = post(market, shop.owner, f"/partnerships/{one}/approve").json
    assert (again["state"], again["reason"], again["note"]) == ("approved", None, None)
    assert len(mails(market, "taken_on")) == 1
    history = "SELECT count(*) FROM partnership_event WHERE reason = 'other' AND note = 'We sell no tea.'"
    assert market.count(history) == 1


def test_shop_ends_with_an_adviser_who_advises_and_may_begin_again(market: Any) -> None:
    shop, adviser = market.shop(), market.adviser()
    one = post(market, adviser, "/partnerships", {"offer_id": opened(market, shop)}).json["id"]
    post(market, shop.owner, f"/partnerships/{one}/approve")
    accept(adviser, one)
    ended = post(market, shop.owner, f"/partnerships/{one}/decline", {"reason": "terms_broken"})
    assert (ended.status_code, ended.json["state"]) == (200, "declined")
    assert mails(market, "parted")[-1]["has_advised"] is True
    with pytest.raises(IllegalTransition):
        accept(adviser, one)
    assert post(market, shop.owner, f"/partnerships/{one}/approve").json["state"] == "approved"
    accept(adviser, one)
