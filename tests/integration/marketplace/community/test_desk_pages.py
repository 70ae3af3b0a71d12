"""An adviser's desk: a page is written, moved, checked and published by forms alone; what was typed is never lost."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import html

import wsgi
from marketplace.accounts import limits
from marketplace.community import ranking
from marketplace.core import db
from tests.applications import application
from tests.integration.marketplace.community.conftest import Square
from tests.integration.marketplace.community.test_reading_pages import HOSTILE, at, words


@pytest.fixture
def square(database):
    wsgi.register()
    limits._storage.cache_clear()
    made = Square(database)
    made.trade.app = application(wsgi.blueprints())
    return made


def ask(square, method, path, status, bearer=None, **fields):
    client = square.trade.app.test_client(use_cookies=False)
    headers = {"Authorization": f"Bearer {bearer or square.trade.anne.bearer}", "Accept": "text/html"}
    answer = client.open(
        path, method=method, data=fields or None, headers=headers | {"Accept-Language": "nl"}
    )
    assert answer.status_code == status, (answer.status_code, answer.text[:3000])
    return answer


def fields_of(answer):
    """Return what a browser would send of the editor's form."""
    tree = html.fromstring(answer.text)
    found = {}
    for one in tree.xpath("//form[@id='draft']//*[@name] | //*[@form='draft'][@name]"):
        if one.tag == "button":
            continue
        if one.tag == "select":
            value = (one.xpath("option[@selected]/@value") or one.xpath("option/@value"))[0]
        else:
            value = one.text_content() if one.tag == "textarea" else one.get("value", "")
        found.setdefault(one.get("name"), []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def test_a_page_is_written_and_published_by_forms_alone(square):
    begun = ask(square, "POST", "/adviser/advice", 303, kind="gift_list")
    here = begun.headers["Location"]
    [row] = square.trade.rows("SELECT link FROM product WHERE id = :i", i=square.product)
    ask(
        square,
        "POST",
        here,
        303,
        **fields_of(ask(square, "GET", here, 200)) | {"act": "card", "paste": row["link"]},
    )
    fields = fields_of(ask(square, "GET", here, 200))
    card = next(name.partition(".")[0] for name in fields if name.endswith(".why"))
    assert fields[f"{card}.offer_id"] == str(square.trade.world.offer_id)
    page = ask(square, "GET", here, 200)
    assert at(html.fromstring(page.text), "button[value=publish]")[0].get("disabled") is not None
    fields |= {
        "title": f"Cadeaus {HOSTILE}", "verdict": "Neem de Molen.", "topics": "Koffie, Sint & Kerst",
        f"{card}.why": "Omdat hij maalt.", f"{card}.obtained": "bought", f"{card}.plus": "Licht\nKlein",
    }  # fmt: skip
    ask(square, "POST", here, 303, **fields, act=f"down:{card}")
    moved = fields_of(ask(square, "GET", here, 200))
    assert moved["order"].index(card) == fields["order"].index(card) + 1
    assert moved["topics"] == "koffie, sint-kerst" and moved[f"{card}.plus"] == "Licht\nKlein"
    shown = html.fromstring(ask(square, "GET", here, 200).text)
    assert words(shown, ".preview .disc b") == ["Reclame"] and not shown.xpath("//img[@src='x']")
    published = ask(square, "POST", here, 303, **moved, act="publish")
    assert published.headers["Location"].startswith("/a/cadeaus")
    assert "Gepubliceerd" in ask(square, "GET", "/adviser/advice", 200).text
    ask(square, "POST", f"{here}/withdraw", 303)
    ask(square, "GET", published.headers["Location"], 410)
    bert = square.trade.join()
    ask(square, "GET", here, 404, bearer=bert.bearer)
    ask(square, "GET", here, 403, bearer=square.trade.owner)


@pytest.mark.slow
def test_what_was_typed_in_a_second_window_is_shown_again_and_not_saved_over(square):
    here = f"/adviser/advice/{square.page()['page_id']}"
    fields = fields_of(ask(square, "GET", here, 200))
    ask(square, "POST", here, 303, **fields | {"title": "Eerste venster"}, act="save")
    second = ask(
        square, "POST", here, 409, **fields | {"title": "Tweede venster", "p1.why": "Getypt"}, act="save"
    )
    again = fields_of(second)
    assert (again["title"], again["p1.why"], again["edit"]) == ("Tweede venster", "Getypt", "2")
    assert fields_of(ask(square, "GET", here, 200))["title"] == "Eerste venster"
    wrong = ask(square, "POST", here, 422, **again | {"title": "x" * 141}, act="save")
    assert fields_of(wrong)["title"] == "x" * 141


def test_the_inbox_answers_with_a_saved_text_and_suggests_a_product(square):
    page = square.published()
    question = {"body": "Kan hij ook grof malen?", "name": "Sanne"}
    first, second = (square.say(f"/questions/page/{page['id']}", question)["id"] for _ in range(2))
    inbox = html.fromstring(ask(square, "GET", "/adviser/questions", 200).text)
    assert words(inbox, "article h3") == [question["body"]] * 2
    assert words(inbox, "main h2") == ["2 lezers vroegen iets over Handmolens voor thuis"]
    assert "Vragen" in words(inbox, "aside nav")[0]
    [row] = square.trade.rows("SELECT link FROM product WHERE id = :i", i=square.product)
    here = f"/adviser/questions/{first}/answer"
    assert at(html.fromstring(ask(square, "POST", here, 422, body="").text), "article .wrong")
    ask(square, "POST", here, 303, body="Ja, op stand 30.", product=row["link"], keep_as="Grof malen")
    [saved] = square.call("GET", "/saved-answers")["items"]
    ask(square, "POST", f"/adviser/questions/{second}/answer", 303, body="", saved=saved["id"])
    told = [square.look(f"/questions/{one}")["answers"][0] for one in (first, second)]
    assert [one["body"] for one in told] == ["Ja, op stand 30."] * 2
    assert told[0]["product_id"] == square.product
    assert at(html.fromstring(ask(square, "GET", "/adviser/questions", 200).text), ".empty")


def test_one_answer_reaches_all_who_asked_the_same_and_nobody_when_one_was_asked_of_somebody_else(square):
    page = square.published()
    asked = [{"body": body} for body in ("Hoe grof maalt hij?", "Welke stand neem je?")]
    same = [square.say(f"/questions/page/{page['id']}", one)["id"] for one in asked]
    here = f"/adviser/questions/{same[0]}/answer"
    ask(square, "POST", here, 404, body="Stand 30.", also=[same[1], str(uuid.uuid4())])
    assert not square.call("GET", "/questions?state=answered")["items"]
    ask(square, "POST", here, 303, body="Stand 30.", also=[same[1]])
    assert [square.look(f"/questions/{one}")["answers"][0]["body"] for one in same] == ["Stand 30."] * 2


def test_a_page_is_tied_to_the_same_advice_in_the_other_language_and_untied(square):
    dutch, english = square.published(), square.published(language="en", title="Hand grinders")
    here, read = f"/adviser/advice/{dutch['id']}", f"/a/{dutch['slug']}"
    tree = html.fromstring(ask(square, "GET", here, 200).text)
    assert tree.xpath("//select[@name='twin_id']/option/@value") == ["", str(english["id"])]
    ask(square, "POST", f"{here}/twin", 303, twin_id=english["id"])
    tree = html.fromstring(ask(square, "GET", read, 200).text)
    assert tree.xpath("//link[@hreflang='en']/@href")[0].endswith(f"/a/{english['slug']}")
    ask(square, "POST", f"{here}/twin", 303, twin_id=dutch["id"])
    ask(square, "POST", f"{here}/twin", 303)
    assert not square.call("GET", f"/advice-pages/{dutch['id']}")["twin_id"]


def test_begin_pressed_twice_even_at_the_same_instant_is_one_page(square):
    shown = html.fromstring(ask(square, "GET", "/adviser/advice", 200).text)
    keys = shown.xpath("//form[@action='/adviser/advice']/input[@name='once']/@value")
    assert len(set(keys)) == len(keys) > 1, "each kind is a page of its own"

    def begin(key, **more):
        sent = {"kind": "gift_list", "once": key}
        return ask(square, "POST", "/adviser/advice", 303, **sent, **more).headers["Location"]

    with ThreadPoolExecutor(4) as hands:
        assert len(set(hands.map(begin, [keys[0]] * 4))) == 1
    first = begin(keys[0])
    assert begin(keys[1]) != first
    # Signed for somebody else, or by nobody, it names nothing.
    forged = f"{first.rpartition('/')[2]}.{'0' * 32}"
    bert = begin(keys[0], bearer=square.trade.join().bearer)
    assert len({first, bert, begin(forged), begin("x"), begin(f"{uuid.uuid4()}.")}) == 5


def test_suggested_topics_are_those_of_readers_and_a_refusal_says_in_words_where_it_is(square):
    here = ask(square, "POST", "/adviser/advice", 303, kind="gift_list").headers["Location"]
    sent = fields_of(ask(square, "GET", here, 200)) | {"act": "card", "paste": "https://elders.example/molen"}
    ask(square, "POST", here, 303, **sent)
    page = ask(square, "GET", here, 200)
    listed = html.fromstring(page.text).xpath("//datalist[@id='known-topics']/option/@value")
    assert listed == [one.name for one in topics_of(square)] and "list=" in page.text
    fields = fields_of(page)
    card = next(name.partition(".")[0] for name in fields if name.endswith(".why"))
    wrong = fields | {f"{card}.url": "https://[", f"{card}.plus": "Licht\n" + "x" * 200}
    told = ask(square, "POST", here, 422, **wrong, act="save")
    lines = [" ".join(one.text_content().split()) for one in at(html.fromstring(told.text), ".wrong-line")]
    number = fields["order"].index(card) + 1
    assert any(one.startswith(f"Blok {number}, Product, adres: ") for one in lines), lines
    assert any(one.startswith(f"Blok {number}, Product, pluspunten, nummer 2: ") for one in lines), lines
    assert not any("blocks." in one for one in lines)
    assert html.fromstring(told.text).xpath(f"//p[@class='wrong-line']/a[@href='#b-{card}']")


def topics_of(square):
    with db.use_scope(db.NOBODY), db.new_session() as session:
        return ranking.topics(session, "nl")
