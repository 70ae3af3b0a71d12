"""What disputes refuse, and what each refusal is called; who sees them; what PostgreSQL keeps; who is told by mail."""

import pytest
import sqlalchemy as sa

from marketplace.core import db
from tests import letters
from tests.integration.tracking.disputes.court import WORDS, Court

ACCEPT = {"outcome": "accept"}
REJECT = {"outcome": "reject", "reason": "duplicate"}


def test_a_decline_is_disputed_within_its_term_and_no_longer(court):
    first, second = court.decline("A-1"), court.decline("A-2")
    court.move_clock(days=29, hours=23)
    court.dispute(first)
    court.move_clock(hours=2)
    late = court.dispute(second, status=409)
    assert (late["code"], "2" in late["detail"]) == ("dispute_too_late", True)


@pytest.mark.slow
def test_only_what_was_declined_is_disputed_and_only_by_its_adviser(court):
    bert = court.join()
    pending = court.report(court.order("A-9", court.token(court.anne)))["commissions"][0]["id"]
    assert court.dispute(pending, status=409)["code"] == "commission_not_declined"
    declined = court.decline()
    body = {"commission_id": declined} | WORDS
    court.call("POST", "/disputes", body, status=404, bearer=bert.bearer)
    court.call("POST", "/disputes", body, status=403, bearer=court.owner)
    court.call("POST", "/disputes", body, status=403, bearer=court.admin)


@pytest.mark.slow
def test_a_dispute_needs_words_and_takes_addresses_only(court):
    commission = court.decline()
    for change, field in (
        ({"statement": ""}, "statement"),
        ({"links": ["javascript:alert(1)"]}, "links.0"),
        ({"links": ["https://a.example/p"] * 11}, "links"),
        ({"extra": 1}, "extra"),
    ):
        assert field in court.dispute(commission, status=422, **change)["errors"]


@pytest.mark.slow
def test_a_rejection_needs_a_known_reason_and_accepting_takes_none(court):
    opened = court.dispute(court.decline())
    for body in (
        {},
        {"outcome": "reject"},
        {"outcome": "accept", "reason": "duplicate"},
        {"outcome": "reject", "reason": "because"},
        {"outcome": "reject", "reason": "other"},
    ):
        assert court.say("shop", opened, "answer", body, status=422)["errors"]


def test_the_same_request_again_gets_the_same_dispute_and_another_one_is_refused(court):
    commission = court.decline()
    opened = court.dispute(commission)
    again = court.send("POST", "/disputes", {"commission_id": commission} | WORDS, bearer=court.anne.bearer)
    assert (again.status_code, again.headers["Idempotent-Replayed"], again.get_json()["id"]) == (
        201, "true", opened["id"],
    )  # fmt: skip
    refused = court.dispute(commission, statement="Other words.", status=409)
    assert (refused["code"], opened["id"] in refused["detail"]) == ("dispute_exists", True)
    path = f"/disputes/{opened['id']}/answer"
    court.call("POST", path, REJECT, status=200, bearer=court.owner)
    repeated = court.send("POST", path, REJECT, bearer=court.owner)
    assert (repeated.status_code, repeated.headers["Idempotent-Replayed"]) == (200, "true")
    assert court.call("POST", path, ACCEPT, status=409, bearer=court.owner)["code"] == "illegal_transition"
    assert [event["kind"] for event in court.look(opened)["events"]] == ["opened", "rejected"]


def test_each_side_does_its_own_part_and_nobody_decides_out_of_turn(court):
    opened = court.dispute(court.decline())
    decision = {"outcome": "adviser", "reason": "So."}
    assert court.say("admin", opened, "decide", decision, status=409)["code"] == "illegal_transition"
    for who in ("shop", "finance", "anne"):
        assert court.say(who, opened, "decide", decision, status=403)["code"] == "forbidden"
    for who in ("admin", "finance", "anne"):
        assert court.say(who, opened, "answer", REJECT, status=403)
    for who in ("admin", "finance", "shop"):
        assert court.say(who, opened, "escalate", {"statement": "I."}, status=403)
        assert court.say(who, opened, "withdraw", status=403)
    for bearer in (court.owner, court.key, court.admin, court.finance):
        assert court.look(opened, bearer=bearer)["id"] == opened["id"]


@pytest.mark.slow
def test_nobody_else_sees_a_dispute(court):
    opened, bert, other = court.dispute(court.decline()), court.join(), Court(court.database)
    other.app = court.app
    for bearer in (bert.bearer, other.owner, other.key, court.test_key):
        assert (
            court.call("GET", f"/disputes/{opened['id']}", status=404, bearer=bearer)["code"] == "not_found"
        )
        assert court.call("GET", "/disputes", status=200, bearer=bearer)["items"] == []
    for verb, body, bearer in (
        ("answer", REJECT, other.owner),
        ("withdraw", {}, bert.bearer),
        ("escalate", {"statement": "I."}, bert.bearer),
    ):
        court.call("POST", f"/disputes/{opened['id']}/{verb}", body, status=404, bearer=bearer)


@pytest.mark.slow
def test_disputes_are_listed_newest_first_by_state_and_page(court):
    opened = [court.dispute(court.decline(f"A-{number}")) for number in range(3)]
    court.say("shop", opened[1], "answer", REJECT)

    def listed(query=""):
        page = court.call("GET", f"/disputes{query}", status=200)
        return [one["order_ref"] for one in page["items"]], page["next_cursor"]

    assert listed() == (["A-2", "A-1", "A-0"], None)
    assert listed("?state=rejected")[0] == ["A-1"]
    assert listed(f"?commission_id={opened[0]['commission_id']}")[0] == ["A-0"]
    first, cursor = listed("?limit=2")
    assert (first, listed(f"?limit=2&cursor={cursor}")) == (["A-2", "A-1"], (["A-0"], None))


def test_the_database_keeps_what_was_said_and_decided(court):
    court.dispute(court.decline())
    for statement in (
        "UPDATE dispute SET amount_minor = 1",
        "UPDATE dispute SET answer_by = answer_by + interval '1 day'",
        "UPDATE dispute SET state = 'closed', outcome = 'shop', ended_by = 'silence', ended_at = now()",
        "UPDATE dispute SET state = 'decided'",
        "UPDATE dispute SET money = 'reinstated', reinstated_minor = 5, settled_at = now()",
        "DELETE FROM dispute",
        "UPDATE dispute_event SET statement = 'other'",
        "DELETE FROM dispute_event",
        "UPDATE dispute_policy SET open_days = 1",
    ):
        with pytest.raises((sa.exc.ProgrammingError, sa.exc.IntegrityError)):
            court.superuser(statement)


MOVE = (
    "INSERT INTO commission_move (id, commission_id, seq, kind, delta_minor, standing_minor, currency, cause, terms_id,"
    " at, detail) SELECT gen_random_uuid(), commission_id, :seq, :kind, :delta, :standing, 'EUR', 'x', terms_id, at,"
    " '{}' FROM commission_move WHERE seq = 1"
)


def test_the_database_lets_only_a_decline_be_undone_once_and_by_the_worker(court):
    pending = court.report(court.order("A-1", court.token(court.anne)))["commissions"][0]["id"]
    court.work()

    def moves(*rows):
        with court.as_worker(), db.transaction() as session:
            for row in rows:
                session.execute(
                    sa.text(MOVE), dict(zip(("seq", "kind", "delta", "standing"), row, strict=True))
                )

    undone, declined = (3, "reinstated", 500, 500), (2, "declined", -1000, 0)
    refused = [
        [(2, "reinstated", 500, 1500)],
        [declined, (3, "earned", 500, 500)],
        [declined, (3, "reinstated", -5, -5)],
        [declined, undone, (4, "reinstated", 500, 1000)],
        [declined, undone, (4, "declined", -500, 0)],
        [(2, "approved", 0, 1000), (3, "declined", -1000, 0)],
        [declined, undone, (4, "approved", 0, 500), (5, "earned", 5, 505)],
    ]
    for rows in refused:
        with pytest.raises(sa.exc.IntegrityError):
            moves(*rows)
    court.call("POST", f"/commissions/{pending}/decline", {"reason": "duplicate"}, status=200)
    own = db.Scope(court.world.owner.user_id, (court.world.shop_id,))
    with (
        pytest.raises(sa.exc.ProgrammingError, match="row-level security"),
        db.use_scope(own),
        db.transaction() as one,
    ):
        one.execute(sa.text(MOVE), {"seq": 3, "kind": "reinstated", "delta": 500, "standing": 500})
    moves(undone)
    # Nothing was won: the promise finds what no dispute stands behind.
    assert court.broken_promises() == {"reinstated_moves_have_a_won_dispute": 1}


def test_each_breach_is_found_by_its_promise(court):
    opened = court.dispute(court.decline())
    court.say("shop", opened, "answer", ACCEPT)
    court.work()
    assert court.broken_promises() == {}
    court.superuser(
        "ALTER TABLE dispute DISABLE TRIGGER dispute_kept",
        "UPDATE dispute SET amount_minor = 7, reinstated_minor = 7, answer_by = answer_by - interval '20 days'",
    )
    assert set(court.broken_promises()) == {
        "reinstated_moves_have_a_won_dispute",
        "disputes_rest_on_a_decline",
        "disputes_follow_their_events",
    }


def test_each_side_is_told_by_mail_of_what_the_other_does(court):
    opened = court.dispute(court.decline())
    court.work()
    court.say("shop", opened, "answer", REJECT)
    court.work()
    court.say("anne", opened, "escalate", {"statement": "No."})
    court.say("admin", opened, "decide", {"outcome": "adviser", "reason": "The terms say so."})
    court.work()
    rows = court.rows("SELECT to_address, facts FROM mail_message WHERE template = 'dispute' ORDER BY id")
    found = [(row["facts"]["side"], row["facts"]["kind"]) for row in rows]
    assert found == [
        ("shop", "opened"),
        ("adviser", "rejected"),
        ("shop", "escalated"),
        ("adviser", "decided"),
        ("shop", "decided"),
    ]
    assert {row["to_address"] for row in rows if row["facts"]["side"] == "shop"}.isdisjoint(
        row["to_address"] for row in rows if row["facts"]["side"] == "adviser"
    )
    for locale in ("en", "nl"):
        twins = [letters.draw("dispute", locale, row["facts"]) for row in rows]
        assert all("A-1" in one.subject and "€\xa010,00" in one.plain for one in twins)
        assert {"en": "it is a duplicate", "nl": "het is dubbel"}[locale] in twins[1].plain
        assert "The terms say so." in twins[3].plain
    court.sweep()
    assert len(court.rows("SELECT id FROM mail_message WHERE template = 'dispute'")) == len(rows)
