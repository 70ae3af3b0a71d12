"""Claims of missing orders, from the adviser's form to the end: over HTTP, on the pages, by the clock and two at once."""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import lxml.html
import pytest
import sqlalchemy as sa

import wsgi
from marketplace.accounts.models import AuthSession, UserAccount
from marketplace.core import clock, config, db, formats, hooks, ids, web
from marketplace.core.formats import ZONE
from tests.conftest import Database
from tests.integration.tracking.trade import Joined, Trade, money
from tests.standing import Standing, standing
from tracking.claims import clockwork, record, service

HOSTILE = "<script>alert(1)</script>"
DAY = dt.timedelta(days=1)


class Desk:
    """A shop in business with two advisers, an admin, and claims; each test takes orders of its own."""

    def __init__(self, database: Database) -> None:
        self.trade = trade = Trade(database)
        wsgi.register()
        trade.app = web.create_app(config.current(), wsgi.blueprints())
        trade.execute("UPDATE shop SET state = 'live'")
        self.bert = trade.join("Bert")
        self.admin = self._admin()
        trade.move_clock(days=30)
        trade.edge_mark(-clock.offset())

    def close(self) -> None:
        self.trade.everything.dispose()

    def _admin(self) -> str:
        token, wall, mail = ids.secret_token(), clock.wall(), f"admin{secrets.token_hex(3)}@example.test"
        with sa.orm.Session(self.trade.everything) as session, session.begin():
            user = UserAccount(
                email=mail, email_key=mail, name="admin", password_hash="-", session_key=ids.secret_token(),
                role="admin", email_verified_at=wall, totp_secret="x",
            )  # fmt: skip
            session.add(user)
            session.flush()
            session.add(AuthSession(
                user_id=user.id, kind="token", token_hash=ids.digest(token), session_key=user.session_key,
                password_at=wall, totp_at=wall, last_seen_at=wall, expires_at=wall + dt.timedelta(hours=1),
            ))  # fmt: skip
        return token

    def bought(self, days_ago: int = 10) -> str:
        return (clock.now().astimezone(ZONE).date() - days_ago * DAY).isoformat()

    def body(self, ref: str | None, **changes: Any) -> dict[str, Any]:
        given = {
            "shop_id": str(self.trade.world.shop_id), "bought_on": self.bought(), "amount": money("100.00"),
            "order_ref": ref, "statement": "They read my page and told me.",
        }  # fmt: skip
        return given | changes

    def claim(self, ref: str | None, *, who: Joined | None = None, status: int = 201, **changes: Any) -> Any:
        bearer = (who or self.trade.anne).bearer
        return self.trade.call("POST", "/claims", self.body(ref, **changes), status=status, bearer=bearer)

    def answer(self, claim: Any, status: int = 200, **body: Any) -> Any:
        return self.trade.call(
            "POST", f"/claims/{claim['id']}/answer", body, status=status, bearer=self.trade.owner
        )

    def decide(self, claim: Any, verb: str, words: str = "Please look.", status: int = 200) -> Any:
        path = f"/claims/{claim['id']}/{verb}"
        return self.trade.call("POST", path, {"statement": words}, status=status, bearer=self.admin)

    def look(self, claim: Any, bearer: str | None = None, status: int = 200) -> Any:
        bearer = bearer or self.trade.anne.bearer
        return self.trade.call("GET", f"/claims/{claim['id']}", status=status, bearer=bearer)

    def report(self, ref: str, *tokens: str) -> None:
        """Let the shop report an order of ten days ago, and the worker decide about it."""
        ordered = (clock.now() - 10 * DAY).isoformat()
        self.trade.report(self.trade.order(ref, *tokens, ordered_at=ordered))
        self.trade.edge_mark(-clock.offset())
        self.trade.work()

    def sweep(self) -> int:
        with self.trade.as_worker():
            return clockwork.go_on_due()

    def mails(self, claim: Any) -> list[tuple[str, str]]:
        rows = self.trade.rows(
            "SELECT template, facts ->> 'kind' AS kind FROM mail_message WHERE facts ->> 'url' LIKE :url ORDER BY id",
            url=f"%/claims/{claim['id']}",
        )
        return [(row["template"], row["kind"]) for row in rows]

    def broken(self) -> dict[str, int]:
        with self.trade.as_worker(), db.session() as session:
            found = {
                name: one.check(session)
                for name, one in hooks.invariants.items()
                if name.startswith("claims")
            }
        assert len(found) == 3
        return {name: one.figure for name, one in found.items() if not one.holds}

    def page(self, path: str, *, bearer: str | None = None, form: Any = None, status: int = 200) -> Any:
        headers = {"Accept": "text/html", "Authorization": f"Bearer {bearer or self.trade.anne.bearer}"}
        client = self.trade.app.test_client(use_cookies=False)
        answer = client.open(path, method="GET" if form is None else "POST", data=form, headers=headers)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        if status == 303:
            return answer.headers["Location"]
        assert HOSTILE not in answer.text
        return lxml.html.fromstring(answer.text)


def words(page: Any) -> str:
    return " ".join(page.xpath("//main")[0].text_content().replace("\N{NO-BREAK SPACE}", " ").split())


def at_once(*calls: Any) -> list[Any]:
    gate = threading.Barrier(len(calls))

    def run(call: Any) -> Any:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.fixture(scope="module")
def world(pg: Any, valkey: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing[Desk]]:
    with standing(pg, valkey.url, Desk, segments_dir=str(tmp_path_factory.mktemp("s"))) as built:
        yield built


@pytest.fixture
def desk(world: Standing[Desk]) -> Iterator[Desk]:
    with world.at_work() as working:
        yield working
        assert working.broken() == {}


def test_what_the_shop_reports_settles_the_claim_by_itself_and_earns_by_the_rules_alone(desk):
    made = desk.claim("REPORTED-1")
    assert (made["state"], made["order"]) == ("open", None)
    desk.report("REPORTED-1", desk.trade.token(desk.trade.anne, 10 * DAY + dt.timedelta(minutes=5)))
    assert desk.sweep() == 1 and desk.sweep() == 0
    found = desk.look(made)
    assert (found["state"], found["ended_by"], found["order"]["result"]) == ("found", "clock", "credited")
    [commission] = desk.trade.show("REPORTED-1")["commissions"]
    assert found["order"]["commission_id"] == commission["id"] and commission["amount"]["amount"] == "10.00"
    told = [("claim_made", "claimed"), ("claim_answered", "found"), ("claim_settled", "found")]
    assert desk.mails(made) == told
    assert "Found, and yours" in words(desk.page(f"/adviser/claims/{made['id']}"))


@pytest.mark.slow
def test_an_order_that_is_found_without_advice_earns_nothing_and_one_that_was_known_before_is_not_told_of(
    desk,
):
    desk.report("BEFORE-1")
    made = desk.claim("BEFORE-1")
    assert desk.sweep() == 0, "the order of somebody else, reported before, is the shop's to tell of"
    desk.answer(made, answer="found", order_ref="NEVER-1", status=409)
    found = desk.answer(made, answer="found", order_ref="BEFORE-1", statement="It came by itself.")
    assert (found["state"], found["order"]["result"]) == ("found", "no_advice")
    assert desk.trade.show("BEFORE-1")["commissions"] == []
    assert "It came without your click and code." in words(desk.page(f"/adviser/claims/{made['id']}"))
    # Another adviser's: the rule that decided is told, and the order of a claim without a number is any of the shop's.
    visitor, ago = b"v" * 16, 10 * DAY
    early = desk.trade.token(desk.trade.anne, ago + dt.timedelta(hours=2), visitor)
    late = desk.trade.token(desk.bert, ago + dt.timedelta(hours=1), visitor)
    unnamed = desk.claim(None)
    desk.report("OTHERS-1", early, late)
    found = desk.answer(unnamed, answer="found", order_ref="OTHERS-1")
    assert (found["order"]["result"], found["order"]["rule"]) == ("elsewhere", "earlier_touch")


def test_what_can_not_be_claimed_is_refused_by_name(desk):
    refused = [
        desk.claim("EARLY-1", bought_on=desk.bought(6), status=409)["code"],
        desk.claim("LATE-1", bought_on=desk.bought(101), status=409)["code"],
    ]
    assert refused == ["claim_too_early", "claim_too_late"]
    desk.claim("EDGE-1", bought_on=desk.bought(7))
    desk.claim("EDGE-2", bought_on=desk.bought(100))
    desk.report("KNOWN-1", desk.trade.token(desk.trade.anne, 10 * DAY + dt.timedelta(minutes=5)))
    assert desk.claim("KNOWN-1", status=409)["code"] == "claim_order_known"
    desk.trade.execute(
        "UPDATE partnership SET accepted_at = NULL, state = 'approved' WHERE id = :i",
        i=desk.bert.partnership_id,
    )
    assert desk.claim("MINE-1", who=desk.bert, status=409)["code"] == "claim_without_offer"
    desk.trade.execute(
        "UPDATE partnership SET accepted_at = now(), state = 'accepted' WHERE id = :i",
        i=desk.bert.partnership_id,
    )
    assert desk.claim("MINE-1", shop_id=str(ids.new_id()), status=404)["code"] == "not_found"
    desk.claim("TWICE-1")
    assert desk.claim("TWICE-1", statement="Other words.", status=409)["code"] == "claim_exists"
    desk.claim("NUMBER-1", amount=money("0.00"), status=422)


@pytest.mark.slow
def test_a_shop_that_is_silent_is_reminded_then_told_of_and_asked_once_more_and_may_answer_late(desk):
    made = desk.claim("SILENT-1")
    desk.trade.move_clock(days=11)
    assert desk.sweep() >= 1
    assert desk.mails(made)[-1] == ("claim_waits", "claimed")
    desk.trade.move_clock(days=3)
    desk.sweep()
    assert (desk.look(made)["state"], desk.mails(made)[-1]) == ("escalated", ("claim_answered", "escalated"))
    assert "SILENT-1" in words(desk.page("/admin/claims", bearer=desk.admin))
    place = f"/admin/claims/{made['id']}"
    desk.page(f"{place}/ask", form={"statement": ""}, bearer=desk.admin, status=422)
    desk.page(f"{place}/ask", form={"statement": HOSTILE}, bearer=desk.admin, status=303)
    asked = desk.look(made)
    assert asked["state"] == "open" and asked["answer_by"] > made["answer_by"]
    desk.trade.move_clock(days=8)
    desk.sweep()
    assert desk.look(made)["state"] == "escalated"
    late = desk.answer(made, answer="refuse", reason="other", statement="Paid for elsewhere.")
    assert (late["state"], late["ended_by"]) == ("refused", "shop")
    other = desk.claim("SILENT-2", bought_on=desk.bought())
    desk.trade.move_clock(days=15)
    desk.sweep()
    assert desk.decide(other, "close", "The shop has gone.")["state"] == "closed"
    assert desk.mails(other)[-2:] == [("claim_answered", "closed"), ("claim_settled", "closed")]
    desk.answer(other, answer="refuse", reason="no_sale_found", status=409)
    third = desk.claim("SILENT-3", bought_on=desk.bought())
    desk.answer(third, answer="refuse", reason="no_sale_found")
    with db.session() as session:
        told = record.records(session, [desk.trade.world.shop_id], clock.now())[desk.trade.world.shop_id]
        before = record.records(session, [desk.trade.world.shop_id], clock.now() + 400 * DAY)
    assert told.unanswered >= 1 and told.claims >= 3 and told.median_days >= 1 and before == {}
    offer = words(desk.page(f"/adviser/offers/{desk.trade.world.offer_id}"))
    assert f"answers claims in a median of {told.median_days} day" in offer


def test_an_adviser_claims_on_the_page_and_the_shop_answers_on_its_own(desk):
    shop = str(desk.trade.world.shop_id)
    path = f"/adviser/not-credited?shop_id={shop}&order_ref=PAGE-1"
    form = desk.page(path).xpath("//form[@id='claim']")[0]
    assert form.xpath("//input[@name='order_ref'][@type='hidden']/@value") == ["PAGE-1"]
    sent = {"shop_id": shop, "order_ref": "PAGE-1", "bought_on": desk.bought(3), "amount.amount": "12,50",
            "amount.currency": "EUR", "statement": HOSTILE}  # fmt: skip
    early = words(desk.page("/adviser/not-credited", form=sent, status=409))
    assert "It is too early to claim this" in early
    day = formats.long_day(dt.date.fromisoformat(desk.bought(3)) + 7 * DAY)
    assert f"can be claimed from {day} on" in early
    assert desk.page("/adviser/not-credited", form=sent | {"statement": ""}, status=422).xpath(
        "//*[@aria-invalid='true'][@name='statement']"
    )
    place = desk.page("/adviser/not-credited", form=sent | {"bought_on": desk.bought()}, status=303)
    text = words(desk.page(place))
    assert "The shop is asked" in text and "€ 12,50" in text and HOSTILE in text
    assert "You claimed order PAGE-1" in words(desk.page(path))
    assert "Claim a purchase at" in words(desk.page(f"/adviser/not-credited?shop_id={shop}"))
    desk.page(place, bearer=desk.bert.bearer, status=404)
    desk.page(place, bearer=desk.trade.owner, status=403)
    mine = place.replace("/adviser/", "/shop/")
    owner = desk.trade.owner
    assert "PAGE-1" in words(desk.page("/shop/claims", bearer=owner))
    unknown = {"answer": "found", "order_ref": "PAGE-9"}
    assert "This order is not reported yet" in words(desk.page(mine, form=unknown, bearer=owner, status=409))
    no = {"answer": "refuse", "reason": "", "statement": ""}
    assert "A refusal needs a reason" in words(desk.page(mine, form=no, bearer=owner, status=422))
    desk.page(mine, form=no | {"reason": "not_by_advice"}, bearer=owner, status=303)
    assert "You said no" in words(desk.page(mine, bearer=owner))
    text = words(desk.page(place))
    assert "The shop said no" in text and "The buyer did not come by your link or code" in text
    assert "PAGE-1" in words(desk.page("/adviser/not-credited"))


def test_an_adviser_withdraws_and_nobody_else_sees_or_ends_it(desk):
    made = desk.claim("BACK-1")
    desk.look(made, desk.bert.bearer, status=404)
    path = f"/claims/{made['id']}/withdraw"
    desk.trade.call("POST", path, {}, status=404, bearer=desk.bert.bearer)
    desk.trade.call("POST", path, {}, status=403, bearer=desk.trade.owner)
    desk.page(f"/adviser/claims/{made['id']}/withdraw", form={}, status=303)
    assert "You withdrew it" in words(desk.page(f"/adviser/claims/{made['id']}"))
    assert (
        desk.trade.call("POST", path, {}, status=200, bearer=desk.trade.anne.bearer)["state"] == "withdrawn"
    )
    assert desk.mails(made) == [("claim_made", "claimed")]
    assert desk.claim("BACK-1", statement="Again.", status=409)["code"] == "claim_exists"


@pytest.mark.slow
def test_two_at_once_leave_one_claim_and_one_answer(desk):
    send = lambda ref: desk.trade.send("POST", "/claims", desk.body(ref), bearer=desk.trade.anne.bearer)  # noqa: E731
    for ref in ("ONCE-1", None):
        answers = at_once(*[lambda ref=ref: send(ref)] * 4)
        assert {one.status_code for one in answers} == {201}
        assert len({one.get_json()["id"] for one in answers}) == 1
    made = desk.claim("ONCE-1")
    path = f"/claims/{made['id']}/answer"
    bodies = [{"answer": "refuse", "reason": one} for one in ("no_sale_found", "cancelled")]
    answers = at_once(
        *[lambda body=body: desk.trade.send("POST", path, body, bearer=desk.trade.owner) for body in bodies]
    )
    assert sorted(one.status_code for one in answers) == [200, 409]
    assert [event["kind"] for event in desk.look(made)["events"]] == ["claimed", "refused"]
    # An answer in the instant in which silence is told: whoever comes second finds the other's word, and both stand.
    late = desk.claim("ONCE-2")
    one, end, owner = UUID(late["id"]), dt.datetime.fromisoformat(late["answer_by"]), desk.trade.world.owner
    told = {"answer": "refuse", "reason": "cancelled", "statement": None, "order_ref": None}

    def answer() -> Any:
        return db.run_in_transaction(
            lambda session: service.answer(session, owner, one, told, end), point="test.answer"
        )

    def silence() -> Any:
        return db.run_in_transaction(
            lambda session: clockwork.proceed(session, one, end), point="test.silence"
        )

    with desk.trade.as_worker():
        at_once(answer, silence, silence)
    kinds = [event["kind"] for event in desk.look(late)["events"]]
    assert kinds in (["claimed", "refused"], ["claimed", "escalated", "refused"])


@pytest.mark.slow
def test_history_that_is_changed_behind_our_back_breaks_a_promise(desk):
    made = desk.claim("TAMPER-1")
    desk.answer(made, answer="refuse", reason="cancelled")
    behind = sa.create_engine(
        desk.trade.database.postgres.url("postgres", desk.trade.database.name), poolclass=sa.pool.NullPool
    )
    for change in ("state = 'open'", "answer_by = answer_by - interval '1 day'", "statement = 'x'"):
        table = "claim_event" if change.startswith("statement") else "claim"
        with pytest.raises(sa.exc.DBAPIError), behind.begin() as connection:
            connection.execute(sa.text(f"UPDATE {table} SET {change}"))
    planted = {
        "claims_follow_their_events": "UPDATE claim SET answer_by = answer_by + interval '1 day' WHERE id = :id",
        "claims_are_of_advisers_of_the_shop": "UPDATE partnership SET accepted_at = NULL, state = 'approved'",
        "claims_found_are_orders_of_the_shop": "UPDATE claim SET state = 'found', order_id = id, found_ref = 'x',"
        " ordered_at = now(), reported_at = now() WHERE id = :id",
    }
    for name, statement in planted.items():
        with behind.connect() as connection, connection.begin() as doing:
            connection.execute(sa.text("ALTER TABLE claim DISABLE TRIGGER claim_kept"))
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            connection.execute(sa.text(statement), {"id": made["id"]} if ":id" in statement else {})
            with sa.orm.Session(connection) as session:
                assert not hooks.invariants[name].check(session).holds, name
            doing.rollback()
