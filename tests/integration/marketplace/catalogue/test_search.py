"""Product search finds what people mean, in Dutch and in English, and only what is published; nothing makes it raise."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from lxml import html

from marketplace.catalogue.feeds import jobs
from marketplace.catalogue.models import Product
from marketplace.catalogue.search import service as search
from marketplace.catalogue.taxonomy import google as taxonomy
from marketplace.catalogue.taxonomy import store as taxonomy_store
from marketplace.community import views_finding
from marketplace.core import db, views
from tests.applications import application
from tests.integration.marketplace.conftest import START, Market
from tests.standing import standing

CAMPING = "Sporting Goods > Outdoor Recreation > Camping & Hiking"
TENTS = f"{CAMPING} > Tents"
COFFEE = "Home & Garden > Kitchen & Dining > Kitchen Appliances > Coffee Makers & Espresso Machines"
GRINDERS = (
    "Home & Garden > Kitchen & Dining > Kitchen Appliance Accessories > "
    "Coffee Maker & Espresso Machine Accessories > Coffee Grinders"
)
BOOKS = "Media > Books"
# sku, title, brand, category, description, price, availability
COFFEE_SHOP = [
    ("KM-100", "Handkoffiemolen Pico", "Kruve", GRINDERS, "Een molen voor de hand, voor filterkoffie.", 8900, "in_stock"),
    ("KM-200", "Elektrische koffiemolen Forte", "Baratza", GRINDERS, "Maalt bonen voor espresso.", 64900, "in_stock"),
    ("GR-1", "Burr grinder with timer", "Wilfa", GRINDERS, "The grinder for filter coffee at home.", 12900, "in_stock"),
    ("ES-1", "Espressomachine Nova", "Rocket", COFFEE, "De machine voor thuis.", 159900, "in_stock"),
    ("ES-2", "Espresso machine, stainless steel", "Lelit", COFFEE, "The machine for small kitchens.", 99900, "out_of_stock"),
    ("FK-1", "Filterkoffie Ethiopië Yirgacheffe 250 g", "Maanbranders", "Koffie > Bonen", "Bloemig en licht.", 1250, "in_stock"),
    ("FK-2", "Café Crème bonen 1 kg", "Maanbranders", "Koffie > Bonen", "Een volle melange voor de koffie.", 2150, "in_stock"),
    ("KAN-1", "Koffiekan van glas", "Hario", COFFEE, "De kan past op elke dripper.", 3450, "in_stock"),
    ("KAN-2", "Theepot met zeef", "Hario", "Home & Garden > Kitchen & Dining > Tableware", "Voor losse thee.", 2950, "in_stock"),
    ("MK-1", "Melkopschuimer", "Severin", COFFEE, "Voor cappuccino met warme melk.", 5900, "in_stock"),
    ("KET-1", "Gooseneck kettle", "Fellow", "Home & Garden > Kitchen & Dining", "The kettle that pours slowly.", 17900, "in_stock"),
    ("V60-01", "Dripper V60 01 wit", "Hario", COFFEE, "De klassieker van keramiek.", 1950, "in_stock"),
    ("TAS-1", "Jutetas", "Maanbranders", "", "Een tas voor koffie, thee en koffiemolens.", 500, "in_stock"),
]  # fmt: skip
HIKING_SHOP = [
    ("TENT-1", "Koepeltent Wad 2 personen", "Nomad", TENTS, "Een lichte tent voor twee.", 24900, "in_stock"),
    ("TENT-2", "Tunnel tent for four people", "Vaude", TENTS, "The tent for families.", 54900, "in_stock"),
    ("HAR-1", "Haringen van titanium", "Nomad", f"{CAMPING} > Tent Accessories", "Voor elke tent.", 1990, "in_stock"),
    ("SHOE-1", "Wandelschoenen Vakuum dames", "Meindl", "Apparel & Accessories > Shoes", "Waterdichte schoenen.", 23900, "in_stock"),
    ("SHOE-2", "Women's hiking boots", "Lowa", "Apparel & Accessories > Shoes", "The boots are waterproof.", 21900, "in_stock"),
    ("BAG-1", "Rugzak 45 liter", "Deuter", CAMPING, "De rugzak met regenhoes.", 14900, "in_stock"),
    ("BAG-2", "Regenhoes voor rugzakken", "Deuter", CAMPING, "Houdt alles droog.", 2490, "in_stock"),
    ("SLAAP-1", "Slaapzak dons", "Nomad", CAMPING, "Warm tot min tien.", 29900, "in_stock"),
    ("SOCK-1", "Wandelsokken merino", "Falke", "", "De sokken voor lange tochten.", 1990, "in_stock"),
    ("LAMP-1", "Hoofdlamp 400 lumen", "Petzl", CAMPING, "Een lamp voor op het hoofd.", 4490, "out_of_stock"),
    ("LAMP-2", "Hoofdlamp 400 lumen plus", "Petzl", CAMPING, "Een lamp voor op het hoofd.", 4490, "in_stock"),
]  # fmt: skip
BOOK_SHOP = [
    ("9789047712503", "Kikker is verliefd", "Leopold", BOOKS, "Een prentenboek van Max Velthuijs.", 1499, "in_stock"),
    ("9789025770174", "De Gruffalo", "Lemniscaat", BOOKS, "Een voorleesboek over een muis in het bos.", 1699, "in_stock"),
    ("9780333710937", "The Gruffalo", "Macmillan", BOOKS, "A mouse took a stroll through the deep dark wood.", 899, "in_stock"),
    ("9789021414874", "Jip en Janneke", "Querido", BOOKS, "Verhalen van Annie M.G. Schmidt.", 2499, "in_stock"),
    ("9789051160864", "Het muizenhuis", "Rubinstein", BOOKS, "Sam en Julia wonen in het huis.", 1799, "in_stock"),
    ("9780141501598", "The Very Hungry Caterpillar", "Puffin", BOOKS, "The caterpillar eats and eats.", 799, "in_stock"),
    ("9789076174082", "Baby's eerste boek", "Clavis", BOOKS, "Foto's van dieren.", 999, "in_stock"),
    ("PUZ-1", "Houten puzzel boerderij", "Djeco", "Toys & Games > Puzzles > Wooden & Pegged Puzzles", "Voor kinderen vanaf twee.", 1895, "in_stock"),
]  # fmt: skip
# What is asked, and the SKU that comes first.
EXPECTED = [
    ("koffiemolen", "KM-200"), ("koffiemolens", "KM-200"), ("KOFFIEMOLEN", "KM-200"), ("grinder", "GR-1"),
    ("grinders", "GR-1"), ("handkoffiemolen", "KM-100"), ("KM-100", "KM-100"), ("km 200", "KM-200"),
    ("espressomachine", "ES-1"), ("espresso machines", "ES-2"), ("cafe creme", "FK-2"), ("café crème", "FK-2"),
    ("ethiopie", "FK-1"), ("Ethiopië 250 g", "FK-1"), ("hario theepot", "KAN-2"), ("v60", "V60-01"),
    ("kettles", "KET-1"), ("melk opschuimer", "MK-1"), ("tent", "TENT-2"), ("koepeltenten", "TENT-1"),
    ("wandelschoen", "SHOE-1"), ("hiking boot", "SHOE-2"), ("rugzak", "BAG-1"), ("rugzakken", "BAG-2"),
    ("de gruffalo", "9789025770174"), ("the gruffalo", "9780333710937"), ("9789021414874", "9789021414874"),
    ("jip janneke", "9789021414874"), ("caterpillars", "9780141501598"), ("foto", "9789076174082"),
    ("baby boek", "9789076174082"), ("houten puzzels", "PUZ-1"), ("hoofdlamp", "LAMP-2"),
]  # fmt: skip
TYPOS = [
    ("kofiemolen", "koffiemolen"), ("espresomachine", "espressomachine"), ("slaapzka", "slaapzak"),
    ("gruffallo", "gruffalo"), ("catterpillar", "caterpillar"), ("tnet", "tent"), ("wandelschonen", "wandelschoenen"),
]  # fmt: skip
HOSTILE = [
    "&|!()<->:*", "koffie & | !", "'; DROP TABLE product; --", "\\", "'", "''", '"', "a" * 10_000, "koffie " * 2000, "\x00",
    "kof\x00fie", "de het een van", "the of and", "%", "_", "%%%___", "☕️🏕️", "👨‍👩‍👧‍👦", "קפה", "قَهْوَة", "‮koffie", "コーヒー", "\ud800",
    "💩" * 500, "koffie:*A", "1e400", "-1", "a.b@c.d/e?f=g", "ñ" * 300, " \t\n", "K", "ﬀ", "ΐ" * 100, "İ",
]  # fmt: skip


class Shelves:
    """Three live shops with products of theirs, one shop that is closed, and what is retired."""

    def __init__(self, database: Any) -> None:
        self.market = Market(database)
        self.coffee, self.hiking, self.books = (self.market.shop() for _ in range(3))
        self.closed = self.market.shop(state="closed")
        self.draft = self.market.shop(state="draft")
        with self.market.rows() as session:
            for shop, rows in (
                (self.coffee, COFFEE_SHOP), (self.hiking, HIKING_SHOP), (self.books, BOOK_SHOP),
                (self.closed, [("C-1", "Zeldzame samowar", "Samo", "", "Zeldzaam.", 100, "in_stock")]),
                (self.draft, [("D-1", "Geheime samowar", "Samo", "", "Geheim.", 100, "in_stock")]),
            ):  # fmt: skip
                session.add_all(product(shop.id, *row) for row in rows)
            gone = product(
                self.coffee.id, "OUD-1", "Afgeschafte samowar", "Samo", "", "Weg.", 100, "in_stock"
            )
            gone.retired_at = START
            session.add(gone)

    def close(self) -> None:
        """Nothing is held."""


def product(
    shop: uuid.UUID, sku: str, title: str, brand: str, category: str, told: str, price: int, availability: str
) -> Product:
    return Product(
        shop_id=shop, sku=sku, title=title, brand=brand, category=category, description=told, price_minor=price,
        currency="EUR", availability=availability, link=f"https://shop.example/{sku}", page_digest=sku.encode(),
        warnings=[], content_hash=b"0", updated_at=START, gtin=sku if sku.startswith("978") else None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def world(pg: Any, valkey: Any) -> Iterator[Any]:
    with standing(pg, valkey.url, Shelves) as made:
        yield made


@pytest.fixture
def shelves(world: Any) -> Iterator[Shelves]:
    with world.at_work() as shelves:
        yield shelves


def skus(question: str = "", **more: Any) -> list[str]:
    return [hit.product.sku for hit in search.find(search.Wish(question, **more)).hits]


@pytest.mark.parametrize(("question", "first"), EXPECTED)
def test_what_is_asked_comes_first(shelves, question, first):
    assert skus(question)[:1] == [first]


@pytest.mark.parametrize(("question", "meant"), TYPOS)
def test_a_typo_finds_what_was_meant_and_says_so(shelves, question, meant):
    found = search.find(search.Wish(question))
    assert found.did_you_mean == meant
    assert set(skus(meant)[:1]) <= {hit.product.sku for hit in found.hits}
    assert {hit.matched for hit in found.hits} == {"similar"}


def test_the_page_offers_what_was_meant_and_leads_to_it(shelves):
    reader = application([views_finding.blueprint, views.blueprint]).test_client()

    def read(words):
        answer = reader.get(f"/search?q={words}", headers={"Accept": "text/html", "Accept-Language": "nl"})
        assert answer.status_code == 200, answer.text[:600]
        return html.fromstring(answer.text)

    typed = read("kofiemolen")
    [meant] = typed.xpath("//main//a[starts-with(@href, '/search?q=')]")
    assert meant.text == "koffiemolen" and meant.getparent().text.strip() == "Bedoelde je"
    assert typed.xpath("//*[@class='hit']")
    followed = read(meant.get("href").partition("q=")[2])
    assert followed.xpath("//*[@class='hit']") and "Bedoelde" not in followed.text_content()


def test_a_part_of_a_compound_finds_it_and_the_answer_says_by_what(shelves):
    found = search.find(search.Wish("molen"))
    assert {hit.product.sku: hit.matched for hit in found.hits} == {
        "KM-100": "words", "KM-200": "similar", "TAS-1": "similar",
    } or {"KM-100", "KM-200"} <= {hit.product.sku for hit in found.hits}  # fmt: skip
    assert [hit.matched for hit in found.hits] == sorted((hit.matched for hit in found.hits), reverse=True)
    assert found.did_you_mean is None
    assert {"SHOE-1"} <= set(skus("schoenen"))


def test_both_languages_stem_and_one_can_be_chosen(shelves):
    assert skus("boeken", language="nl")
    assert "SHOE-2" in skus("boot", language="en")
    assert "KM-200" in skus("koffiemolens", language="nl")


def test_a_dutch_name_of_a_category_finds_what_is_in_it_under_its_english_name(shelves):
    assert {"TENT-1", "TENT-2"} <= set(skus("tenten"))


def test_titles_come_before_descriptions(shelves):
    found = skus("koffiemolens")
    assert found.index("KM-200") < found.index("TAS-1")


def test_what_is_retired_or_of_a_shop_that_is_not_live_is_never_found(shelves):
    for question in ("samowar", "samo", "C-1", "D-1", "OUD-1", "zeldzaam", "geheim", "Samo samowar"):
        assert not {"C-1", "D-1", "OUD-1"} & set(skus(question)), question
    # Row-level security would hide a retired product all the same; it must not be counted either.
    assert [search.find(search.Wish(word)).total for word in ("afgeschafte", "zeldzame", "geheime")] == [
        0,
        0,
        0,
    ]
    for shop in (shelves.closed, shelves.draft):
        assert skus(shop_id=shop.id) == []
    assert not {"C-1", "D-1", "OUD-1"} & set(skus(take=100))


def test_a_product_that_is_retired_now_is_gone_and_one_that_comes_back_is_there(shelves):
    def retire(at: dt.datetime | None) -> None:
        with shelves.market.rows() as session:
            session.execute(sa.update(Product).where(Product.sku == "MK-1").values(retired_at=at))

    retire(START)
    assert skus("melkopschuimer") == []
    retire(None)
    assert skus("melkopschuimer") == ["MK-1"]


def test_a_changed_title_is_found_by_its_new_words_only(shelves):
    def call(title: str) -> None:
        with shelves.market.rows() as session:
            session.scalars(sa.select(Product).where(Product.sku == "SOCK-1")).one().title = title

    call("Onzinwoord merino")
    assert skus("wandelsokken") == []
    assert skus("onzinwoord") == ["SOCK-1"]
    call("Wandelsokken merino")
    assert skus("wandelsokken") == ["SOCK-1"]


def test_filters_narrow_and_nothing_asked_lists_the_newest(shelves):
    everything = skus(take=100)
    assert len(everything) == len(COFFEE_SHOP + HIKING_SHOP + BOOK_SHOP)
    assert everything[0] == BOOK_SHOP[-1][0]
    assert set(skus(shop_id=shelves.hiking.id, take=100)) == {row[0] for row in HIKING_SHOP}
    assert skus("tent", shop_id=shelves.books.id) == []
    assert set(skus("hoofdlamp", stocked=True)) == {"LAMP-2"}
    assert set(skus("hario", money="EUR", low=2000, high=3000)) == {"KAN-2"}
    assert skus("hario", money="USD", low=0) == []


@pytest.mark.parametrize(
    "path", [TENTS, "1022", "Sportartikelen > Buitenrecreatie > Kamperen en wandelen > Tenten"]
)
def test_a_category_is_found_by_path_in_either_language_and_by_number(shelves, path):
    assert set(skus(category=path)) == {"TENT-1", "TENT-2"}


def test_a_category_holds_what_lies_under_it(shelves):
    assert set(skus(category="Media", take=50)) == {row[0] for row in BOOK_SHOP[:-1]}
    assert "KM-100" in skus("molen", category="Huis en tuin > Keuken en eetkamer")
    assert skus("tent", category="Media") == []


def test_pages_follow_each_other_without_gap_or_repeat(shelves):
    for question in ("", "nomad deuter", "een", "molen", "hario"):
        whole = skus(question, take=100)
        pages = [one for skip in range(0, 60, 2) for one in skus(question, skip=skip, take=2)]
        assert pages == whole, question


def test_counts_by_category_and_shop_are_those_of_the_hits(shelves):
    found = search.find(search.Wish("nomad"))
    assert found.total == 3
    assert found.shops == {str(shelves.hiking.id): 3}
    assert found.categories == {"Sporting Goods": 3}


@pytest.mark.parametrize("question", HOSTILE, ids=lambda text: ascii(text)[:30])
def test_no_question_raises_or_takes_long(shelves, question):
    began = time.process_time()
    found = search.find(search.Wish(question))
    assert time.process_time() - began < 1
    assert found.total is None or found.total <= len(COFFEE_SHOP + HIKING_SHOP + BOOK_SHOP)


def test_operators_are_words_and_do_nothing(shelves):
    assert skus("koffiemolen | tent") == skus("koffiemolen tent")
    assert skus("!tent") == skus("tent")
    assert skus("ten:*") == skus("ten")


def test_only_stop_words_find_what_is_called_so_and_nothing_else(shelves):
    assert "9789025770174" in skus("de")
    assert skus("onze") == []


def test_the_web_role_reads_no_list_of_words_and_asks_the_index(shelves):
    with db.session() as session, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        session.execute(sa.text("SELECT * FROM product_word"))
    with shelves.market.rows() as session:
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        plan = session.execute(
            sa.text("EXPLAIN SELECT id FROM product WHERE words @@ 'tent' AND retired_at IS NULL")
        ).scalars()
        assert "ix_product_words" in "\n".join(plan)


def test_a_stranger_an_adviser_and_a_shop_get_the_same_answer_over_http(shelves):
    client = shelves.market.client
    path = "/api/v1/products/search?q=kofiemolen&limit=2"
    answers = [
        client.get(path, headers=headers).get_json()
        for headers in (
            {},
            shelves.market.adviser().headers,
            shelves.books.owner.headers,
            shelves.market.finance().headers,
        )
    ]
    assert all(answer == answers[0] for answer in answers)
    first = answers[0]["items"][0]
    assert answers[0]["did_you_mean"] == "koffiemolen"
    assert first["matched"] == "similar"
    assert first["google_category_id"] == 734
    assert first["google_category_names"]["nl"].endswith("Koffiemolens")
    following = client.get(f"{path}&cursor={answers[0]['next_cursor']}").get_json()
    assert not {item["sku"] for item in answers[0]["items"]} & {item["sku"] for item in following["items"]}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("min_price=1.005", "min_price"), ("max_price=-1", "max_price"), ("language=fr", "language"),
        ("cursor=x", "cursor"), ("limit=101", "limit"), ("in_stock=maybe", "in_stock"), ("shop_id=1", "shop_id"),
    ],
)  # fmt: skip
def test_a_wish_that_makes_no_sense_is_refused_by_its_field(shelves, query, field):
    answer = shelves.market.client.get(f"/api/v1/products/search?{query}")
    assert answer.status_code == 422
    assert field in str(answer.get_json())


def test_categories_are_typed_ahead_in_both_languages_and_by_number(shelves):
    def typed(text: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = shelves.market.client.get(
            "/api/v1/categories", query_string={"q": text}
        ).get_json()["items"]
        return items

    assert typed("koffiemol")[0]["id"] == 734
    assert typed("coffee grind")[0]["id"] == 734
    assert [one["id"] for one in typed("1868")] == [1868]
    assert typed("") == typed("☕") == typed("%") == typed("_") == []
    assert all({"id", "en", "nl"} == set(one) for one in typed("tent"))


def test_googles_own_lists_complete_what_ships_and_feeds_know_them(market):
    with market.as_worker(), db.transaction() as session:
        taxonomy_store.keep(
            session, "en", [(9_000_001, "Media > Books > Comics"), (638, "Home & Garden > Renamed")]
        )
        taxonomy_store.keep(session, "nl", [(9_000_001, "Media > Boeken > Strips")])
        try:
            taxonomy_store.learn(session)
            assert (
                taxonomy.path_of("9000001")
                == taxonomy.path_of("Media > Boeken > Strips")
                == "Media > Books > Comics"
            )
            assert taxonomy.path_of("638") == "Home & Garden > Kitchen & Dining"
        finally:
            taxonomy._known.clear()
    items = market.client.get("/api/v1/categories?q=strips").get_json()["items"]
    assert items == [{"id": 9_000_001, "en": "Media > Books > Comics", "nl": "Media > Boeken > Strips"}]


def test_a_feed_with_numbers_and_dutch_paths_is_found_and_filed_by_googles_names(market):
    shop = market.shop(hosts=("shop.example",))
    rows = ["id\ttitle\tlink\tprice\tgoogle_product_category"] + [
        f"{sku}\tEierwekker {sku}\thttps://shop.example/{sku}\t5.00 EUR\t{category}"
        for sku, category in (("A", "638"), ("B", "Huis en tuin > Keuken en eetkamer"), ("C", "4242424"))
    ]
    sent = market.client.post(
        f"/api/v1/feeds?shop_id={shop.id}", data="\n".join(rows).encode(), headers=shop.owner.headers
    )
    assert sent.status_code == 202, sent.get_json()
    with market.as_worker():
        jobs.read_waiting_feeds()
    found = {
        hit.product.sku: hit.product.google_category_id
        for hit in search.find(search.Wish("eierwekkers")).hits
    }
    assert found == {"A": 638, "B": 638, "C": None}
    assert set(skus(category="638")) == {"A", "B"}
    report = market.client.get(
        f"/api/v1/feeds/{sent.get_json()['id']}/rows", headers=shop.owner.headers
    ).get_json()["items"]
    assert [row["code"] for row in report] == [None, None, "category_unknown"]
