"""What the people of the demo world write passes the house's checks, and agrees with shops, offers, orders and days."""

import functools
import re
import tomllib
from importlib import resources
from uuid import uuid4

import pytest

from marketplace.advice import blocks as blocks_of
from marketplace.advice.schemas import NewAdvice
from marketplace.community import schemas
from marketplace.community import texts as said
from marketplace.devtools import facts_command
from marketplace.devtools.world import events
from marketplace.devtools.world.advice import texts, worked
from marketplace.devtools.world.advice.faces import FACES, portrait
from marketplace.devtools.world.advice.scenes import scene
from marketplace.devtools.world.people import PEOPLE, advisers
from marketplace.devtools.world.plan import plan
from marketplace.devtools.world.shelf import shelf
from marketplace.devtools.world.shops import product
from marketplace.devtools.world.story import DAYS, PAUSED_ON, REOPENED_ON
from marketplace.devtools.world.totals import Table

PAGES = texts.pages()
READY = [one for one in PAGES if one.ends != "draft"]
ADVISERS = {one.key: one for one in advisers()}
_WORD = re.compile(r"[a-zà-ÿ]+")
STOPS = {
    "nl": set(
        _WORD.findall("de het een en van niet dat die er voor met ook je wie als maar dan bij naar zijn ik")
    ),
    "en": set(_WORD.findall("the a and of not that who for with also you if but then at to it i is my")),
}
UNTIDY = re.compile(r" {2}| [,.;:!?]|\.\.|,,|\( | \)|\blorem\b|TODO", re.IGNORECASE)
AMOUNT = re.compile(r"(?:€|EUR)\s?\d|\d+(?:[.,]\d\d)? euro\b", re.IGNORECASE)
# Words that only hint before publishing; what we write ourselves has none of them.
_FILE = (resources.files("marketplace.advice") / "claims.toml").read_text(encoding="utf-8")
CLAIMS = {
    language: [
        re.escape(word).replace("\\*", "\\w*")
        for kind in tomllib.loads(_FILE).values()
        for word in kind[language]
    ]
    for language in ("nl", "en")
}
by_key = pytest.mark.parametrize("page", PAGES, ids=lambda one: one.key)
ready = pytest.mark.parametrize("page", READY, ids=lambda one: one.key)


@functools.cache
def lived():
    """Return the plan, worked out once."""
    return plan()


@functools.cache
def on_sale(sku, day):
    """Tell whether the product knows of a SKU on a day: shops send their feed on days 0, 30 and 60."""
    found = product(sku)
    sent = day // 30 * 30 if day < DAYS else DAYS
    return found is not None and any(one.product.sku == sku for one in shelf(found.shop, sent))


def language_of(text):
    words = _WORD.findall(text.lower())
    counted = {language: sum(word in stops for word in words) for language, stops in STOPS.items()}
    return max(counted, key=counted.get), sum(counted.values()) / max(len(words), 1)


def test_there_is_enough_of_everything():
    shown = [one for one in READY if one.ends == "published"]
    assert len(shown) >= 14
    assert len({one.adviser for one in shown}) >= 10
    assert {one.kind for one in shown} == {"best_for", "what_i_use", "gift_list", "single", "comparison"}
    assert sum(one.language == "en" for one in shown) >= 4
    assert len(texts.questions()) >= 20
    assert len({page.key for page in PAGES}) == len(PAGES)


@ready
def test_a_page_is_whole_and_of_a_readable_length(page):
    words = sum(len(one.split()) for one in page.sentences)
    assert 200 <= words <= 500
    kinds = [block["type"] for block in page.blocks]
    assert {"text", "product", "method"} <= set(kinds) or {"text", "product", "verdict"} <= set(kinds)
    assert 1 <= len(page.topics) <= 5
    assert 60 <= len(page.verdict) <= 600
    for card in page.cards:
        assert card["why"], card["id"]
        assert card["minus"], card["id"]
        assert card["for_whom"], card["id"]
        assert card["obtained"] in blocks_of.OBTAINED


@by_key
def test_a_page_fits_the_form_of_the_product(page):
    kept = []
    for block in page.blocks:
        made = {name: value for name, value in block.items() if name not in ("sku", "offer", "picture")}
        made |= {
            given: str(uuid4())
            for ours, given in (("sku", "product_id"), ("offer", "offer_id"), ("picture", "picture_id"))
            if ours in block
        }
        kept.append(made)
    NewAdvice().load(
        {"kind": page.kind, "language": page.language, "title": page.title, "verdict": page.verdict}
        | {"topics": list(page.topics), "blocks": kept}
    )
    assert len(blocks_of.read(kept)) == len(page.blocks)
    for block, words in page.update.get("blocks", {}).items():
        changed = next(one for one in kept if one["id"] == block)
        assert blocks_of.read([{**changed, **words}])


@by_key
def test_a_page_is_written_in_its_language_and_tidily(page):
    found, share = language_of(" ".join(page.sentences))
    assert found == page.language
    assert share > 0.2
    for sentence in page.sentences:
        assert not UNTIDY.search(sentence), sentence
        assert sentence == sentence.strip()
    for block in page.blocks:
        for name in ("why", "text", "for_whom"):
            assert not block.get(name) or block[name].rstrip()[-1] in ".!?", (block["id"], name)


@by_key
def test_a_page_promises_nothing_that_nobody_can_know_and_names_no_price(page):
    claims = re.compile(rf"(?<!\w)(?:{'|'.join(CLAIMS[page.language])})(?!\w)", re.IGNORECASE)
    assert [found[0] for one in page.sentences for found in claims.finditer(one)] == []
    # Prices move: they stand on the card, with when they were seen.
    assert not [one for one in page.sentences if AMOUNT.search(one)]


@by_key
def test_cards_are_of_products_that_are_sold_that_day_and_of_offers_that_the_adviser_has_joined(page):
    left = {(one.adviser, one.offer): one.day for one in lived().events if isinstance(one, events.Leave)}
    for card in page.cards:
        if "sku" not in card:
            assert re.match(r"https://[a-z]+\.example/", card["url"])
            assert "offer" not in card
            continue
        assert on_sale(card["sku"], page.day), card["sku"]
        assert product(card["sku"]).availability == "in_stock"
        offer = card.get("offer")
        if offer is None:
            continue
        assert offer in ADVISERS[page.adviser].offers
        assert offer.partition(":")[0] == product(card["sku"]).shop
        assert left.get((page.adviser, offer), DAYS + 1) > page.day
        assert offer != "books:1" or not PAUSED_ON <= page.day < REOPENED_ON


def test_pictures_are_drawn_the_same_each_time_and_say_in_words_what_they_show():
    assert set(ADVISERS) - set(FACES) == {"wesley", "daan"}
    drawn = {portrait(adviser) for adviser in FACES}
    assert len(drawn) == len(FACES)
    pictures = [block for page in PAGES for block in page.blocks if block["type"] == "picture"]
    assert len(pictures) >= 4
    for block in pictures:
        assert len(block["alt"]) > 30
        drawn.add(scene(block["picture"]))
    for svg in drawn:
        assert svg.startswith(b"<svg ")
        assert len(svg) < 16_000
        assert b"script" not in svg
        assert b"href" not in svg
    assert portrait("bram") == portrait("bram")


def test_questions_are_of_something_that_is_there_and_read_as_their_language():
    by_name = {one.key: one for one in PAGES}
    for one in texts.questions():
        shape = {"body": one.body, "language": one.language, "name": one.name}
        schemas.NewPageQuestion().load(shape | {"block": one.card})
        said.accept({"body": one.body, "name": one.name or ""})
        assert sum(what is not None for what in (one.page, one.adviser, one.product)) == 1
        words = " ".join((one.body, *(answer.body for answer in one.answers)))
        assert language_of(words)[0] == one.language, one.body
        assert not UNTIDY.search(words), one.body
        if one.page is not None:
            assert by_name[one.page].ends == "published"
            assert by_name[one.page].day <= one.day
            assert one.card is None or one.card in {card["id"] for card in by_name[one.page].cards}
        if one.product is not None:
            assert on_sale(one.product, one.day), one.product
        for answer in one.answers:
            schemas.NewAnswer().load({"body": answer.body})
            assert answer.by == "adviser" or one.card or one.product, one.body
            assert answer.product is None or on_sale(answer.product, one.day + 1)


def test_reviews_name_orders_that_there_are_by_then():
    orders = {one.ref: one for one in lived().events if isinstance(one, events.Order)}
    for one in texts.reviews():
        shape = {name: getattr(one, name) for name in ("stars", "title", "body", "name", "language")}
        schemas.NewReview().load(shape)
        said.accept({"title": one.title, "body": one.body, "name": one.name})
        assert language_of(one.body)[0] == one.language, one.title
        assert not UNTIDY.search(one.body), one.title
        assert on_sale(one.sku, one.day), one.sku
        if one.order is not None:
            assert orders[one.order].day < one.day
            assert orders[one.order].shopper is not None


def test_who_reports_or_follows_is_there_when_it_happens():
    by_name = {one.key: one for one in PAGES}
    for one in texts.reports():
        schemas.NewReport().load({"reason": one.reason, "statement": one.statement, "language": one.language})
        assert by_name[one.page].day <= one.day
        assert one.outcome == "wait" or len(one.decision) > 40
    known = set(ADVISERS) | {one.key for one in PEOPLE}
    for adviser, who in texts.follows()["accounts"].items():
        assert adviser in ADVISERS
        assert set(who) <= known - {adviser}


def test_what_the_document_says_of_advice_is_what_the_words_come_to():
    document = facts_command.DOCUMENT.read_text(encoding="utf-8")
    for one in worked.tables(lived()):
        assert Table(*one).written() in document, one[0]
