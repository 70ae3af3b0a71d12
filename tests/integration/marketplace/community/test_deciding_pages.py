"""An admin decides on pages: reports, evidence and accounts, each with a reason, each as its API twin does."""

from __future__ import annotations

import lxml.html
import pytest

from tests.integration.marketplace.advice.test_advice_api import platform_person
from tests.integration.payouts.finance.test_finance_pages import product

HOSTILE = '"><script>alert(1)</script>'


class Desk:
    def __init__(self, square):
        self.square, self.bearer = square, platform_person(square, "admin")
        self.client = product().test_client(use_cookies=False)

    def ask(self, path, form=None, status=200, bearer=None):
        headers = {"Accept": "text/html", "Authorization": f"Bearer {bearer or self.bearer}"}
        answer = self.client.open(path, method="GET" if form is None else "POST", data=form, headers=headers)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        return answer

    def read(self, path, where="//main"):
        page = lxml.html.fromstring(self.ask(path).text)
        assert not page.xpath("//script[contains(text(), 'alert')]")
        return " ".join(" ".join(one.text_content().split()) for one in page.xpath(where))


@pytest.fixture
def desk(square):
    return Desk(square)


def test_a_reported_page_is_taken_down_or_left_with_a_reason(desk):
    square = desk.square
    page, other = square.published(), square.published(title="Andere pagina")
    told = {"reason": "hidden_ad", "statement": f"Bij de tweede knop staat niets. {HOSTILE}"}
    for one in (page, other):
        square.say(f"/page-reports/page/{one['id']}", told)
    forms = lxml.html.fromstring(desk.ask("/admin/reports").text).xpath("//form[contains(@action, 'decide')]")
    assert len(forms) == 2
    assert "Bij de tweede knop" in desk.read("/admin/reports", "//article")
    first, second = (form.get("action") for form in forms)
    refused = desk.ask(first, {"outcome": "uphold", "reason": "nee"}, 422)
    assert lxml.html.fromstring(refused.text).xpath("//p[@class='wrong']")
    desk.ask(first, {"outcome": "uphold", "reason": "De knop betaalt en dat staat er niet."}, 303)
    desk.ask(second, {"outcome": "reject", "reason": "Bij elke knop staat wat hij betaalt."}, 303)
    assert square.anonymous(f"/advice-pages/{page['id']}").status_code == 404
    assert square.anonymous(f"/advice-pages/{other['id']}").status_code == 200
    assert "No report waits" in desk.read("/admin/reports")
    assert "De knop betaalt" in desk.read("/admin/reports?state=upheld", "//article")
    desk.ask(first, {"outcome": "reject", "reason": "Toch niet, zie boven."}, 409)


def test_evidence_is_verified_or_refused_with_a_reason_that_the_adviser_reads(desk):
    trade = desk.square.trade
    for words in ("Barista trainer since 2011", f"Judge of coffee {HOSTILE}"):
        body = {"kind": "expert", "statement": words, "link": "https://sca.example/anne"}
        trade.call("POST", "/evidence", body, status=201, bearer=trade.anne.bearer)
    page = lxml.html.fromstring(desk.ask("/admin/evidence").text)
    verify, _ = page.xpath("//form[contains(@action, '/verify')]/@action")
    _, refuse = page.xpath("//form[contains(@action, '/refuse')]/@action")
    desk.ask(verify, {"valid_until": "2020-01-01"}, 422)
    desk.ask(verify, {"valid_until": "2099-12-31"}, 303)
    desk.ask(refuse, {"reason": ""}, 422)
    desk.ask(refuse, {"reason": "no register knows it"}, 303)
    listed = trade.call("GET", "/evidence", None, status=200, bearer=trade.anne.bearer)["items"]
    assert {one["state"] for one in listed} == {"verified", "refused"}
    assert "no register knows it" in desk.read("/admin/evidence?state=refused")
    assert "No evidence waits" in desk.read("/admin/evidence")
    file = desk.ask("/admin/evidence?state=verified&format=csv").text
    assert len(file.splitlines()) == 2


def test_anybody_is_found_shut_out_and_let_in_with_a_reason_in_the_history(desk):
    trade = desk.square.trade
    anne = trade.anne.actor.user_id
    [email] = [row["email"] for row in trade.rows("SELECT email FROM user_account WHERE id = :u", u=anne)]
    for words in (email.upper(), str(anne), str(trade.anne.id)):
        found = lxml.html.fromstring(desk.ask(f"/admin/accounts?q={words}").text)
        assert found.xpath("//tbody/tr/th/a/@href") == [f"/admin/accounts/{anne}"], words
    assert "Nobody fits" in desk.read("/admin/accounts?q=%25zzz%25")
    here = f"/admin/accounts/{anne}"
    desk.ask(f"{here}/suspend", {"reason": ""}, 422)
    desk.ask(f"{here}/suspend", {"reason": f"sells accounts {HOSTILE}"}, 303)
    trade.call("GET", "/me", None, status=401, bearer=trade.anne.bearer)
    assert "sells accounts" in desk.read(here)
    assert str(anne) in desk.ask("/admin/accounts?state=suspended&format=csv").text
    desk.ask(f"{here}/reinstate", {"reason": "a mistake"}, 303)
    desk.ask(f"/admin/advisers/{trade.anne.id}/ban", {"reason": "paid for clicks"}, 303)
    assert "paid for clicks" in desk.read(here)
    assert trade.rows("SELECT state FROM adviser WHERE id = :i", i=trade.anne.id)[0]["state"] == "banned"
    desk.ask(f"/admin/advisers/{trade.anne.id}/reinstate", {"reason": "it was somebody else"}, 303)
    for path in ("/admin/accounts", here, "/admin/reports", "/admin/evidence"):
        desk.ask(path, status=403, bearer=platform_person(desk.square, "finance"))
