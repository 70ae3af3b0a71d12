"""Believable products for the bench of search, Dutch and English, of five shops; and questions that people ask."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from marketplace.catalogue.indexing import index_text

SHOPS = 5
NOW = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
BRANDS = (
    "Bialetti", "Hario", "Melitta", "Rocket", "Comandante", "Moccamaster", "Vaude", "Meindl", "Lowa", "Nomad",
    "Hilleberg", "Exped", "Osprey", "Deuter", "Lemniscaat", "Gottmer", "Ploegsma", "Clavis", "Penguin", "Walker",
    "Duplo", "Ravensburger", "Djeco", "Zwilling", "Brabantia", "Fiskars", "Keen", "Teva", "Primus", "Jetboil",
)  # fmt: skip
DUTCH = (
    "koffiemolen|koffiemolens espressomachine percolator koffiekan filterkoffie koffiebonen melkopschuimer theepot"
    " theeketel waterkoker wandelschoenen bergschoenen regenjas donsjas rugzak slaapzak slaapmat koepeltent"
    " tunneltent kampeerstoel hoofdlamp drinkfles kookset gasbrander kompas prentenboek voorleesboek kleuterboek"
    " sprookjesboek zoekboek kartonboek leesboek puzzelboek kleurboek legpuzzel bordspel kaartspel blokkendoos"
    " knuffelbeer poppenhuis loopfiets braadpan koekenpan steelpan snijplank keukenmes broodrooster weegschaal"
)
ENGLISH = (
    "grinder kettle dripper espresso roaster beans frother teapot scale tamper boots jacket backpack tent stove"
    " headlamp bottle mattress hammock poles socks gloves storybook picturebook puzzle boardgame blocks teddy"
    " dollhouse scooter skillet saucepan knife chopping-board toaster mug thermos lantern map cooler"
)
TOLD = {
    "nl": (
        "rood blauw groen zwart wit grijs handmatig elektrisch lichtgewicht waterdicht klassiek duurzaam compact"
        " roestvrij dames heren kinderen groot klein dubbel enkel warm ademend opvouwbaar draadloos"
        " ambachtelijk biologisch"
    ),
    "en": (
        "red blue green black white grey manual electric lightweight waterproof classic durable compact stainless women"
        " men kids large small double single warm breathable foldable cordless handmade organic"
    ),
}
SENTENCES = {
    "nl": (
        "Gemaakt voor dagelijks gebruik en jarenlang plezier.",
        "Het materiaal is stevig en makkelijk schoon te maken.",
        "Ideaal voor beginners en voor wie al langer bezig is.",
        "Wordt geleverd met een handleiding in het Nederlands.",
        "De kleur kan iets afwijken van de foto.", "Getest door onze eigen mensen in weer en wind.",
        "Met liefde gekozen door onze koffieliefhebbers.", "Past in elke tas en op elke plank.",
    ),
    "en": (
        "Made for daily use and years of pleasure.", "The material is sturdy and easy to clean.",
        "Ideal for beginners and for those who know.", "Comes with a manual in English.",
        "The colour may differ slightly from the picture.", "Tested by our own people in all weather.",
        "Chosen with love by people who drink coffee.", "Fits any bag and any shelf.",
    ),
}  # fmt: skip
CATEGORIES = (
    "Home & Garden > Kitchen & Dining > Kitchen Appliances", "Huis en tuin > Keuken en eetkamer",
    "Sporting Goods > Outdoor Recreation > Camping & Hiking", "Media > Books", "Toys & Games > Toys",
    "Koffie > Bonen", "Apparel & Accessories > Shoes", "",
)  # fmt: skip
_SYLLABLES = "ba de fi ko lu ma ne po ra su ti vo wa ze bro kla stu tri gra spe lin dor men tak vel"


def shop(number: int) -> uuid.UUID:
    """Return the id of one of the bench's shops."""
    return uuid.UUID(int=(7 << 100) + number)


@dataclass(frozen=True, slots=True)
class Goods:
    """A product as it is written, with what it is found by."""

    id: uuid.UUID
    shop_id: uuid.UUID
    sku: str
    title: str
    description: str
    brand: str
    category: str
    price_minor: int
    availability: str
    folded: str


def made_up(draw: random.Random) -> str:
    """Return a name that no dictionary has, such as those of models and roasteries."""
    return "".join(draw.choice(_SYLLABLES.split()) for _ in range(draw.randint(2, 4))).capitalize()


def goods(count: int, seed: int = 24) -> Iterator[Goods]:
    """Give products: half of them Dutch, half English; some words in a fifth of all, others in three."""
    draw = random.Random(seed)
    nouns = {"nl": DUTCH.replace("|", " ").split(), "en": ENGLISH.split()}
    told = {language: words.split() for language, words in TOLD.items()}
    models = [made_up(draw) for _ in range(count // 8 + 1)]
    for number in range(count):
        language = draw.choice(("nl", "en"))
        # Few nouns stand in many titles and most in few, as everywhere.
        noun = nouns[language][min(int(draw.paretovariate(0.9)) - 1, 10**6) % len(nouns[language])]
        brand, model = draw.choice(BRANDS), draw.choice(models)
        marks = draw.sample(told[language], 2)
        size = draw.choice(("250 g", "1 L", "XL", "42", "set", ""))
        title = f"{brand} {model} {noun} {' '.join(marks)} {size}".strip()
        description = f"{noun.capitalize()}. " + " ".join(draw.choices(SENTENCES[language], k=6))
        category = draw.choice(CATEGORIES)
        sku = f"{brand[:3].upper()}-{number:06d}"
        words = index_text(
            title=title,
            brand=brand,
            sku=sku,
            gtin=None,
            category=category,
            product_type=None,
            description=description,
        )
        yield Goods(
            uuid.UUID(int=(9 << 100) + number), shop(number % SHOPS), sku, title, description, brand, category,
            draw.randint(200, 40_000), draw.choice(("in_stock", "in_stock", "out_of_stock")), words,
        )  # fmt: skip


def questions(count: int, sold: list[Goods], seed: int = 42) -> list[tuple[str, str]]:
    """Return questions with their kind: common, rare, two words, typo, part, no hit, only stop words."""
    draw = random.Random(seed)
    asked: list[tuple[str, str]] = []
    for kind in itertools.islice(
        itertools.cycle(("common", "rare", "two", "typo", "part", "none", "stop")), count
    ):
        one = draw.choice(sold)
        brand, model, noun = one.title.split()[:3]
        text = {
            "common": draw.choice(("koffiemolen", "coffee", "waterdicht", "grinder", "Hario", "gemaakt")),
            "rare": model,
            "two": f"{brand} {noun}",
            "typo": _mistyped(noun, draw),
            "part": draw.choice((noun[: max(4, len(noun) - 3)], noun[-5:], "molen", "schoen")),
            "none": made_up(draw) + "q" + made_up(draw).lower(),
            "stop": draw.choice(("de van het", "the of and", "een met voor")),
        }[kind]
        asked.append((kind, text))
    return asked


def _mistyped(word: str, draw: random.Random) -> str:
    place = draw.randrange(1, max(2, len(word) - 2))
    return draw.choice(
        (word[:place] + word[place + 1 :], word[:place] + word[place + 1] + word[place] + word[place + 2 :])
    )


def open_shops(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Write the shops, all of them live."""
    for number in range(SHOPS):
        connection.execute(
            "INSERT INTO shop (id, code, name, legal_name, registration_no, country, currency, state)"
            " VALUES (%s, %s, 'Shop', 'Shop BV', '12345678', 'NL', 'EUR', 'live')",
            [shop(number), f"bench{number}"],
        )


def stock(connection: psycopg.Connection[tuple[object, ...]], made: Iterator[Goods]) -> list[Goods]:
    """Write products by COPY and return them."""
    kept = []
    columns = (
        "id, shop_id, sku, title, description, link, page_digest, brand, price_minor, currency, availability, category,"
        " warnings, content_hash, updated_at, folded"
    )
    with connection.cursor() as cursor, cursor.copy(f"COPY product ({columns}) FROM STDIN") as copy:
        for one in made:
            kept.append(one)
            copy.write_row(
                (
                    one.id, one.shop_id, one.sku, one.title, one.description, f"https://shop.example/{one.sku}",
                    b"0", one.brand, one.price_minor, "EUR", one.availability, one.category, [], b"0", NOW, one.folded,
                )
            )  # fmt: skip
    return kept
