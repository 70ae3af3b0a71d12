"""Everybody chooses which mails come; a link in a mail switches its kind off without a sign-in, and back."""

import uuid

import lxml.html
import pytest

from marketplace.accounts import notifications
from marketplace.core import clock, db, mail, mail_kinds, mail_unsubscribe
from tests import letters

OPTIONAL = {kind.name for kind in mail_kinds.kinds().values() if not kind.is_essential}


def switches(world, person):
    return {one["kind"]: one["is_on"] for one in person.get("/me/notifications")["items"]}


def user_id(person):
    return uuid.UUID(person.get("/me")["user_id"])


def page(answer):
    return lxml.html.fromstring(answer.text)


def test_each_person_has_switches_for_what_concerns_them_and_all_are_on(world):
    adviser, owner, finance = world.adviser(), world.owner(), world.staff("finance")
    assert {"first_click", "order_declined", "payouts"} <= set(switches(world, adviser))
    assert "feeds" not in switches(world, adviser)
    assert {"feeds", "budget"} <= set(switches(world, owner))
    assert "first_click" not in switches(world, owner)
    assert "payout_runs" in switches(world, finance)
    assert all(all(switches(world, one).values()) for one in (adviser, owner, finance))


def test_a_switch_stays_as_it_was_put_and_an_essential_kind_has_none(world):
    adviser, other = world.adviser(), world.adviser()
    said = {"locale": "en", "items": [{"kind": "first_click", "is_on": False}]}
    answer = adviser.post("/me/notifications", said)
    assert answer["locale"] == "en"
    assert switches(world, adviser)["first_click"] is False
    assert switches(world, other)["first_click"] is True
    adviser.post("/me/notifications", {"items": [{"kind": "first_order", "is_on": False}]})
    assert switches(world, adviser)["first_click"] is False
    adviser.post("/me/notifications", {"items": [{"kind": "first_click", "is_on": True}]})
    assert switches(world, adviser)["first_click"] is True
    for kind in ("payouts", "feeds", "nothing"):
        refused = adviser.post("/me/notifications", {"items": [{"kind": kind, "is_on": False}]}, status=422)
        assert kind in refused["errors"]
    assert world.call("GET", "/me/notifications", status=401)


def test_the_page_shows_what_the_api_says_and_saves_what_is_ticked(world):
    adviser = world.adviser()
    client, headers = world.client(), adviser.headers
    shown = page(client.get("/account/notifications", headers=headers))
    boxes = shown.xpath("//input[@name='on']")
    assert {box.get("value") for box in boxes} == OPTIONAL & set(switches(world, adviser))
    assert all(box.get("checked") is not None for box in boxes)
    answer = client.post(
        "/account/notifications", headers=headers, data={"on": ["evidence", "questions"], "locale": "nl"}
    )
    assert answer.status_code == 303
    on = {kind for kind, is_on in switches(world, adviser).items() if is_on}
    assert on & OPTIONAL == {"evidence", "questions"}
    assert client.post("/account/notifications", headers=headers, data={"locale": "xx"}).status_code == 422
    assert client.get("/account/notifications").status_code == 401


def test_a_link_switches_its_kind_off_without_a_sign_in_and_back(world):
    adviser = world.adviser()
    token = mail_unsubscribe.token(user_id(adviser), "first_click")
    client, address = world.client(), f"/unsubscribe?t={token}"
    assert client.get(address).status_code == 200
    # Whoever only looks at the link, as programs do that search mail for danger, changes nothing.
    assert switches(world, adviser)["first_click"] is True
    answer = client.post(address, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert switches(world, adviser) == switches(world, adviser) | {"first_click": False, "first_order": True}
    form = page(answer).xpath("//form[@action='/unsubscribe']")[0]
    again = client.post("/unsubscribe", data=dict(form.form_values()))
    assert again.status_code == 200
    assert switches(world, adviser)["first_click"] is True


@pytest.mark.parametrize("token", ["", "x", "x" * 300, "WyJhIiwiYiJd.AAAA", None])
def test_a_link_that_is_not_ours_switches_nothing(world, token):
    adviser = world.adviser()
    token = mail_unsubscribe.token(user_id(adviser), "first_click")[:-1] + "!" if token is None else token
    for method in ("GET", "POST"):
        assert (
            world.client().open("/unsubscribe", method=method, query_string={"t": token}).status_code == 410
        )
    assert switches(world, adviser)["first_click"] is True


def test_an_essential_kind_stays_on_whatever_link_comes(world):
    adviser = world.adviser()
    token = mail_unsubscribe.token(user_id(adviser), "payouts")
    assert world.client().post(f"/unsubscribe?t={token}").status_code == 200
    assert switches(world, adviser)["payouts"] is True


def test_only_people_with_a_proved_mailbox_who_are_not_put_out_are_readers(fresh_world, database):
    world = fresh_world
    owner, adviser = world.owner(), world.adviser()
    makers = [world.staff("finance") for _ in range(2)]
    shop_id, adviser_id = owner.facts["shop_id"], adviser.facts["adviser_id"]
    maker = user_id(makers[0])
    unproved = world.adviser()
    world.execute("UPDATE user_account SET email_verified_at = NULL WHERE email = :e", e=unproved.email)
    put_out = world.adviser()
    world.execute("UPDATE user_account SET suspended_at = now() WHERE email = :e", e=put_out.email)
    staff = world.join(owner)
    database.open("worker")
    with db.transaction() as session:

        def found(whom):
            return [one.address for one in notifications.readers(session, whom)]

        assert found(f"adviser:{adviser_id}") == [adviser.email]
        assert found(f"owners:{shop_id}") == [owner.email]
        assert staff.email not in found(f"owners:{shop_id}")
        assert sorted(found("finance")) == sorted(one.email for one in makers)
        assert found(f"finance:not:{maker}") == [makers[1].email]
        for one in (unproved, put_out):
            assert found(f"adviser:{one.facts['adviser_id']}") == []
        with pytest.raises(ValueError, match="nobody is meant"):
            found("everybody")


def test_news_reaches_each_reader_once_in_their_language_and_not_who_switched_it_off(fresh_world, database):
    world = fresh_world
    adviser, other = world.adviser(), world.adviser()
    other.post("/me/notifications", {"locale": "en", "items": [{"kind": "first_order", "is_on": False}]})
    facts = {name: fact for name, fact in letters.facts("first_order").items() if name != "name"}
    with db.use_scope(db.NOBODY):
        for _ in range(2):
            with db.transaction() as session:
                for one in (adviser, other):
                    whom = f"adviser:{one.facts['adviser_id']}"
                    mail.tell(
                        session, whom, "first_order", facts, once=f"first_order:{whom}", now=clock.now()
                    )
    assert len(world.mails("first_order")) == 2
    caught = letters.send_all(database)
    again = letters.send_all(database)
    assert [one["To"] for one in caught if "earned" in one["Subject"] or "verdiend" in one["Subject"]] == [
        adviser.email
    ]
    assert again == []
    [message] = [one for one in caught if one["To"] == adviser.email and one["List-Unsubscribe"]]
    assert "verdiend" in message["Subject"]
    assert "Hallo Pear" in message.get_body(("plain",)).get_content()
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = message["List-Unsubscribe"].strip("<>")
    assert world.client().post(address, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    rows = {row["to_address"]: row["dropped_as"] for row in world.mails("first_order") if row["to_address"]}
    assert rows == {adviser.email: None, other.email: "switched_off"}
    assert all(row["facts"] == {} for row in world.mails("first_order"))
