"""Advisers' pages show what the API says, to the cent; what they send goes through the same door, and text stays text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import lxml.html
import pytest
from PIL import Image
from werkzeug.test import TestResponse

import wsgi
from marketplace.core import clock, config, db, web
from marketplace.offers import partnerships, publishing, service
from payouts.accrual import service as accrual
from tests.conftest import Database
from tests.integration.tracking.trade import Joined, Trade, line
from tests.integration.tracking.world import TERMS
from tests.standing import Standing, standing

HOSTILE = "<script>alert(1)</script>"


class Business:
    """A shop, Anne with four orders and Bert with one that came after her click; asked as a browser asks."""

    def __init__(self, database: Database) -> None:
        self.trade = trade = Trade(database)
        wsgi.register()
        trade.app = self.app = web.create_app(config.current(), wsgi.blueprints())
        trade.execute("UPDATE shop SET state = 'live'")
        self.bert = trade.join("Bert")
        titled = {"lines": [line(title=HOSTILE)]}
        trade.report(trade.order("A-1", trade.token(trade.anne), **titled))
        trade.report(trade.order("A-2", trade.token(trade.anne)))
        trade.report(trade.order("A-3", trade.token(trade.anne), lines=[line(net="250.00")]))
        trade.report(trade.order("A-4", trade.token(trade.anne)))
        visitor = b"v" * 16
        early, late = (trade.token(who, visitor=visitor) for who in (trade.anne, self.bert))
        trade.report(trade.order("B-1", early, late))
        trade.edge_mark(-clock.offset())
        trade.move_clock(days=2)
        trade.work()
        self.ids = {one["order_ref"]: one["id"] for one in self.api("/commissions")}
        note = {"reason": "other", "note": HOSTILE}
        trade.call("POST", f"/commissions/{self.ids['A-2']}/decline", note, status=200)
        trade.call("POST", f"/commissions/{self.ids['A-4']}/decline", {"reason": "duplicate"}, status=200)
        trade.call("POST", f"/commissions/{self.ids['A-3']}/approve", {}, status=200)
        with trade.as_worker():
            while db.run_in_transaction(lambda session: accrual.post_due(session, clock.now())):
                pass

    def close(self) -> None:
        self.trade.everything.dispose()

    def api(self, path: str, who: Joined | None = None) -> Any:
        return self.trade.call("GET", path, status=200, bearer=(who or self.trade.anne).bearer)["items"]

    def ask(
        self, path: str, *, status: int = 200, form: Any = None, who: str | None = "anne"
    ) -> TestResponse:
        bearer = self.trade.anne.bearer if who == "anne" else who
        headers = {"Accept": "text/html"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        client = self.app.test_client(use_cookies=False)
        answer = client.open(path, method="GET" if form is None else "POST", data=form, headers=headers)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        if answer.mimetype == "text/html":
            assert HOSTILE not in answer.text
        return answer

    def page(self, path: str, **asked: Any) -> lxml.html.HtmlElement:
        return lxml.html.fromstring(self.ask(path, **asked).text)


def words(page: lxml.html.HtmlElement) -> str:
    return " ".join(page.xpath("//main")[0].text_content().replace("\N{NO-BREAK SPACE}", " ").split())


def told(amount: dict[str, str]) -> str:
    return f"€ {amount['amount'].replace('.', ',')}"


@pytest.fixture(scope="module")
def world(pg: Any, valkey: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing[Business]]:
    with standing(pg, valkey.url, Business, segments_dir=str(tmp_path_factory.mktemp("s"))) as built:
        yield built


@pytest.fixture
def business(world: Standing[Business]) -> Iterator[Business]:
    with world.at_work() as working:
        yield working


def test_overview_shows_the_sums_of_the_api_and_why_they_wait(business):
    [earned] = business.api("/earnings")
    text = words(business.page("/adviser"))
    for place in ("on_hold", "awaiting_shop"):
        assert told(earned[place]["amount"]) in text
    assert "You can't be paid yet: we don't know your bank account." in text
    assert "1 order after your clicks was not credited" in text
    assert "Paste a product address" in business.ask("/adviser").text


def test_list_of_earnings_keeps_what_was_declined_and_its_sum_is_the_apis(business):
    page, items = business.page("/adviser/earnings"), business.api("/commissions?mode=live")
    assert len(page.xpath("//tbody/tr")) == len(items) == 4
    assert len(page.xpath("//del[@class='struck']")) == 2
    standing_cents = sum(int(one["amount"]["amount"].replace(".", "")) for one in items)
    assert words(page).count(f"€ {standing_cents / 100:.2f}".replace(".", ",")) >= 1
    assert HOSTILE in words(page)


def test_a_filter_of_earnings_is_its_address_and_its_file(business):
    page = business.page("/adviser/earnings?status=declined")
    assert len(page.xpath("//tbody/tr")) == 2
    file = business.ask("/adviser/earnings?status=declined&format=csv").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(file.removeprefix("\ufeff").replace(HOSTILE, ""))))
    assert {row["order"] for row in rows} == {"A-2", "A-4"}
    assert {row["status"] for row in rows} == {"declined"} and rows[0][
        "earned before (minor units)"
    ] == "1000"
    assert "left out" in words(business.page("/adviser/earnings?status=lost"))


def test_an_order_shows_its_life_and_says_when_it_is_paid(business):
    text = words(business.page(f"/adviser/earnings/{business.ids['A-1']}"))
    for step in ("Click on your link", "Order at", "Earned € 10,00, on hold", "In your bank about"):
        assert step in text
    business.ask(f"/adviser/earnings/{business.ids['A-1']}", status=404, who=business.bert.bearer)


def test_a_decline_is_disputed_on_its_page(business):
    path = f"/adviser/earnings/{business.ids['A-4']}"
    refused = business.page(f"{path}/dispute", form={"statement": ""}, status=422)
    assert refused.xpath("//*[@aria-invalid='true'][@name='statement']")
    address = business.ask(f"{path}/dispute", form={"statement": HOSTILE}, status=303).headers["Location"]
    text = words(business.page(address))
    assert "The shop is asked" in text and HOSTILE in text and "€ 10,00 is at stake" in text
    business.ask(address, status=404, who=business.bert.bearer)
    business.ask(f"{address}/withdraw", form={}, status=303)
    assert "You ended it" in words(business.page(address))


def test_what_went_elsewhere_says_by_which_rule(business):
    text = words(business.page("/adviser/not-credited"))
    assert "B-1" in text and "Somebody else's advice was clicked after yours" in text
    assert "Nothing went elsewhere" in words(business.page("/adviser/not-credited", who=business.bert.bearer))


def test_a_missed_order_is_looked_up_and_tells_nothing_of_orders_of_others(business):
    def asked(ref: str, who: str) -> str:
        shop = business.trade.world.shop_id
        return words(business.page(f"/adviser/not-credited?shop_id={shop}&order_ref={ref}", who=who))

    anne, bert = business.trade.anne.bearer, business.bert.bearer
    assert "Order A-1 is yours" in asked("A-1", anne)
    assert "Order B-1 came after your advice and is not yours" in asked("B-1", anne)
    for ref in ("A-1", "NEVER-1"):
        assert f"We know no order {ref} of" in asked(ref, bert)


def test_a_pasted_address_becomes_a_link_in_the_same_place(business):
    address = business.trade.world.product("/p/lamp")
    page = business.page("/adviser/links", form={"url": address, "placement": "mail-1"})
    [shown] = page.xpath("//*[@id='made']//code/text()")
    assert shown in {one["url"] for one in business.api("/links")}
    assert "pays 10%" in words(page) and page.xpath("//*[@id='made']//svg//path")
    refused = business.page("/adviser/links", form={"url": "https://elsewhere.example/p"}, status=422)
    assert "No shop here has elsewhere.example as its own address" in words(refused)
    assert "No link was made." in words(refused)


def test_a_link_gives_its_qr_and_is_switched_off_and_on_again(business):
    business.trade.world.product("/p/chair")
    host = business.trade.world.host
    page = business.page("/adviser/links", form={"url": f"https://{host}/p/chair"})
    [path] = {href for href in page.xpath("//*[@id='made']//a/@href") if href.startswith("/adviser/links/")}
    assert business.ask(f"{path}/qr.png").data.startswith(b"\x89PNG")
    assert b"<svg" in business.ask(f"{path}/qr.svg").data
    business.ask(path, status=404, who=business.bert.bearer)
    business.ask(f"{path}/disable", form={}, status=303)
    assert "Switched off" in words(business.page(path))
    assert "Switched off" in words(business.page("/adviser/links?state=disabled"))
    [form] = business.page(path).xpath("//main//form[contains(@action, '/enable')]")
    business.ask(form.get("action"), form={}, status=303)
    assert "Switched off" not in words(business.page(path))


def test_an_offer_shows_its_terms_and_is_joined_and_left(business):
    trade = business.trade
    with db.transaction() as session:
        offer = service.create(session, trade.world.owner, trade.world.shop_id, name=HOSTILE, now=clock.now())
        publishing.publish(session, trade.world.owner, offer.id, TERMS, now=clock.now())
        service.move(session, trade.world.owner, offer.id, "open", now=clock.now())
    path = f"/adviser/offers/{offer.id}"
    text = words(business.page(path))
    for part in ("10%", "30 days after a click", "without VAT", "Too few orders to tell", "notice by mail"):
        assert part in text
    assert HOSTILE in words(business.page("/adviser/offers"))
    assert "No offer fits" in words(business.page("/adviser/offers?approval=95"))
    business.ask(f"{path}/join", form={"message": "x" * 2001}, status=422)
    business.ask(f"{path}/join", form={"message": "I write about lamps."}, status=303)
    [mine] = [one for one in business.api("/partnerships") if one["offer_id"] == str(offer.id)]
    with db.transaction() as session:
        partnerships.approve(session, trade.world.owner, mine["id"], now=clock.now())
    assert "Accept the terms" in words(business.page(path))
    business.ask(f"/adviser/partnerships/{mine['id']}/accept", form={}, status=303)
    assert "You joined" in words(business.page(path))
    business.ask(f"/adviser/partnerships/{mine['id']}/leave", form={}, status=303)
    assert "You left" in words(business.page(path))


def test_an_offer_that_is_joined_at_once_says_so_and_is_joined_with_one_button(business):
    trade = business.trade
    with db.transaction() as session:
        owner, now = trade.world.owner, clock.now()
        offer = service.create(session, owner, trade.world.shop_id, name="Lamps", joining="at_once", now=now)
        publishing.publish(session, owner, offer.id, TERMS, now=now)
        service.move(session, owner, offer.id, "open", now=now)
    path = f"/adviser/offers/{offer.id}"
    assert "You can join at once" in words(business.page("/adviser/offers?state=new"))
    [form] = business.page(path).xpath("//main//form[contains(@action, '/join')]")
    assert "Accept the terms and join" in words(form)
    business.ask(form.get("action"), form={}, status=303)
    assert "You joined" in words(business.page(path))
    [mine] = [one for one in business.api("/partnerships") if one["offer_id"] == str(offer.id)]
    assert (mine["state"], mine["accepted_terms_id"] is not None) == ("accepted", True)
    with db.transaction() as session:
        service.change_joining(session, owner, offer.id, "on_approval", now=clock.now())
    business.ask(f"/adviser/partnerships/{mine['id']}/leave", form={}, status=303)
    assert "The shop answers each application" in words(business.page(path))
    business.ask(f"{path}/join-at-once", form={}, status=409)


def test_without_payouts_the_pages_say_what_to_do(business):
    assert "No payouts yet" in words(business.page("/adviser/payouts"))
    text = words(business.page("/adviser/payout-account"))
    assert "Not yet" in text and "Go on to Stripe" in text
    assert "Yes" not in words(business.page("/adviser/payout-account/return"))


def test_a_profile_is_changed_and_refuses_what_the_api_refuses(business):
    form = {"display_name": "Anne", "kind": "expert", "country": "NL", "headline": HOSTILE}
    business.ask("/adviser/profile", form=form, status=303)
    [field] = business.page("/adviser/profile").xpath("//input[@name='headline']")
    assert field.value == HOSTILE
    refused = business.page("/adviser/profile", form=form | {"country": "Nederland"}, status=422)
    assert refused.xpath("//*[@name='country'][@aria-invalid='true']")
    business.ask("/adviser/profile/evidence", form={"kind": "expert", "statement": HOSTILE}, status=303)
    assert "somebody looks at it" in words(business.page("/adviser/profile"))


def test_a_portrait_is_drawn_anew_and_a_text_is_none(business):
    out = io.BytesIO()
    Image.new("RGB", (400, 400), "teal").save(out, "PNG")
    for name, data, shown in (("me.png", out.getvalue(), 1), ("me.png", HOSTILE.encode(), 1)):
        form = {"file": (io.BytesIO(data), name)}
        business.ask("/adviser/profile/portrait", form=form, status=303)
        page = business.page("/adviser/profile")
        assert len(page.xpath("//main//img[contains(@src, '/pictures/')]")) == shown


def test_a_new_adviser_finds_what_to_do_first(business):
    carla = business.trade.join("Carla")
    text = words(business.page("/adviser", who=carla.bearer))
    assert "Your first earnings, step by step" in text and "Clicks and earnings" not in text
    assert "No orders yet" in words(business.page("/adviser/earnings", who=carla.bearer))


@pytest.mark.parametrize("path", ["", "/links", "/offers", "/earnings", "/payouts", "/profile"])
def test_only_advisers_see_these_pages(business, path):
    business.ask(f"/adviser{path}", status=401, who=None)
    business.ask(f"/adviser{path}", status=403, who=business.trade.owner)
