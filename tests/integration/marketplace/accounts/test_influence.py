"""Evidence over the API: stated by an adviser, decided by others, shown as a badge while it stands."""

import concurrent.futures
import datetime as dt

import pytest
import sqlalchemy as sa

from marketplace.accounts import evidence, evidence_sweep, staff
from marketplace.core import clock, db, hooks
from marketplace.core.actor import Actor
from tests.integration.tracking.furnished import database, furnished
from tests.integration.tracking.trade import Trade

__all__ = ["database", "furnished"]

EXPERT = {"kind": "expert", "statement": "Barista trainer since 2011, SCA certified"}


@pytest.fixture
def trade(database):
    return Trade(database)


@pytest.fixture
def admin(trade):
    return person(trade, "admin")


def person(trade, role):
    trade.database.open("worker")
    with db.transaction() as session:
        made = staff.create(
            session, role=role, email=f"{role}{clock.wall().timestamp()}@example.test", name=role,
            password_hash="-", totp_secret="A" * 32, now=clock.now(), wall=clock.wall(),
        )  # fmt: skip
    trade.database.open("app")
    bearer = trade.sign_in(Actor(user_id=made.id, roles=frozenset({role})))
    trade.execute("UPDATE auth_session SET totp_at = now() WHERE user_id = :u", u=made.id)
    return bearer


def stated(trade, who=None, status=201, **changes):
    bearer = (who or trade.anne).bearer
    return trade.call("POST", "/evidence", EXPERT | changes, status=status, bearer=bearer)


def decide(trade, one, word, admin, body=None, status=200):
    return trade.call("POST", f"/evidence/{one['id']}/{word}", body, status=status, bearer=admin)


def verified(trade, admin, **changes):
    one = stated(trade, **changes)
    decide(trade, one, "review", admin)
    return decide(trade, one, "verify", admin, {})


def profile(trade, who=None):
    client = trade.app.test_client(use_cookies=False)
    return client.get(f"/api/v1/advisers/{(who or trade.anne).id}").get_json()


def purchase(trade, **changes):
    named = {
        "kind": "user",
        "statement": "I bought it",
        "shop_id": str(trade.world.shop_id),
        "order_ref": "A-1",
    }
    return named | changes


def broken(trade):
    with trade.as_worker(), db.session() as session:
        found = {
            name: hooks.invariants[name].check(session)
            for name in ("evidence_state_equals_history", "badges_rest_on_verified_evidence")
        }
    return {name: one for name, one in found.items() if not one.holds}


def test_everybody_reads_the_five_kinds(trade):
    told = trade.app.test_client(use_cookies=False).get("/api/v1/influence-kinds").get_json()["items"]
    assert [kind["name"] for kind in told] == ["expert", "celebrity", "user", "crowd", "friend"]
    assert told[3]["at_least"] == 5 and "5" in told[3]["evidence_wanted"]["nl"]
    assert told[4]["disclosures"]["affiliate"]["text"]["en"].endswith("both of us.")


def test_an_adviser_tells_readers_who_they_are(trade):
    told = {
        "headline": "Coffee, slowly", "biography": {"nl": "Ik zet koffie.\nAl lang.", "en": "I brew."},
        "topics": ["espresso", "filter"], "languages": ["nl", "en"], "home_page": "https://anne.example/",
    }  # fmt: skip
    mine = trade.call("PATCH", "/adviser-profile", told, status=200, bearer=trade.anne.bearer)
    assert told.items() <= mine.items() and mine["vat_status"] == "unknown"
    shown = profile(trade)
    assert told.items() <= shown.items() and "vat_no" not in shown
    assert (shown["badge"], shown["evidence"]) == (None, []) and shown["since"] < clock.now().isoformat()
    part = trade.call(
        "PATCH", "/adviser-profile", {"biography": {"en": None}}, status=200, bearer=trade.anne.bearer
    )
    assert part["biography"] == {"nl": "Ik zet koffie.\nAl lang.", "en": None}
    for field, value in (
        ("topics", [f"topic {n}" for n in range(9)]), ("topics", ["Tea", "tea"]), ("languages", ["Dutch"]),
        ("biography", {"nl": "x" * 2001}), ("biography", {"fr": "x"}), ("home_page", "javascript:alert(1)"),
        ("headline", "x" * 121),
    ):  # fmt: skip
        refused = trade.send("PATCH", "/adviser-profile", {field: value}, bearer=trade.anne.bearer)
        assert refused.status_code == 422, (field, value)


def test_a_badge_shows_once_evidence_is_verified_and_goes_with_the_kind(trade, admin):
    one = stated(trade, link="https://sca.example/anne")
    assert (one["state"], profile(trade)["badge"]) == ("stated", None)
    decide(trade, one, "verify", admin, {}, status=409)
    assert decide(trade, one, "review", admin)["state"] == "in_review"
    assert profile(trade)["badge"] is None
    done = decide(trade, one, "verify", admin, {})
    assert [step["by_role"] for step in done["steps"]] == ["adviser", "admin", "admin"]
    assert decide(trade, one, "verify", admin, {}) == done
    shown = profile(trade)
    assert shown["badge"]["kind"] == "expert" and shown["badge"]["valid_until"] == done["valid_until"]
    assert shown["evidence"][0]["statement"] == EXPERT["statement"]
    for kind, has_badge in (("friend", False), ("expert", True)):
        mine = trade.call("PATCH", "/adviser-profile", {"kind": kind}, status=200, bearer=trade.anne.bearer)
        assert (mine["badge"] is not None) == has_badge
    trade.execute("UPDATE adviser SET state = 'banned' WHERE id = :a", a=trade.anne.id)
    assert profile(trade)["badge"] is None
    assert broken(trade) == {}


def test_evidence_is_refused_with_a_reason_taken_back_and_withdrawn(trade, admin):
    one = stated(trade)
    decide(trade, one, "review", admin)
    decide(trade, one, "refuse", admin, {}, status=422)
    refused = decide(trade, one, "refuse", admin, {"reason": "The register knows nobody of that name."})
    assert (refused["state"], refused["reason"]) == ("refused", "The register knows nobody of that name.")
    trade.call("POST", f"/evidence/{one['id']}/withdraw", status=409, bearer=trade.anne.bearer)
    # Stated again, verified, and taken back: the badge goes at once.
    again = verified(trade, admin)
    assert profile(trade)["badge"] is not None
    decide(trade, again, "refuse", admin, {"reason": "The certificate was forged."})
    assert profile(trade)["badge"] is None
    third = verified(trade, admin)
    trade.call("POST", f"/evidence/{third['id']}/withdraw", status=200, bearer=trade.anne.bearer)
    assert profile(trade)["badge"] is None
    states = [
        one["state"] for one in trade.call("GET", "/evidence", status=200, bearer=trade.anne.bearer)["items"]
    ]
    assert states == ["withdrawn", "refused", "refused"]
    assert broken(trade) == {}


def test_verified_evidence_runs_out_by_business_time(trade, admin):
    one = stated(trade)
    decide(trade, one, "review", admin)
    past = {"valid_until": clock.now().isoformat()}
    decide(trade, one, "verify", admin, past, status=422)
    soon = {"valid_until": (clock.now() + dt.timedelta(days=3)).isoformat()}
    decide(trade, one, "verify", admin, soon)
    trade.move_clock(days=3)
    # Not shown any more from that instant, swept or not.
    assert profile(trade)["badge"] is None and profile(trade)["evidence"] == []
    with trade.as_worker():
        with db.session() as session:
            assert hooks.lags["evidence_expired_due"](session, clock.now()) == 1
        assert (evidence_sweep.expire_due(), evidence_sweep.expire_due()) == (1, 0)
    shown = trade.call("GET", f"/evidence/{one['id']}", status=200, bearer=trade.anne.bearer)
    assert (shown["state"], shown["steps"][-1]["by_role"]) == ("expired", "time")
    assert broken(trade) == {}


def test_a_purchase_is_confirmed_by_an_owner_of_the_shop_and_by_nobody_else(trade, admin):
    one = stated(trade, **purchase(trade))
    for word, body in (("review", None), ("verify", {})):
        assert decide(trade, one, word, admin, body, status=409)["code"] == "decided_elsewhere"
    listed = trade.call("GET", "/evidence", status=200, bearer=trade.owner)["items"]
    assert [row["order_ref"] for row in listed] == ["A-1"]
    trade.call("POST", f"/evidence/{one['id']}/confirm", status=403)  # A key is not an owner.
    done = trade.call("POST", f"/evidence/{one['id']}/confirm", status=200, bearer=trade.owner)
    assert (done["state"], done["valid_until"]) == ("verified", None)
    trade.call("PATCH", "/adviser-profile", {"kind": "user"}, status=200, bearer=trade.anne.bearer)
    shown = profile(trade)
    assert shown["badge"]["kind"] == "user" and "order_ref" not in str(shown)
    # One order makes one buyer.
    bert = trade.join()
    other = stated(trade, bert, **purchase(trade))
    taken = trade.call("POST", f"/evidence/{other['id']}/confirm", status=409, bearer=trade.owner)
    assert taken["code"] == "purchase_taken"
    denied = trade.call(
        "POST",
        f"/evidence/{other['id']}/deny",
        {"reason": "Somebody else's order."},
        status=200,
        bearer=trade.owner,
    )
    assert (denied["state"], profile(trade, bert)["evidence"]) == ("refused", [])
    assert broken(trade) == {}


def test_nobody_confirms_a_purchase_of_their_own(trade):
    one = stated(trade, **purchase(trade))
    trade.execute(
        "INSERT INTO membership (id, user_id, shop_id, role) VALUES (gen_random_uuid(), :u, :s, 'owner')",
        u=trade.anne.actor.user_id, s=trade.world.shop_id,
    )  # fmt: skip
    refused = trade.call("POST", f"/evidence/{one['id']}/confirm", status=403, bearer=trade.anne.bearer)
    assert refused["code"] == "own_purchase"


def test_what_a_kind_does_not_take_is_refused(trade):
    shop = str(trade.world.shop_id)
    for wrong, field in (
        ({"kind": "crowd"}, "kind"), ({"kind": "celebrity"}, "link"), ({"kind": "user"}, "shop_id"),
        ({"kind": "user", "shop_id": shop}, "order_ref"), ({"shop_id": shop, "order_ref": "A-1"}, "shop_id"),
        ({"statement": "x"}, "statement"), ({"link": "ftp://x"}, "link"),
    ):  # fmt: skip
        assert field in stated(trade, status=422, **wrong)["errors"], wrong
    assert stated(trade)["state"] == "stated"
    assert stated(trade, status=409)["code"] == "already_stated"
    nowhere = purchase(trade, shop_id="00000000-0000-7000-8000-000000000000")
    stated(trade, status=404, **nowhere)


def test_evidence_is_seen_by_its_adviser_the_shop_that_it_names_and_the_platform(trade, admin):
    one, bought = stated(trade), stated(trade, **purchase(trade))
    bert = trade.join()

    def sees(bearer):
        rows = trade.call("GET", "/evidence", status=200, bearer=bearer)["items"]
        shown = {row["id"] for row in rows}
        for each in (one, bought):
            status = 200 if each["id"] in shown else 404
            trade.call("GET", f"/evidence/{each['id']}", status=status, bearer=bearer)
        return shown

    assert sees(trade.anne.bearer) == sees(admin) == {one["id"], bought["id"]}
    assert sees(trade.owner) == sees(trade.key) == {bought["id"]}
    assert sees(bert.bearer) == set()
    trade.call("POST", f"/evidence/{one['id']}/withdraw", status=404, bearer=bert.bearer)
    trade.call("POST", f"/evidence/{one['id']}/confirm", status=404, bearer=trade.owner)
    waiting = trade.call("GET", "/evidence?state=stated&kind=user", status=200, bearer=admin)["items"]
    assert [row["id"] for row in waiting] == [bought["id"]]


def test_postgresql_lets_no_adviser_verify_their_own(trade):
    one = stated(trade)
    own = db.Scope(trade.anne.actor.user_id, adviser_id=trade.anne.id)
    for statement in (
        "UPDATE influence_evidence SET state = 'verified', verified_at = now() WHERE id = :i",
        "INSERT INTO influence_evidence_event (id, evidence_id, adviser_id, n, state, by_role, by_user_id, at)"
        " SELECT gen_random_uuid(), id, adviser_id, 2, 'verified', 'admin', :u, now() FROM influence_evidence"
        " WHERE id = :i",
    ):
        values = {"i": one["id"], "u": trade.anne.actor.user_id}
        with (
            db.use_scope(own),
            pytest.raises(sa.exc.ProgrammingError, match="row-level"),
            db.transaction() as session,
        ):
            session.execute(sa.text(statement), values)


def test_two_admins_who_decide_at_once_decide_once(trade, admin):
    one = stated(trade)
    decide(trade, one, "review", admin)
    other = person(trade, "admin")
    reason = {"reason": "Not in the register."}
    for _ in range(3):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = [
                pool.submit(trade.send, "POST", f"/evidence/{one['id']}/verify", {}, bearer=admin),
                pool.submit(trade.send, "POST", f"/evidence/{one['id']}/verify", {}, bearer=other),
            ]
            assert [answer.result().status_code for answer in answers] == [200, 200]
        steps = trade.call("GET", f"/evidence/{one['id']}", status=200, bearer=admin)["steps"]
        assert [step["state"] for step in steps] == ["stated", "in_review", "verified"]
        decide(trade, one, "refuse", admin, reason)
        one = stated(trade)
        decide(trade, one, "review", admin)
    assert broken(trade) == {}


def test_a_statement_is_limited_in_number(trade, monkeypatch):
    monkeypatch.setattr(evidence, "MOST_OPEN", 2)
    stated(trade)
    stated(trade, statement="Another one")
    assert stated(trade, status=409, statement="A third")["code"] == "too_much_evidence"
