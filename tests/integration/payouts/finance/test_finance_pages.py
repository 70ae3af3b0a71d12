"""Finance's pages show the amounts that the API gives, one makes a run and another approves it, and the books explain."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any

import flask
import lxml.html
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import wsgi
from marketplace.accounts.models import UserAccount
from payouts.runs import registration
from tests.applications import application
from tests.integration.payouts.settling import Finance, World

HOSTILE = "<script>alert(1)</script>"


@functools.cache
def product() -> flask.Flask:
    """The whole product, built once: it asks each time which database is open."""
    wsgi.register()
    return application(wsgi.blueprints())


class Desk:
    """Finance at their pages: asks as a browser does, and reads what stands there."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client: FlaskClient = product().test_client(use_cookies=False)

    def ask(
        self, path: str, who: Finance | None = None, *, form: Any = None, status: int = 200
    ) -> TestResponse:
        self.world.play("app")
        person = who or self.world.maker
        headers = {"Accept": "text/html", **self.world.token(person.actor.user_id, totp_now=True)}
        answer = self.client.open(path, method="GET" if form is None else "POST", data=form, headers=headers)
        assert answer.status_code == status, (answer.status_code, answer.text[:3000])
        return answer

    def read(self, path: str, who: Finance | None = None) -> lxml.html.HtmlElement:
        return lxml.html.fromstring(self.ask(path, who).text)

    def api(self, path: str) -> Any:
        self.world.play("app")
        headers = {"Authorization": f"Bearer {self.world.maker.key}"}
        answer = self.client.get(f"/api/v1{path}", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.get_json()


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def text_of(page: lxml.html.HtmlElement, path: str = "//main") -> str:
    [found] = page.xpath(path)
    return " ".join(found.text_content().split())


def test_a_run_on_pages_is_made_by_one_and_approved_and_carried_out_by_another(desk: Desk) -> None:
    world = desk.world
    world.budget(100_000)
    paid = world.adviser(earned=4_000)
    small = world.adviser(earned=100)
    with world.rows() as session:
        session.execute(
            sa.text("UPDATE adviser SET display_name = :n WHERE id = :i"), {"n": HOSTILE, "i": paid.id}
        )
    assert "Nothing needs you now" in text_of(desk.read("/finance"))
    address = desk.ask("/finance/runs", form={"currency": "EUR"}, status=303).location
    run = desk.api(f"/runs/{address.rpartition('/')[2]}")
    assert run["total"] == {"amount": "40.00", "currency": "EUR"}
    # The maker sees it and has no way to approve.
    mine = desk.read(address)
    assert "€ 40,00" in text_of(mine, "//section[@aria-labelledby='sum']").replace("\xa0", " ")
    assert not mine.xpath("//form[contains(@action, '/approve')]")
    assert not mine.xpath("//script[contains(text(), 'alert')]")
    assert "below" not in text_of(mine, "//*[@id='results']//tbody").lower()
    left_out = text_of(desk.read(f"{address}?tab=below_minimum"), "//*[@id='results']")
    assert small.actor.user_id is not None
    assert "1,00" in left_out
    # The colleague is told, reads content and total, and types the total.
    assert run["number"] in text_of(desk.read("/finance", world.checker))
    theirs = desk.read(address, world.checker)
    [form] = theirs.xpath("//form[contains(@action, '/approve')]")
    assert form.xpath(".//input[@name='content_hash']/@value") == [run["content_hash"]]
    assert form.xpath(".//input[@name='total.amount']/@value") == [""]
    assert "40,00" in form.xpath(".//button")[-1].text_content()
    sent = {
        "content_hash": run["content_hash"],
        "total.amount": "41,00",
        "total.currency": "EUR",
        "totp": world.checker.code(),
    }
    refused = desk.ask(f"{address}/approve", world.checker, form=sent, status=422)
    assert "This is not the total of the run" in refused.text
    sent["total.amount"] = "40,00"
    again = desk.ask(f"{address}/approve", world.maker, form=sent | {"totp": world.maker.code()}, status=409)
    assert "A second person has to approve" in again.text
    assert desk.api(f"/runs/{run['id']}")["state"] == "draft"
    desk.ask(f"{address}/approve", world.checker, form=sent, status=303)
    assert desk.api(f"/runs/{run['id']}")["state"] == "approved"
    assert "Pay €\xa040,00" in desk.ask(address).text
    desk.ask(f"{address}/execute", form={}, status=303)
    under_way = desk.read(address)
    assert under_way.xpath("//*[@id='progress']/@hx-trigger") == ["every 2s"]
    assert under_way.xpath("//*[@id='progress']//*[@role='progressbar']/@aria-valuenow") == ["0"]
    world.play("worker")
    assert registration.continue_runs() == 1
    done = desk.read(address)
    assert done.xpath("//*[@id='progress']//*[@role='progressbar']/@aria-valuenow") == ["1"]
    assert not done.xpath("//*[@hx-trigger='every 2s']")
    lines = desk.ask(f"{address}?format=csv").get_data(as_text=True).splitlines()
    assert "40.00" in lines[1]
    assert "paid" in lines[1]
    _every_amount_leads_to_the_books(desk, done)


def _every_amount_leads_to_the_books(desk: Desk, run: lxml.html.HtmlElement) -> None:
    [net] = run.xpath("//*[@id='results']//tbody//strong/a/@href")
    entry = desk.read(net)
    [total] = entry.xpath("//tfoot//td[@data-label='Debit']")
    assert "40,00" in total.text_content()
    account = entry.xpath("//tbody//a[contains(@href, 'adviser:available')]/@href")[0]
    balances = [one.text_content() for one in desk.read(account).xpath("//td[@data-label='Balance after']")]
    assert "0,00" in balances[0]
    assert "40,00" in balances[1]
    [code] = [
        one for one in desk.api("/ledger/accounts?kind=adviser:available")["items"] if one["postings"] == 2
    ]
    assert code["balance"]["amount"] == "0.00"


def test_a_stale_run_says_which_lines_changed_and_can_not_be_approved(desk: Desk) -> None:
    world = desk.world
    world.budget(100_000)
    one = world.adviser(earned=4_000)
    address = desk.ask("/finance/runs", form={"currency": "EUR"}, status=303).location
    run = desk.api(f"/runs/{address.rpartition('/')[2]}")
    world.owe(one.id, 500)
    shown = text_of(desk.read(address, world.checker))
    assert "This run is stale" in shown
    assert "is left out now" in shown
    sent = {
        "content_hash": run["content_hash"],
        "total.amount": "40.00",
        "total.currency": "EUR",
        "totp": world.checker.code(),
    }
    refused = desk.ask(f"{address}/approve", world.checker, form=sent, status=409)
    assert "The run has changed since its preview" in refused.text


def test_ledger_is_narrowed_by_its_address_and_gives_the_same_lines_as_a_file(desk: Desk) -> None:
    world = desk.world
    world.budget(100_000)
    world.adviser(earned=4_000)
    entries = desk.api("/ledger/entries")["items"]
    page = desk.read("/finance/ledger")
    assert [one.get("href").rpartition("/")[2] for one in page.xpath("//th[@scope='rowgroup']/a")] == [
        str(one["id"]) for one in entries
    ]
    assert "EUR balances" in text_of(page)
    for query in ("amount=40,00", "amount=40.00", "account_kind=adviser:available"):
        found = desk.read(f"/finance/ledger?{query}").xpath("//th[@scope='rowgroup']/a")
        assert len(found) == 1, query
    assert "No entry fits" in text_of(desk.read("/finance/ledger?amount=1,23"))
    assert "could not be read" in text_of(desk.read("/finance/ledger?since=yesterday"))
    rows = desk.ask("/finance/ledger?format=csv").get_data(as_text=True).splitlines()
    assert len(rows) == 1 + sum(len(one["lines"]) for one in entries)
    for gone in ("entries/0", "entries/x", "accounts/adviser:available/-/EUR", "accounts/no/such"):
        desk.ask(f"/finance/ledger/{gone}", status=404)


def test_reconciliation_and_freeze_say_how_it_is_and_the_freeze_takes_two(desk: Desk) -> None:
    world = desk.world
    desk.ask("/finance/reconciliation/import", form={}, status=303)
    assert "An import is under way" in text_of(desk.read("/finance/reconciliation"))
    with world.rows() as session:
        session.execute(
            sa.text(
                "INSERT INTO recon_break (id, kind, ref, currency, amount_minor, cause, first_seen_at, last_seen_at)"
                " VALUES (gen_random_uuid(), 'amount_diff', 'txn_1', 'EUR', 123, :cause, now(), now())"
            ),
            {"cause": HOSTILE},
        )
    [item] = desk.api("/reconciliation")["items"]
    home = desk.read("/finance")
    assert home.xpath("//a[contains(@class, 'primary')]/@href") == [f"/finance/differences/{item['id']}"]
    assert HOSTILE in text_of(desk.read(f"/finance/differences/{item['id']}"))
    assert "1,23" in text_of(desk.read("/finance/reconciliation"))
    # What a difference keeps is said in the reader's language, and history keeps its words.
    with world.rows() as session:
        session.execute(
            sa.text(
                "UPDATE recon_break SET cause = 'Stripe moved money by a transfer that the books do not know.'"
            )
        )
    dutch = text_of(desk.read(f"/finance/differences/{item['id']}?hl=nl"))
    assert "Stripe heeft geld verplaatst (transfer) waar de boeken niets van weten." in dutch
    refused = desk.ask(f"/finance/differences/{item['id']}/book", form={"note": "whose is it"}, status=409)
    assert "This is not a transfer" in refused.text
    desk.ask("/finance/freeze", form={"note": ""}, status=422)
    desk.ask("/finance/freeze", form={"note": f"stop {HOSTILE}"}, status=303)
    assert "Payouts have been frozen since" in text_of(desk.read("/finance"))
    maker = world.read(lambda session: session.get_one(UserAccount, world.maker.actor.user_id)).name
    assert f"{maker} froze it by hand" in text_of(desk.read("/finance/freeze"))
    desk.ask("/finance/freeze/lift", form={}, status=303)
    assert "You asked, so somebody else of finance lifts it" in text_of(desk.read("/finance/freeze"))
    assert "A second person has to lift" in desk.ask("/finance/freeze/lift", form={}, status=409).text
    told = desk.ask("/finance/freeze/lift", world.checker, form={}, status=409)
    assert "Not everything that Stripe paid is explained" in told.text
    assert desk.api("/payout-freeze")["frozen"]


def test_a_run_with_a_cut_off_is_rejected_on_a_page_and_its_maker_finds_the_reason_today(desk: Desk) -> None:
    world = desk.world
    world.budget(100_000)
    world.adviser(earned=4_000)
    tomorrow = (world.now() + dt.timedelta(days=2)).date().isoformat()
    refused = desk.ask("/finance/runs", form={"currency": "EUR", "cut_off_on": tomorrow}, status=422)
    assert "This day has not come yet." in refused.text
    yesterday = (world.now() - dt.timedelta(days=2)).date().isoformat()
    late = desk.ask("/finance/runs", form={"currency": "EUR", "cut_off_on": yesterday}, status=303).location
    assert desk.api(f"/runs/{late.rpartition('/')[2]}")["total"] == {"amount": "0.00", "currency": "EUR"}
    address = desk.ask("/finance/runs", form={"currency": "EUR", "cut_off_on": ""}, status=303).location
    # Who made it has no way to reject it; a colleague has, and says why.
    assert not desk.read(address).xpath("//form[contains(@action, '/reject')]")
    mine = desk.ask(f"{address}/reject", form={"reason": "No longer wanted"}, status=409)
    assert "A second person rejects" in mine.text
    [form] = desk.read(address, world.checker).xpath("//form[contains(@action, '/reject')]")
    assert form.xpath(".//textarea/@required")
    assert desk.ask(f"{address}/reject", world.checker, form={"reason": ""}, status=422)
    desk.ask(f"{address}/reject", world.checker, form={"reason": HOSTILE}, status=303)
    for page in ("/finance", "/finance/runs", address):
        seen = desk.read(page)
        assert HOSTILE[:40] in text_of(seen)
        assert not seen.xpath("//script[contains(text(), 'alert')]")
    assert not desk.read(address, world.checker).xpath("//form[contains(@action, '/approve')]")
    # Another run is the answer, and the reason leaves the first page.
    desk.ask("/finance/runs", form={"currency": "EUR"}, status=303)
    assert HOSTILE[:40] not in text_of(desk.read("/finance"))


def test_making_a_run_pressed_twice_is_one_run_and_takes_one_number(desk: Desk) -> None:
    [key] = desk.read("/finance/runs").xpath("//input[@name='once']/@value")
    again = {"currency": "EUR", "once": key}
    first = desk.ask("/finance/runs", form=again, status=303).location
    assert desk.ask("/finance/runs", form=again, status=303).location == first
    [run] = desk.api("/runs")["items"]
    assert first.endswith(run["id"])
    yesterday = (desk.world.now() - dt.timedelta(days=2)).date().isoformat()
    desk.ask("/finance/runs", form={**again, "cut_off_on": yesterday}, status=409)
    other = desk.ask("/finance/runs", desk.world.checker, form=again, status=303).location
    assert other != first, "the key of one person makes nothing of another's"
    numbers = [run["number"] for run in desk.api("/runs")["items"]]
    assert sorted(one.rpartition("-")[2] for one in numbers) == ["0001", "0002"]
