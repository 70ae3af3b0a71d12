"""A receipt shows each reader their part and every cent of it; its file comes to the same amount without a database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from werkzeug.test import TestResponse

import wsgi
from marketplace.core import clock, config, db, web
from marketplace.core.actor import Actor
from marketplace.core.money import Money
from payouts.accrual import service as accrual
from payouts.receipts import again
from payouts.receipts.__main__ import main
from tests.conftest import Database
from tests.integration.tracking.trade import Trade, line, money
from tests.standing import Standing, standing

HOSTILE = "<script>alert(1)</script>"


class Business:
    """A shop with three orders: one that two advisers led to and of which a part came back, one by code, one declined."""

    def __init__(self, database: Database) -> None:
        self.trade = trade = Trade(database)
        wsgi.register()
        trade.app = self.app = web.create_app(config.current(), wsgi.blueprints())
        self.bert = trade.join("Bert")
        early, late = trade.token(self.bert), trade.token(trade.anne)
        lines = [line("1", net="100.00", title=HOSTILE), line("2", net="33.33")]
        trade.report(trade.order("A-1", early, late, lines=lines))
        trade.report(trade.order("A-2", trade.token(trade.anne)))
        trade.report(trade.order("B-1", trade.token(self.bert)))
        trade.refund("A-1", "RF-1", {"line_ref": "2", "quantity": 1, "net": money("33.33")})
        [declined] = trade.show("A-2")["commissions"]
        told = {"reason": "other", "note": HOSTILE}
        trade.call("POST", f"/commissions/{declined['id']}/decline", told, status=200)
        with trade.as_worker():
            while db.run_in_transaction(lambda session: accrual.post_due(session, clock.now())):
                pass
        self.ids = {ref: trade.show(ref)["commissions"][0]["id"] for ref in ("A-1", "A-2", "B-1")}
        person = uuid.uuid4()
        trade.execute(
            "INSERT INTO user_account (id, email, email_key, name, role, password_hash, session_key, totp_secret,"
            " email_verified_at)"
            " VALUES (:i, 'fi@example.test', 'fi@example.test', 'Fi', 'finance', 'x', 'x', 'x', now())",
            i=person,
        )
        self.finance = trade.sign_in(Actor(person, frozenset({"finance"}), via="token"))

    def close(self) -> None:
        self.trade.everything.dispose()

    def ask(self, path: str, bearer: str, *, status: int = 200) -> TestResponse:
        headers = {"Accept": "text/html", "Authorization": f"Bearer {bearer}"}
        answer = self.app.test_client(use_cookies=False).get(path, headers=headers)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        if answer.mimetype == "text/html":
            assert HOSTILE not in answer.text
        return answer

    def words(self, path: str, bearer: str) -> str:
        page = lxml.html.fromstring(self.ask(path, bearer).text)
        return " ".join(page.xpath("//main")[0].text_content().replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.fixture(scope="module")
def world(pg: Any, valkey: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing[Business]]:
    with standing(pg, valkey.url, Business, segments_dir=str(tmp_path_factory.mktemp("s"))) as built:
        yield built


@pytest.fixture
def business(world: Standing[Business]) -> Iterator[Business]:
    with world.at_work() as working:
        yield working


def test_receipt_shows_each_reader_their_part_with_the_amounts_of_the_api(business: Business) -> None:
    trade, path = business.trade, f"/receipts/{business.ids['A-1']}"
    api = trade.call("GET", f"/commissions/{business.ids['A-1']}", status=200)
    amount = f"€ {api['amount']['amount'].replace('.', ',')}"
    for bearer in (trade.anne.bearer, trade.owner, business.finance):
        words = business.words(path, bearer)
        assert f"Receipt of {amount}" in words
        assert "Other advice was clicked later" not in words or bearer != trade.anne.bearer
        for move in api["moves"]:
            assert move["delta"]["amount"].lstrip("-").replace(".", ",") in words
    hers, shops = business.words(path, trade.anne.bearer), business.words(path, trade.owner)
    assert "Why it goes to you" in hers
    assert "One other adviser took part" in hers
    assert "Bert" not in hers
    assert "Our fee" not in hers
    assert "Bert" in shops
    assert "Other advice was clicked later, and the last click counts" in shops
    assert "Our fee" in shops
    assert "Refund RF-1" in shops
    links = lxml.html.fromstring(business.ask(path, business.finance).text).xpath("//a/@href")
    assert any(one.startswith("/finance/ledger/entries/") for one in links)
    business.ask(path, business.bert.bearer, status=404)


def test_file_of_a_receipt_comes_to_the_same_without_a_database(business: Business, tmp_path: Path) -> None:
    files = []
    for ref, commission in business.ids.items():
        winner = business.bert.bearer if ref == "B-1" else business.trade.anne.bearer
        for bearer in (winner, business.trade.owner, business.finance):
            path = f"/receipts/{commission}"
            assert "Worked out again now: equal" in business.words(f"{path}/proof", bearer)
            answer = business.ask(f"{path}/file", bearer)
            found = again.work_out(answer.get_json())
            assert found.equal
            assert found.decided == (bearer != winner)
            files.append(tmp_path / f"{len(files)}.json")
            files[-1].write_bytes(answer.data)
            if bearer == winner:
                assert str(business.bert.id) not in answer.text or ref == "B-1"
    assert main([str(one) for one in files]) == 0


def test_file_that_somebody_changed_does_not_come_to_the_same(business: Business, tmp_path: Path) -> None:
    whole = business.ask(f"/receipts/{business.ids['A-1']}/file", business.finance).get_json()

    def changed(change: Any) -> bool:
        copy = json.loads(json.dumps(whole))
        change(copy)
        return not again.work_out(copy).equal

    assert changed(lambda one: one["commission"]["standing"].update(amount="99.00"))
    assert changed(lambda one: one["order"]["lines"][0]["net"].update(amount="10.00"))
    assert changed(lambda one: one["terms"]["document"].update(default={"percent_bp": 1}))
    assert changed(lambda one: one["order"]["returns"].clear())
    assert changed(lambda one: one["decision"]["candidates"][-1].update(link_id=None, is_link_disabled=True))
    assert changed(lambda one: one["moves"].append({"kind": "declined"}))
    for broken in ({}, {"format": again.FORMAT}, whole | {"format": "x"}):
        with pytest.raises(again.NotAReceipt):
            again.work_out(broken)
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    assert main([str(tmp_path / "x.json")]) == 1


def test_limits_per_order_are_worked_out_from_bases_alone() -> None:
    def money_of(amount: str) -> dict[str, str]:
        return {"amount": amount, "currency": "EUR"}

    terms = {
        "id": str(uuid.uuid4()), "offer_id": str(uuid.uuid4()), "version": 1, "currency": "EUR",
        "effective_from": "2026-01-01T00:00:00Z", "window_days": 30, "hold_days": 30,
        "document": {
            "default": {"percent_bp": 1000}, "rules": [], "own_shop": False, "minimum": "5.00", "maximum": None,
            "base": {"tax": False, "shipping": False, "gift_cards": False},
        },
    }  # fmt: skip
    told = [
        {"line_ref": ref, "base": money_of(base), "rate": {"percent_bp": 1000}, "computed": money_of("0")}
        for ref, base in (("1", "10.00"), ("2", "20.00"))
    ]
    person = str(uuid.uuid4())
    found = again.work_out(
        {
            "format": again.FORMAT,
            "commission": {"standing": money_of("5.00"), "winner": person, "adviser_id": person},
            "terms": terms,
            "calculation": {"lines": told},
            "moves": [{"kind": "earned"}],
        }
    )
    assert found.equal
    assert found.lines == {"1": Money(167, "EUR"), "2": Money(333, "EUR")}


def test_search_finds_what_is_ones_own_and_nothing_else(business: Business) -> None:
    trade = business.trade
    for bearer, sees in ((trade.anne.bearer, ("A-1", "A-2")), (business.bert.bearer, ("A-1",))):
        words = business.words("/find?q=A-", bearer)
        assert [ref for ref in ("A-1", "A-2") if ref in words] == list(sees)
    page = lxml.html.fromstring(business.ask("/find?q=b-1", trade.owner).text)
    assert page.xpath("//section[@aria-labelledby='group-orders']//a/@href")
    assert "Nothing of yours is called B-1" in business.words("/find?q=B-1", trade.anne.bearer)
    [earned] = [
        one for one in trade.call("GET", "/commissions", status=200)["items"] if one["order_ref"] == "B-1"
    ]
    amount = earned["amount"]["amount"].replace(".", ",")
    found = lxml.html.fromstring(business.ask(f"/find?q={amount}", business.finance).text)
    links = found.xpath("//section[@aria-labelledby='group-commissions']//a/@href")
    assert f"/receipts/{earned['id']}" in links
    further = found.xpath("//section[@aria-labelledby='group-elsewhere']//a/@href")
    assert further == [f"/finance/ledger?amount={earned['amount']['amount']}"]
    assert "Bert" in business.words("/find?q=bert", business.finance)
    for odd in ("%25%25", "__", HOSTILE, "x" * 300, "%00ab", "'; --", "fi@example.test"):
        assert "Nothing of yours is called" in business.words(f"/find?q={odd}", trade.owner)
    assert "What do you have in hand?" in business.words("/find", trade.owner)
    assert "Type two characters or more" in business.words("/find?q=a", trade.owner)
