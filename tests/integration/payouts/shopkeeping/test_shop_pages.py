"""A shop's pages show what the API says, to the cent; what they send goes through the same door, and text stays text."""

from __future__ import annotations

import csv
import datetime as dt
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import lxml.html
import pytest
import sqlalchemy as sa

from marketplace.accounts import shops
from marketplace.core import db, ids, wording
from marketplace.core.money import Money
from payouts.shopkeeping import acts_rehearsal, purse, terms_form
from tests.integration.payouts.shopkeeping.business import HOSTILE, Business
from tests.integration.tracking.trade import line, money
from tests.standing import Standing, standing
from tracking.commissions import news


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


PAGES = (
    "/shop", "/shop/orders", "/shop/orders?status=all", "/shop/orders/A-1", "/shop/offers", "/shop/advisers",
    "/shop/budget", "/shop/products", "/shop/install", "/shop/install/received", "/shop/members", "/shop/stores", "/shop/start/shop",
    "/shop/start/domain", "/shop/start/products", "/shop/start/terms", "/shop/start/install", "/shop/start/test",
    "/shop/start/live", "/shop/advice",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_page_of_a_shop_has_one_heading_and_no_stranger_sees_it(business, path):
    assert len(business.page(path).xpath("//h1")) == 1
    business.ask(path, status=401, who=None)
    if path != "/shop/start/shop":
        business.ask(path, status=403, who=business.trade.anne.bearer)


def test_overview_says_what_waits_and_that_the_budget_is_used_up(business):
    [held] = business.trade.call("GET", "/funding", status=200, bearer=business.trade.owner)["balances"]
    text = words(business.page("/shop"))
    assert f"Your budget is used up: {told(held['owed'])}" in text
    assert "1 dispute waits for your answer." in text


def test_list_of_orders_holds_what_waits_with_its_day_and_the_sum_of_the_api(business):
    commissions = business.api("/commissions?mode=live")
    waits = [one for one in commissions if one["state"] == "pending"]
    # Other tests decide on orders of their own, so only these three are known to wait.
    assert {"A-1", "A-4", "A-5"} <= {one["order_ref"] for one in waits}
    page = business.page("/shop/orders")
    rows = page.xpath("//tbody/tr")
    assert len(rows) == len(waits)
    assert all(any(one["order_ref"] in row.text_content() for row in rows) for one in waits)
    cents = sum(int(one["amount"]["amount"].replace(".", "")) for one in waits)
    fee = sum(
        Money(int(one["amount"]["amount"].replace(".", "")), "EUR").share_bp(1000).minor for one in waits
    )
    foot = " ".join(page.xpath("//tfoot")[0].text_content().replace("\N{NO-BREAK SPACE}", " ").split())
    assert f"€ {(cents + fee) / 100:.2f}".replace(".", ",") in foot
    file = business.ask("/shop/orders?status=all&format=csv").get_data(as_text=True)
    listed = list(csv.DictReader(io.StringIO(file.lstrip("\ufeff"))))
    assert {row["order"]: row["status"] for row in listed}["A-2"] == "declined"
    assert sorted(row["order"] for row in listed) == sorted(one["order_ref"] for one in commissions)
    assert {"A-1", "ALL-1", "TWO-1", "DISPUTE-1"} <= {row["order"] for row in listed}


def test_many_orders_are_approved_at_once_and_one_that_was_decided_is_only_counted(business):
    refs = ("APPROVE-1", "APPROVE-2", "A-2")
    business.ask(
        "/shop/orders",
        form={"verdict": "approve", "commission": [business.ids[ref] for ref in refs]},
        status=303,
    )
    states = {one["order_ref"]: one["state"] for one in business.api("/commissions?mode=live")}
    assert [states[ref] for ref in refs] == ["approved", "approved", "declined"]


def test_orders_with_one_among_them_that_is_not_the_shops_are_all_left_as_they_were(business):
    mine = [business.ids[ref] for ref in ("ALL-1", "ALL-2")]
    for verdict in ({"verdict": "approve"}, {"verdict": "decline", "reason": "duplicate"}):
        form = verdict | {"commission": [*mine, str(ids.new_id())]}
        assert "Nothing was changed" in words(business.page("/shop/orders", form=form, status=404))
        states = {one["order_ref"]: one["state"] for one in business.api("/commissions?mode=live")}
        assert {states["ALL-1"], states["ALL-2"]} == {"pending"}


def test_orders_that_two_people_decide_at_one_moment_are_all_decided_by_the_first_of_them(business):
    mine = [business.ids[ref] for ref in ("TWO-1", "TWO-2")]
    gate = threading.Barrier(2)

    def decide(form: dict[str, str], ways: list[str]) -> int:
        gate.wait()
        headers = {"Accept": "text/html", "Authorization": f"Bearer {business.trade.owner}"}
        client = business.app.test_client(use_cookies=False)
        return client.post("/shop/orders", data=form | {"commission": ways}, headers=headers).status_code

    with ThreadPoolExecutor(2) as pool:
        approving = pool.submit(decide, {"verdict": "approve"}, mine)
        declining = pool.submit(decide, {"verdict": "decline", "reason": "duplicate"}, mine[::-1])
        answers = [approving.result(), declining.result()]
    states = {one["order_ref"]: one["state"] for one in business.api("/commissions?mode=live")}
    assert states["TWO-1"] == states["TWO-2"]
    assert answers == ([303, 409] if states["TWO-1"] == "approved" else [409, 303])


def test_decline_without_a_reason_is_refused_and_with_one_the_adviser_reads_it(business):
    form = {"verdict": "decline", "commission": business.ids["DECLINE-1"]}
    page = business.page("/shop/orders", form=form, status=422)
    assert "Choose a reason; the adviser reads it." in words(page)
    business.ask("/shop/orders", form=form | {"reason": "other", "note": HOSTILE}, status=303)
    mine = business.trade.call("GET", f"/commissions/{business.ids['DECLINE-1']}", status=200)
    assert (mine["state"], mine["note"]) == ("declined", HOSTILE)
    assert "alert(1)" in words(business.page("/shop/orders/DECLINE-1"))


def test_page_of_an_order_with_a_refund_or_a_dispute_and_the_overview_are_twelve_statements_at_most(business):
    trade = business.trade
    trade.report(trade.order("COUNT-1", trade.token(trade.anne), lines=[line("1"), line("2")]))
    trade.refund("COUNT-1", "R-1", {"line_ref": "2", "quantity": 1, "net": money("30.00")})
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    counted = {}
    sa.event.listen(db.engine(), "before_cursor_execute", note)
    try:
        for path in ("/shop/orders/COUNT-1", "/shop/orders/A-2", "/shop/orders", "/shop"):
            seen.clear()
            business.page(path)
            counted[path] = len(seen)
    finally:
        sa.event.remove(db.engine(), "before_cursor_execute", note)
    assert max(counted.values()) <= 12, counted


def test_order_without_advice_says_that_it_costs_nothing(business):
    assert "It costs you nothing." in words(business.page("/shop/orders/K-1"))
    business.ask("/shop/orders/NEVER", status=404)


def test_example_is_worked_out_by_the_real_calculation_and_publishes_nothing(business):
    offer = business.trade.world.offer_id
    form = {"act": "preview", "value": "8", "window_days": "30", "hold_days": "14", "example": "129"}
    text = words(business.page(f"/shop/offers/{offer}", form=form))
    for said in ("€ 129,00", "€ 106,61", "€ 8,53", "€ 0,85", "€ 9,38"):
        assert said in text
    assert "Different from version 1" in text
    assert len(business.trade.call("GET", f"/offers/{offer}/terms", status=200)["items"]) == 1


def test_terms_are_published_with_exceptions_and_wrong_ones_named_at_their_field(business):
    offer, _, _ = business.trade.world.another_offer()
    form = {
        "value": "7,5",
        "window_days": "30",
        "hold_days": "14",
        "rule_0.name": "Coffee",
        "rule_0.value": "x",
    }
    page = business.page(f"/shop/offers/{offer}", form=form, status=422)
    assert "Write a percentage such as 8 or 7,5." in words(page)
    form |= {"rule_0.value": "12", "rule_1.subject": "sku", "rule_1.name": "B-1", "rule_1.kind": "exclude"}
    business.ask(f"/shop/offers/{offer}", form=form, status=303)
    newest = business.trade.call("GET", f"/offers/{offer}/terms", status=200)["items"][0]
    assert newest["document"]["default"] == {"percent_bp": 750}
    assert newest["document"]["rules"] == [
        {"category": "Coffee", "rate": {"percent_bp": 1200}}, {"exclude": True, "sku": "B-1"},
    ]  # fmt: skip
    assert "takes effect on" in words(business.page(f"/shop/offers/{offer}"))


def test_shop_says_how_advisers_join_when_it_makes_an_offer_and_later(business):
    made = business.ask(
        "/shop/offers", form={"name": "Lamps", "notice_days": "7", "joining": "at_once"}, status=303
    )
    path = made.headers["Location"]
    assert business.page(path).xpath("//select[@name='joining']/option[@selected]/@value") == ["at_once"]
    assert "Advisers join at once" in words(business.page("/shop/offers"))
    business.ask(f"{path}/joining", form={"joining": "never"}, status=422)
    business.ask(f"{path}/joining", form={"joining": "on_approval"}, status=303)
    offer = business.trade.call("GET", path.replace("/shop", ""), status=200)
    assert offer["joining"] == "on_approval"
    assert business.page("/shop/offers").text_content().count("Advisers join at once") == 0


def test_test_order_passes_every_hop_and_leaves_nothing_but_itself(business):
    def counted() -> list[dict[str, Any]]:
        return business.trade.rows(
            "SELECT (SELECT count(*) FROM adviser) AS advisers, (SELECT count(*) FROM user_account) AS people,"
            " (SELECT count(*) FROM partnership) AS partnerships, (SELECT count(*) FROM tracked_link) AS links,"
            " (SELECT count(*) FROM touch) AS touches, (SELECT count(*) FROM commission) AS commissions,"
            " (SELECT count(*) FROM mail_message) AS mails"
        )

    def kept() -> list[dict[str, Any]]:
        return business.trade.rows("SELECT mode, source FROM shop_order WHERE order_ref LIKE 'TEST-%'")

    before, earlier = counted(), kept()
    page = business.page("/shop/start/test", form={})
    assert page.xpath("//ol[@class='hops']/li/@class") == ["good"] * 5
    assert "Every hop is green." in words(page)
    assert counted() == before
    assert kept() == [*earlier, {"mode": "test", "source": "page"}]


def test_test_order_can_be_tried_a_second_after_the_offer_was_opened(business):
    world = business.trade.world
    statement = "SELECT max(from_at) AS since FROM offer_state WHERE offer_id = :o"
    [row] = business.trade.rows(statement, o=world.offer_id)
    with db.session() as session:
        shop = shops.get(session, world.shop_id)
    played = acts_rehearsal.play(world.owner, shop, row["since"] + dt.timedelta(seconds=1))
    assert (played.failed, played.refusal, played.is_whole) == (None, None, True)


def test_test_order_names_the_hop_that_fails_and_what_to_do(business):
    def kept() -> int:
        return len(business.trade.rows("SELECT FROM shop_order WHERE order_ref LIKE 'TEST-%'"))

    shop, before = business.trade.world.shop_id, kept()
    business.trade.execute("UPDATE shop_domain SET verified_at = NULL WHERE shop_id = :s", s=shop)
    try:
        page = business.page("/shop/start/test", form={})
    finally:
        business.trade.execute("UPDATE shop_domain SET verified_at = now() WHERE shop_id = :s", s=shop)
    assert page.xpath("//ol[@class='hops']/li/@class")[0] == "bad"
    assert "Prove your site" in words(page)
    assert kept() == before


def test_dispute_is_answered_and_the_commission_stands_again(business):
    business.decline("DISPUTE-1")
    dispute = business.open_dispute("DISPUTE-1")
    path = f"/shop/disputes/{dispute}"
    assert "alert(1)" in words(business.page(path))
    business.ask(path, form={"outcome": "reject"}, status=422)
    business.ask(path, form={"outcome": "accept"}, status=303)
    found = business.trade.call("GET", f"/disputes/{dispute}", status=200)
    assert found["outcome"] == "adviser"
    shown = words(business.page(path))
    assert "You agreed" in shown
    assert "For the adviser" in shown


def test_a_refused_form_says_where_its_page_is_looked_at_without_sending_it_again(business):
    def again(path: str, form: dict[str, str], **headers: str) -> list[str]:
        sent = {"Accept": "text/html", "Authorization": f"Bearer {business.trade.owner}"} | headers
        answer = business.app.test_client(use_cookies=False).post(path, data=form, headers=sent)
        return lxml.html.fromstring(answer.text).xpath("//body/@data-again")

    assert again("/shop/orders?status=all", {"verdict": "approve"}) == ["/shop/orders?status=all"]
    offer = f"/shop/offers/{business.trade.world.offer_id}"
    assert again(f"{offer}/move", {"state": "never"}, Referer=f"http://localhost{offer}?x=1") == [
        f"{offer}?x=1"
    ]
    assert again(f"{offer}/move", {"state": "never"}, Referer=f"http://elsewhere{offer}") == []
    assert not business.page("/shop/orders").xpath("//body/@data-again")


def test_forms_begin_with_amounts_as_their_reader_types_them_and_say_how_money_comes_back(business):
    headers = {"Accept": "text/html", "Authorization": f"Bearer {business.trade.owner}"}
    for language, amount in (("nl", "250,00"), ("en-GB", "250.00")):
        answer = business.app.test_client(use_cookies=False).get(
            "/shop/budget", headers=headers | {"Accept-Language": language}
        )
        budget = lxml.html.fromstring(answer.text)
        assert budget.xpath("//input[@name='amount.amount']/@value") == [amount]
    assert "post@" in words(budget)
    with wording.use("nl_NL"):
        assert terms_form.initial(None)["example"] == "129,00"


def test_budget_shows_what_waits_and_only_owners_see_it(business):
    funding = business.trade.call("GET", "/funding", status=200, bearer=business.trade.owner)
    page = business.page("/shop/budget")
    assert len(page.xpath("//section[@id='waiting']//tbody/tr")) == len(funding["awaiting"])
    assert told(funding["balances"][0]["owed"]) in words(page)
    too_little = {"amount.amount": "0", "amount.currency": "EUR"}
    business.ask("/shop/budget", form=too_little, status=422)


def test_key_is_shown_once_and_revoked(business):
    form = {"name": "till", "mode": "test", "use": "orders"}
    page = business.page("/shop/install/keys", form=form)
    [key] = page.xpath("//section[contains(@class, 'key-shown')]//code/text()")
    assert key.startswith("aan_test_")
    assert key not in business.ask("/shop/install").text
    [row] = business.trade.rows("SELECT id, scopes FROM api_key WHERE name = 'till'")
    assert row["scopes"] == ["commissions:*", "orders:*"]
    business.ask(f"/shop/install/keys/{row['id']}/revoke", form={}, status=303)
    assert business.trade.send("GET", "/me", bearer=key).status_code == 401


@pytest.mark.slow
def test_an_address_that_is_fetched_only_when_asked_for_is_fetched_when_it_is_given(business):
    for every in ("manual", "daily"):
        given = {"url": f"https://feeds.example/{every}.xml", "every": every}
        business.ask("/shop/products/sources", form=given, status=303)
    due = business.trade.rows("SELECT every FROM feed_source WHERE next_at IS NOT NULL")
    assert {one["every"] for one in due} == {"manual", "daily"}


def test_feed_sent_as_a_file_is_lined_up_and_its_report_named(business):
    file = (io.BytesIO(b"id\ttitle\n1\tA\n"), "feed.tsv")
    business.ask("/shop/products/upload", form={"feed": file, "complete": "true"}, status=303)
    [job] = business.trade.rows("SELECT id, state FROM feed_job")
    assert "Waits to be read" in words(business.page(f"/shop/feeds/{job['id']}"))
    business.ask("/shop/products/upload", form={"complete": "true"}, status=422)


def test_somebody_without_a_shop_begins_one_comes_to_its_site_and_sees_no_other(business):
    bert = business.trade.join("Bert").bearer
    at = business.ask("/shop/start", status=303, who=bert)
    assert at.headers["Location"] == "/shop/start/shop"
    wrong = {"name": HOSTILE, "legal_name": "B", "registration_no": "1", "country": "NL", "currency": "EUR"}
    business.ask("/shop/start/shop", form=wrong, status=422, who=bert)
    right = wrong | {"registration_no": "90000003"}
    begin = business.page("/shop/start/shop", who=bert)
    boxes = begin.xpath("//form//input[@type='checkbox']")
    assert [one.get("name") for one in boxes] == ["agree_terms", "agree_data_processing"]
    assert not begin.xpath("//input[@type='checkbox'][@checked]"), "nothing is agreed to beforehand"
    unread = business.page("/shop/start/shop", form=right, status=422, who=bert)
    assert "Agree to it first" in words(unread)
    right |= {one.get("name"): one.get("value") for one in boxes}
    business.ask("/shop/start/shop", form=right | {"agree_terms": "0" * 64}, status=422, who=bert)
    made = business.ask("/shop/start/shop", form=right, status=303, who=bert)
    kept = business.trade.call("GET", "/agreements", bearer=bert, status=200)["items"]
    assert [(one["kind"], one["version"], one["shop_id"] is None) for one in kept] == [
        ("terms", 1, True),
        ("data_processing", 1, False),
    ]
    assert made.headers["Location"] == "/shop/start/domain"
    assert business.ask("/shop/start", status=303, who=bert).headers["Location"] == "/shop/start/domain"
    begin = words(business.page("/shop", who=bert))
    assert "To your first order, step by step" in begin
    business.ask("/shop/start/domain", form={"host": "winkel.example"}, status=303, who=bert)
    waits = business.page("/shop/start/domain", who=bert)
    assert "winkel.example" in words(waits)
    [back] = waits.xpath("//form[contains(@action, '/withdraw')]/@action")
    business.ask(back, form={}, status=303, who=bert)
    assert "winkel.example" not in words(business.page("/shop/start/domain", who=bert))
    business.ask(back.replace("/withdraw", "/keep"), form={}, status=303, who=bert)
    by_name = {"host": "winkel.example", "proof": "dns"}
    business.ask("/shop/start/domain", form=by_name, status=303, who=bert)
    assert "_aanrader.winkel.example" in words(business.page("/shop/start/domain", who=bert))
    assert "Every hop" not in words(business.page("/shop/start/test", form={}, who=bert))
    business.ask("/shop/orders/A-1", status=404, who=bert)
    assert "A-1" not in words(business.page("/shop/orders?status=all", who=bert))


@pytest.mark.parametrize(
    ("left", "spent", "days"), [(10_000, 30_000, 10), (10_000, 0, None), (0, 100, 0), (10**9, 1, None)]
)
def test_budget_runs_out_when_the_next_days_cost_what_the_last_did(left, spent, days):
    now = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
    found = purse.estimate(Money(left, "EUR"), Money(0, "EUR"), Money(spent, "EUR"), now)
    assert found.runs_out == (None if days is None else now.date() + dt.timedelta(days=days))
    assert found.is_low == (days is not None and days <= 10)


def test_terms_of_an_open_offer_of_a_live_shop_are_there_for_everybody_and_no_others(business):
    [row] = business.trade.rows(
        "SELECT s.code, o.code AS offer FROM offer o JOIN shop s ON s.id = o.shop_id WHERE o.id = :o",
        o=business.trade.world.offer_id,
    )
    path, shop = f"/offers/{row['code']}/{row['offer']}", business.trade.world.shop_id
    business.trade.execute("UPDATE shop SET state = 'draft' WHERE id = :s", s=shop)
    business.ask(path, status=404, who=None)
    business.trade.execute("UPDATE shop SET state = 'live' WHERE id = :s", s=shop)
    assert "Become an adviser" in words(business.page(path, who=None))
    business.ask(f"/offers/{row['code']}/NEVER", status=404, who=None)
    business.trade.execute("UPDATE offer SET state = 'paused' WHERE id = :o", o=business.trade.world.offer_id)
    business.ask(path, status=404, who=None)
    business.trade.execute("UPDATE offer SET state = 'open' WHERE id = :o", o=business.trade.world.offer_id)


def test_adviser_is_refused_or_ended_with_a_reason_only_and_the_list_says_it(business):
    dora = business.trade.join("Dora")
    [partnership] = [one for one in business.api("/partnerships") if one["adviser_id"] == str(dora.id)]
    path = f"/shop/advisers/{partnership['id']}"
    bare = business.page(path, form={"answer": "decline"}, status=422)
    assert "reason; the adviser reads it." in words(bare)
    assert bare.xpath("//details[@open]//option[@value='place_unknown']"), "the form stays open where it was"
    business.ask(path, form={"answer": "decline", "reason": "other", "note": HOSTILE}, status=303)
    told = words(business.page("/shop/advisers"))
    assert "Ended by you" in told and "Another reason: <script>alert(1)</script>" in told
    listed = business.ask("/shop/advisers?format=csv").get_data(as_text=True)
    assert "other" in listed


def test_what_was_refused_or_came_twice_is_listed_with_what_to_do_and_no_value_of_it(business):
    trade = business.trade
    first = trade.order("SEEN-1")
    trade.report(first)
    assert trade.send("POST", "/orders", first).headers["Idempotent-Replayed"] == "true"
    wrong = trade.order("SEEN-2") | {"currency": "EURO", "customer_name": "Mrs. Secret"}
    trade.report(wrong, status=422)
    trade.report(first | {"currency": "USD"}, status=409)
    lines = trade.rows(
        "SELECT outcome, code, order_ref, fields FROM shop_report WHERE order_ref LIKE 'SEEN%' ORDER BY id"
    )
    assert [(one["outcome"], one["code"], one["order_ref"]) for one in lines] == [
        ("repeated", None, "SEEN-1"),
        ("refused", "invalid_input", "SEEN-2"),
        ("refused", "content_differs", "SEEN-1"),
    ]
    assert not any("Mrs. Secret" in str(one) for one in lines)
    page = words(business.page("/shop/install/received?outcome=refused"))
    assert "SEEN-2" in page and "currency" in page and "Nothing changed; your program" not in page
    twice = words(business.page("/shop/install/received?ref=SEEN-1"))
    assert "Nothing changed; your program got the first answer again." in twice
    file = business.ask("/shop/install/received?ref=SEEN-2&format=csv").get_data(as_text=True)
    [row] = csv.DictReader(io.StringIO(file.lstrip("\ufeff")))
    assert (row["outcome"], row["reason"], row["kind"]) == ("refused", "invalid_input", "order")


def test_a_report_that_is_too_large_is_listed_too_and_a_strangers_leaves_no_line(business):
    def kept() -> list[Any]:
        rows = business.trade.rows(
            "SELECT order_ref, fields FROM shop_report WHERE code = 'payload_too_large'"
        )
        return [(one["order_ref"], one["fields"]) for one in rows]

    client, body = business.app.test_client(use_cookies=False), b'{"order_ref": "LARGE-1"}'.ljust(1_000_001)
    for bearer, lines in (("aan_live_nobody", []), (business.trade.key, [(None, [])])):
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        assert client.post("/api/v1/orders", data=body, headers=headers).status_code == 413
        assert kept() == lines
    assert "payload_too_large" in words(business.page("/shop/install/received?outcome=refused"))


def test_shop_is_told_of_waiting_orders_once_a_week(business):
    with business.trade.as_worker():
        assert news.orders_waiting() == 1
        assert news.orders_waiting() == 0
    [mail] = business.trade.rows("SELECT facts FROM mail_message WHERE template = 'orders_waiting'")
    assert mail["facts"]["orders"] >= 3


def test_counter_has_hours_who_works_there_and_cards_with_codes_that_end(business):
    address = {
        "name": "Kade",
        "street": "Kade 1",
        "postcode": "1011 AB",
        "city": "Amsterdam",
        "country": "NL",
    }
    at = business.ask("/shop/stores", form=address | {"code": "KAD1"}, status=303).headers["Location"]
    wrong = business.page(f"{at}/hours", form={"monday": "17:00-09:00", "tuesday": "nine"}, status=422)
    assert len(wrong.xpath("//input[@aria-invalid]")) == 1, "what can't be read is said first"
    business.ask(f"{at}/hours", form={"monday": "9.00-12:30, 13:00-17:30"}, status=303)
    [store] = [one for one in business.api("/stores") if one["code"] == "KAD1"]
    assert store["opening_hours"]["monday"] == [
        {"from": "09:00", "to": "12:30"},
        {"from": "13:00", "to": "17:30"},
    ]
    anne = str(business.trade.anne.id)
    business.ask(f"{at}/advisers", form={}, status=422)
    business.ask(f"{at}/advisers", form={"adviser_id": anne}, status=303)
    partnership = next(one for one in business.api("/partnerships") if one["adviser_id"] == anne)
    business.ask(f"/shop/advisers/{partnership['id']}/code", form={"next": at}, status=303)
    [code] = [one for one in business.api("/codes") if one["spoken"] and one["adviser_id"] == anne]
    page = business.page(at)
    assert code["spoken"] in words(page) and "No longer" in words(page)
    card = business.page(f"{at}/cards")
    assert code["spoken"] in words(card) and card.xpath("//li//div[@role='img']")
    business.ask(f"/shop/codes/{code['id']}/end", form={"next": at}, status=303)
    assert "No code yet" in words(business.page(f"{at}/cards"))
    works = page.xpath("//form[contains(@action, '/shop/stores/advisers/')]/@action")[0]
    business.ask(works, form={}, status=303)
    assert "No longer" not in words(business.page(at))
