"""Questions: anybody asks, who was asked answers, readers see what was answered, and the asker is told once."""

from __future__ import annotations

import pytest

from marketplace.community import invariants, telling
from marketplace.core import db
from tests.integration.marketplace.advice.test_advice_api import platform_person
from tests.integration.tracking.trade import Trade

QUESTION = {"body": "Kan ik hier ook voor een AeroPress mee malen?", "name": "Sanne"}


def test_a_question_is_seen_once_it_is_answered_and_its_asker_is_mailed_once(square):
    page = square.published()
    asked = square.say(
        f"/questions/page/{page['id']}",
        QUESTION | {"block": "p1", "email": "sanne@lezers.example", "consent": True},
    )
    here = f"/questions/{asked['id']}"
    square.look(here, 404)
    assert square.look(f"/questions?page_id={page['id']}")["items"] == []
    [told] = square.mails("question_asked")
    assert (
        told["audience"] == f"adviser:{square.trade.anne.id}"
        and told["facts"]["question"] == QUESTION["body"]
    )
    [inbox] = square.call("GET", "/questions?state=waiting")["items"]
    assert (inbox["id"], inbox["product_id"]) == (asked["id"], square.product)
    answered = square.call(
        "POST", f"{here}/answers", {"body": "Ja, op 16 klikken.", "product_id": square.product}, 201
    )
    assert answered["state"] == "answered"
    shown = square.look(here)
    [answer] = shown["answers"]
    assert (answer["by_role"], answer["body"]) == ("adviser", "Ja, op 16 klikken.")
    assert answer["name"].startswith("Adviser ")
    assert "sanne@" not in str(shown)
    with square.as_worker():
        assert telling.tell_due() == 1 and telling.tell_due() == 0
    [mail] = square.mails("answer_to_reader")
    assert mail["to_address"] == "sanne@lezers.example"
    assert mail["facts"]["answer"] == "Ja, op 16 klikken." and f"/a/{page['slug']}" in mail["facts"]["url"]
    with db.session() as session:
        assert invariants.answered_have_answers(session).holds
    square.trade.execute("UPDATE question SET state = 'waiting'")
    with db.session() as session:
        assert not invariants.answered_have_answers(session).holds


REFUSED = (
    ({"body": "kort"}, "body"),
    ({"body": "Koop bij https://a.example en www.b.example"}, "body"),
    ({"body": "Mail mij op piet@voorbeeld.example graag"}, "body"),
    ({"body": "WAAROM STAAT DEZE MOLEN HIER OP DE EERSTE PLAATS"}, "body"),
    ({"body": "?!?!?!?!?!?!"}, "body"),
    ({"email": "sanne@lezers.example"}, "consent"),
    ({"block": "b9"}, "block"),
)


def test_a_question_that_is_none_is_refused_and_too_many_wait(square):
    page = square.published()
    here = f"/questions/page/{page['id']}"
    for wrong, field in REFUSED:
        assert field in square.say(here, QUESTION | wrong, 422)["errors"], wrong
    while (answer := square.reader.post(f"/api/v1{here}", json=QUESTION)).status_code == 201:
        pass
    assert answer.status_code == 429 and answer.headers["Retry-After"]
    assert len(square.call("GET", "/questions?limit=100")["items"]) <= 20


def test_the_shop_answers_as_the_shop_and_nobody_answers_for_another(square):
    other, bert = Trade(square.trade.database), square.trade.join()
    asked = square.say(f"/questions/product/{square.product}", QUESTION)
    here = f"/questions/{asked['id']}"
    [told] = square.mails("question_asked")
    assert told["audience"] == f"owners:{square.trade.world.shop_id}"
    for bearer in (other.key, bert.bearer, square.trade.anne.bearer):
        square.call("POST", f"{here}/answers", {"body": "Namens de winkel."}, 404, bearer=bearer)
    square.call("POST", f"{here}/answers", {"body": "Ja, dat kan."}, 201, bearer=square.trade.owner)
    [answer] = square.look(here)["answers"]
    assert answer["by_role"] == "shop" and answer["name"]
    of_anne = square.say(f"/questions/adviser/{square.trade.anne.id}", QUESTION)["id"]
    square.call("POST", f"/questions/{of_anne}/answers", {"body": "x!"}, 404, bearer=square.trade.owner)
    aside = square.call("POST", f"/questions/{of_anne}/set-aside", {"reason": "al beantwoord"})
    assert aside["state"] == "set_aside"
    square.call("POST", f"/questions/{of_anne}/answers", {"body": "toch"}, 409)


def test_a_shop_that_is_not_in_business_yet_answers_without_a_name(square):
    square.trade.execute("UPDATE shop SET state = 'draft'")
    asked = square.say(f"/questions/product/{square.product}", QUESTION)
    here = f"/questions/{asked['id']}"
    square.call("POST", f"{here}/answers", {"body": "Ja, dat kan."}, 201, bearer=square.trade.owner)
    [answer] = square.look(here)["answers"]
    assert (answer["by_role"], answer["name"]) == ("shop", "")


@pytest.mark.slow
def test_the_platform_hides_with_a_reason_and_readers_no_longer_see_it(square):
    page, admin = square.published(), platform_person(square, "admin")
    first, second = (square.say(f"/questions/page/{page['id']}", QUESTION)["id"] for _ in range(2))
    for one in (first, second):
        square.call("POST", f"/questions/{one}/answers", {"body": "Ja hoor."}, 201)
    [answer] = square.look(f"/questions/{first}")["answers"]
    square.call("POST", f"/questions/answers/{answer['id']}/hide", {"reason": "onjuist"}, bearer=admin)
    assert square.look(f"/questions/{first}")["answers"] == []
    square.call("POST", f"/questions/{second}/hide", {"reason": "beledigend"}, bearer=admin)
    square.look(f"/questions/{second}", 404)
    square.call("POST", f"/questions/{second}/answers", {"body": "nog eens"}, 409)


@pytest.mark.slow
def test_saved_answers_are_ones_own(square):
    bert = square.trade.join()
    kept = square.call("POST", "/saved-answers", {"title": "Schoonmaken", "body": "Met een kwastje."}, 201)
    assert square.call("GET", "/saved-answers")["items"] == [kept]
    assert square.call("GET", "/saved-answers", bearer=bert.bearer)["items"] == []
    square.call("POST", f"/saved-answers/{kept['id']}/remove", status=404, bearer=bert.bearer)
    square.call("POST", f"/saved-answers/{kept['id']}/remove")
    assert square.call("GET", "/saved-answers")["items"] == []


@pytest.fixture(autouse=True)
def _no_tries_yet():
    """Tries are counted in this process; each test begins without any."""
    from marketplace.accounts import limits

    limits._storage.cache_clear()
