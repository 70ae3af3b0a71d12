"""Pages that anybody reads: labels per button, hostile texts as text, forms that work without scripts, 410 for gone."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
import sqlalchemy as sa
from lxml import html

import wsgi
from marketplace.accounts import limits
from marketplace.core import config, db, recognition
from tests.applications import application
from tests.integration.marketplace.community.conftest import Square

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture
def square(database):
    wsgi.register()
    limits._storage.cache_clear()
    made = Square(database)
    made.trade.app = application(wsgi.blueprints())
    made.reader = made.trade.app.test_client()
    return made


def read(square, path, status=200):
    answer = square.reader.get(path, headers={"Accept": "text/html", "Accept-Language": "nl"})
    assert answer.status_code == status, (answer.status_code, answer.text[:2000])
    return html.fromstring(answer.text)


def at(tree, path):
    """Return the elements of a path of tags, classes, ids and attributes, as in a style sheet."""
    steps = []
    for step in path.split():
        tag, marks = re.match(r"([a-z0-9]*)(.*)", step).groups()
        found = [
            f"contains(concat(' ', normalize-space(@class), ' '), ' {one} ')"
            for one in re.findall(r"\.([\w-]+)", marks)
        ]
        found += [f"@id='{one}'" for one in re.findall(r"#([\w-]+)", marks)]
        found += [f"@{name}='{value}'" for name, value in re.findall(r"\[([\w-]+)=([^\]]+)\]", marks)]
        steps.append((tag or "*") + "".join(f"[{one}]" for one in found))
    return tree.xpath("//" + "//".join(steps))


def words(tree, path):
    return [" ".join(one.text_content().split()) for one in at(tree, path)]


def test_an_advice_page_says_first_that_it_is_an_ad_and_beside_each_button_whether_it_pays(square):
    second = square.new_product("Twee")
    page = square.published(
        square.card(why=HOSTILE, plus=[HOSTILE]),
        square.card("p2", product_id=second, offer_id=None),
        {"id": "t", "type": "text", "text": f"**Vet** en {HOSTILE} en [weg](javascript:alert(1))"},
        title=f"Molens {HOSTILE}",
    )
    tree = read(square, f"/a/{page['slug']}")
    main = at(tree, "main")[0].text_content()
    assert main.index("Reclame") < main.index("Molens")
    assert [one.startswith("Reclame") for one in words(tree, ".pick .rl")] == [True, False]
    shown = square.anonymous(f"/advice-pages/{page['id']}").get_json()["buttons"]
    buttons = at(tree, ".pick .btn.wide")
    assert [one.get("href") for one in buttons] == [one["href"] for one in shown]
    assert all(one.get("rel") == "sponsored nofollow noopener" for one in buttons)
    assert "€\xa010,00" in words(tree, ".pick .price")[0].replace(" ", "\xa0")
    assert not tree.xpath("//@onerror | //img[@src='x'] | //a[starts-with(@href, 'javascript')]")
    [data] = tree.xpath("//script[@type='application/ld+json']")
    kinds = {one["@type"] for one in json.loads(data.text)["@graph"]}
    assert kinds == {"Article", "BreadcrumbList", "ItemList"} and "<" not in data.text
    assert at(tree, "link[rel=canonical]")[0].get("href").endswith(f"/a/{page['slug']}")
    square.call("POST", f"/advice-pages/{page['id']}/withdraw")
    read(square, f"/a/{page['slug']}", 410)
    read(square, "/a/never-was", 404)


def test_asking_voting_following_and_reporting_work_by_forms_alone(square):
    page = square.published()
    here = f"/a/{page['slug']}"

    def send(path, status=303, **fields):
        answer = square.reader.post(path, data=fields, headers={"Accept": "text/html"})
        assert answer.status_code == status, answer.text[:2000]
        return answer

    refused = html.fromstring(send(f"{here}/ask", 422, body="kort", name="Sanne").text)
    assert at(refused, "#body-wrong") and at(refused, "textarea")[0].text.strip() == "kort"
    # Whoever asks is far below the top: the answer to the form stands in it, and the browser is led there.
    assert at(refused, "form#ask")[0].get("action") == f"{here}/ask#ask" and at(refused, "#ask #refusal")
    sent = send(f"{here}/ask", body="Kan hij ook grof malen?", name="Sanne", block="p1")
    assert sent.headers["Location"] == f"{here}#ask"
    thanked = read(square, here)
    assert "ligt bij de adviseur" in words(thanked, "#ask .note.good")[0] and not at(thanked, ".flash")
    assert not at(read(square, here), "#ask .note")
    [question] = square.call("GET", "/questions")["items"]
    square.call("POST", f"/questions/{question['id']}/answers", {"body": f"Ja.{HOSTILE}"}, 201)
    tree = read(square, here)
    assert words(tree, ".qa .q") == ["Kan hij ook grof malen?"] and HOSTILE in words(tree, ".said")[0]
    send(f"{here}/useful", what="page", id=page["id"], is_taken_back="false")
    pressed = at(read(square, here), ".tools [aria-pressed=true]")
    assert pressed and pressed[0].text_content().split()[-1] == "1"
    code = square.anonymous(f"/advisers/{square.trade.anne.id}").get_json()["code"]
    send(f"/@{code}/follow", email="lezer@post.example")
    [letter] = square.mails("follow_confirm")
    link = "/follow" + letter["facts"]["url"].partition("/follow")[2]
    assert words(read(square, link), "h1") == [f"{letter['facts']['adviser']} volgen?"]
    read(square, "/follow?token=nothing", 410)
    assert words(read(square, f"/@{code}"), ".tile h2") == ["Handmolens voor thuis"]
    sent = send("/report", page=page["slug"], reason="other", statement="Dit klopt niet helemaal.")
    receipt = read(square, sent.headers["Location"])
    assert "kijkt ernaar" in receipt.text_content() and receipt.xpath(f"//a[@href='{here}']")
    assert at(read(square, f"/report?page={page['slug']}"), "select#reason option")[0].get("value") == ""
    send("/report", 404, page="nergens", reason="other", statement="Dit klopt niet helemaal.")
    product = f"/products/{square.product}/reviews"
    send(product, stars="5", title="Top ding", body="Elke ochtend in gebruik, al jaren.", name="Ans")
    assert "aankoop niet geverifieerd" in read(square, product).text_content()


def test_topics_search_and_lists_for_machines_name_what_is_published(square):
    page, draft = square.published(), square.page(title="Nog niet")
    assert draft["edit"] == 1
    assert words(read(square, "/topics/koffie"), ".tile h2") == ["Handmolens voor thuis"]
    assert at(read(square, "/topics/thee", 404), ".empty")
    found = read(square, "/search")
    assert "Handmolens voor thuis" in words(found, ".hit")[0] and "€" in words(found, ".price")[0]
    # Advice is found by words as well as products are, also where no product is called so.
    for asked, led in (("koffie", True), ("KOFFIEZAK vers", True), ("kof", False), ("thee", False)):
        ways = read(square, f"/search?q={asked}").xpath("//main//a[@href='/topics/koffie']")
        assert bool(ways) == led, asked
    link = "Je volgde een link"
    assert link not in found.text_content() and link in read(square, "/search?q=x&from=link").text_content()
    for path in ("/", "/privacy", "/how-we-earn"):
        for asked in ("", "?hl=nl", "?hl=en"):
            assert at(read(square, path + asked), "link[rel=canonical]")[0].get("href").endswith(path + asked)
    assert words(read(square, "/"), ".tile h2") == ["Handmolens voor thuis"]
    listed = square.reader.get("/sitemap.xml").text
    assert f"/a/{page['slug']}</loc>" in listed and listed.count("/a/") == 1
    assert "Sitemap: http" in square.reader.get("/robots.txt").text


@pytest.fixture
def apart(square):
    """The square with the links on a host of their own."""
    before = config.current()
    config.use(dataclasses.replace(before, edge_url="http://go.example"))
    yield square
    config.use(before)


def test_the_choice_about_privacy_goes_on_to_the_links_own_host_and_says_what_came_of_it(apart):
    for said, kept in (("no", "1"), ("yes", "")):
        sent = apart.reader.post("/privacy", data={"recognise": said})
        assert sent.status_code == 303
        assert sent.headers["Location"].startswith(f"http://go.example/choice?recognise={said}")
        assert f"{recognition.COOKIE}={kept};" in sent.headers["Set-Cookie"]
        # Only the host of the links may say that it is kept there, and only what was chosen here.
        assert not at(read(apart, "/privacy"), ".note")
        assert "waar onze links wonen" in words(read(apart, f"/privacy?links={said}"), ".note.good")[0]
        other = {"no": "yes", "yes": "no"}[said]
        assert not at(read(apart, f"/privacy?links={other}"), ".note")
    assert at(read(apart, "/privacy?links=stale"), ".note.bad")
    # A browser stops a form whose answer leads where the policy does not let forms go.
    policies = [apart.reader.get(path).headers["Content-Security-Policy"] for path in ("/privacy", "/")]
    assert ["form-action 'self' http://go.example;" in one for one in policies] == [True, False]


def test_the_code_of_a_dead_link_is_no_heading(square):
    dead = read(square, "/search?q=xq7vwz2k&from=link")
    assert words(dead, "h1") == ["Zoek een product"] and "Typ waar hij over ging" in dead.text_content()
    assert not at(dead, "#q")[0].get("value")
    assert words(read(square, "/search?q=xq7vwz2k"), "h1") != ["Zoek een product"]


@pytest.mark.slow
def test_an_advice_page_asks_the_database_at_most_twelve_times(square):
    page = square.published(square.card(), square.card("p2", product_id=square.new_product("Twee")))
    asked = square.say(f"/questions/page/{page['id']}", {"body": "Kan hij ook grof malen?"})
    square.call("POST", f"/questions/{asked['id']}/answers", {"body": "Ja."}, 201)
    counted = []

    def count(_connection, _cursor, statement, *_rest):
        counted.append(statement)

    sa.event.listen(db.engine(), "before_cursor_execute", count)
    try:
        read(square, f"/a/{page['slug']}")
    finally:
        sa.event.remove(db.engine(), "before_cursor_execute", count)
    assert len(counted) <= 12, counted
