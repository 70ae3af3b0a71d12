"""What readers say: one vote each, follows that are confirmed, reviews that say what is proved, reports with a receipt."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest

from marketplace.accounts import limits
from marketplace.community import ranking, reviewing, telling
from marketplace.core import clock, db
from tests.integration.marketplace.advice.test_advice_api import platform_person
from tests.integration.tracking.trade import line


@pytest.fixture(autouse=True)
def _no_tries_yet():
    limits._storage.cache_clear()


def test_a_reader_votes_once_and_takes_it_back_and_the_cookie_comes_only_with_a_vote(square):
    page = square.published()
    here = f"/votes/page/{page['id']}"
    assert not square.reader.get(f"/api/v1/advice-pages/{page['id']}").headers.getlist("Set-Cookie")
    assert square.say(here, {}, 200)["useful"] == 1
    assert square.reader.get_cookie("reader").value
    assert square.say(here, {}, 200)["useful"] == 1
    assert square.say(here, {}, 200, client=square.browser())["useful"] == 2
    assert square.call("POST", here, {})["useful"] == 3
    assert square.say(here, {"is_taken_back": True}, 200)["useful"] == 2
    stored = square.trade.rows("SELECT reader FROM useful_vote")
    key = square.reader.get_cookie("reader").value
    assert all(bytes(row["reader"]) != hashlib.sha256(key.encode()).digest() for row in stored)
    square.call("POST", f"/advice-pages/{page['id']}/withdraw")
    square.say(here, {}, 404)


def test_an_address_follows_once_its_owner_confirmed_and_each_mail_ends_it(square):
    here = f"/follows/{square.trade.anne.id}"
    assert square.say(here, {}, 422)["errors"].keys() == {"email"}
    assert square.say(here, {"email": "lezer@post.example"}, 202)["state"] == "pending"
    [mail] = square.mails("follow_confirm")
    token = mail["facts"]["url"].rpartition("token=")[2]
    square.say("/follows/confirm", {"token": "x" * 40}, 410)
    assert square.say("/follows/confirm", {"token": token}, 200)["state"] == "confirmed"
    square.say(here, {"email": "LEZER@post.example"}, 202)
    assert len(square.mails("follow_confirm")) == 1
    assert square.call("POST", here, {}, 202)["state"] == "confirmed"
    assert [one["state"] for one in square.call("GET", "/follows")["items"]] == ["confirmed"]
    square.trade.move_clock(minutes=5)
    page = square.published()
    with square.as_worker():
        assert telling.tell_due() == 2 and telling.tell_due() == 0
    [news] = square.mails("new_advice_to_reader")
    assert news["facts"]["pages"][0]["title"] == page["title"]
    assert len(square.mails("new_advice")) == 1
    end = news["facts"]["end"].partition("token=")[2].partition("&")[0]
    assert square.say("/follows/end", {"token": end}, 200)["state"] == "ended"
    square.call("POST", f"{here}/end")
    square.trade.move_clock(minutes=5)
    square.published(title="Nog een pagina")
    with square.as_worker():
        assert telling.tell_due() == 0


def test_every_mail_of_a_follow_ends_it_by_one_click_also_an_old_one(square):
    here = f"/follows/{square.trade.anne.id}"
    square.say(here, {"email": "trouw@post.example"}, 202)
    token = square.mails("follow_confirm")[-1]["facts"]["url"].rpartition("token=")[2]
    square.say("/follows/confirm", {"token": token}, 200)
    for n in range(2):
        square.trade.move_clock(minutes=5)
        square.published(title=f"Pagina {n} voor wie volgt")
        with square.as_worker():
            telling.tell_due()
    first, second = square.mails("new_advice_to_reader")[-2:]
    posted = "/follow?" + first["facts"]["end"].partition("/follow?")[2]
    answer = square.browser().post(posted, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 303
    end = second["facts"]["end"].partition("token=")[2].partition("&")[0]
    assert square.say("/follows/end", {"token": end}, 200)["state"] == "ended"
    square.say("/follows/end", {"token": end[:-1] + "!"}, 410)
    square.trade.move_clock(minutes=5)
    square.published(title="Die niemand meer gemeld wordt")
    with square.as_worker():
        assert telling.tell_due() == 0


def test_a_review_is_verified_only_by_a_purchase_that_the_shop_reported_for_that_address(square):
    buyer = "koper@post.example"
    review = {
        "stars": 4,
        "title": "Doet het goed",
        "body": "Maalt al een half jaar elke ochtend.",
        "name": "Ans",
    }
    square.trade.edge_mark(dt.timedelta(0))
    bought = line("1") | {"sku": "Molen"}
    digest = hashlib.sha256(buyer.encode()).hexdigest()
    square.trade.report(
        square.trade.order("B-1", lines=[bought], customer={"ref": "K-1", "email_sha256": digest})
    )
    square.trade.report(square.trade.order("B-2", lines=[bought]))
    here = f"/reviews/{square.product}"
    assert "email" in square.say(here, review | {"order_ref": "B-1"}, 422)["errors"]
    for claim in ({}, {"order_ref": "B-1", "email": buyer.upper()}, {"order_ref": "B-1", "email": "x@y.example"},
                  {"order_ref": "B-2", "email": buyer}):  # fmt: skip
        square.say(here, review | claim)
    with square.as_worker():
        assert reviewing.prove_due() == 3 and reviewing.prove_due() == 0
    shown = square.look(f"/reviews?product_id={square.product}")["items"]
    assert [one["proof"] for one in reversed(shown)] == ["none", "found", "not_found", "not_found"]
    assert [one["is_verified"] for one in reversed(shown)] == [False, True, False, False]
    assert buyer not in str(shown) and not square.trade.rows(
        "SELECT FROM review_proof WHERE order_ref LIKE '%@%'"
    )
    admin = platform_person(square, "admin")
    square.call("POST", f"/reviews/{shown[0]['id']}/hide", {"reason": "reclame"}, bearer=admin)
    assert len(square.look(f"/reviews?product_id={square.product}")["items"]) == 3


def test_a_report_gets_a_receipt_and_a_decision_with_its_reason(square):
    page, other = square.published(), square.published(title="Andere pagina")
    admin = platform_person(square, "admin")
    told = {"reason": "hidden_ad", "statement": "Bij de tweede knop staat niet dat hij betaalt."}
    mailed = told | {"email": "melder@post.example", "consent": True}
    receipt = square.say(f"/page-reports/page/{page['id']}", mailed)["receipt"]
    second = square.say(f"/page-reports/page/{other['id']}", told)["receipt"]
    assert square.look(f"/page-reports/receipt?receipt={receipt.lower()}")["state"] == "received"
    square.look("/page-reports/receipt?receipt=NEVERGIVEN99", 422)
    square.look("/page-reports", 401)
    listed = square.call("GET", "/page-reports?state=received", bearer=admin)["items"]
    assert [one["page_id"] for one in listed] == [page["id"], other["id"]]
    why = {"outcome": "uphold", "reason": "De knop betaalt en dat stond er niet bij."}
    square.call("POST", f"/page-reports/{listed[0]['id']}/decide", why, 403)
    assert (
        square.call("POST", f"/page-reports/{listed[0]['id']}/decide", why, bearer=admin)["state"] == "upheld"
    )
    square.call(
        "POST", f"/page-reports/{listed[0]['id']}/decide", why | {"outcome": "reject"}, 409, bearer=admin
    )
    rejected = {"outcome": "reject", "reason": "Bij elke knop staat wat hij betaalt."}
    square.call("POST", f"/page-reports/{listed[1]['id']}/decide", rejected, bearer=admin)
    assert square.look(f"/page-reports/receipt?receipt={second}")["decision"] == rejected["reason"]
    assert square.anonymous(f"/advice-pages/{page['id']}").status_code == 404
    assert square.anonymous(f"/advice-pages/{other['id']}").status_code == 200
    with square.as_worker():
        assert telling.tell_due() == 1 and telling.tell_due() == 0
    [mail] = square.mails("report_decided")
    assert mail["facts"]["reason"] == why["reason"] and len(square.mails("page_taken_down")) == 1


def test_pages_stand_by_usefulness_and_freshness_and_not_by_what_they_pay(square):
    paying = square.published(title="Betaalt")
    free = square.published(square.card(offer_id=None), title="Betaalt niets")
    old = square.published(title="Oud")
    square.trade.execute(
        "UPDATE advice_page SET updated_at = updated_at - interval '400 days' WHERE id = :i", i=old["id"]
    )
    for _ in range(2):
        square.say(f"/votes/page/{free['id']}", {}, 200, client=square.browser())

    def order(**wanted):
        with db.session() as session:
            return [str(one.id) for one in ranking.pages(session, clock.now(), **wanted)]

    assert order() == [free["id"], paying["id"], old["id"]]
    before = order()
    square.trade.execute("UPDATE advice_page SET pays = NOT pays")
    assert order() == before
    assert order(topic="thee") == [] and order(topic="koffie", take=1) == before[:2]
    with db.session() as session:
        assert [(one.name, one.pages) for one in ranking.topics(session)] == [("koffie", 3)]
