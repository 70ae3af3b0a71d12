"""Facts about the three shops of the demo world: names, places, hours and terms. None of them exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Store:
    """A physical store of a shop."""

    code: str
    name: str
    street: str
    postcode: str
    city: str
    phone: str
    opening_hours: str


@dataclass(frozen=True, slots=True)
class WorldOffer:
    """An offer of a shop: its first terms, and those that take their place in the middle of the 90 days, if any."""

    name: str
    description: str
    terms: Mapping[str, Any]
    later_terms: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ShopFacts:
    """A shop as it signs up, with its stores and its offers; `feed_format` is rss, csv or atom."""

    key: str
    name: str
    legal_name: str
    registration_no: str
    host: str
    language: str
    story_nl: str
    story_en: str
    feed_format: str
    stores: tuple[Store, ...]
    offers: tuple[WorldOffer, ...]
    vat: str | None = None
    country: str = "NL"
    currency: str = "EUR"

    @property
    def hosts(self) -> tuple[str, str]:
        """Return the host that the shop proves, and the one with www in front."""
        return self.host, f"www.{self.host}"

    @property
    def feed_path(self) -> str:
        """Return where the shop's site serves its feed."""
        return "/feeds/google.csv" if self.feed_format == "csv" else "/feeds/google.xml"


_COFFEE = "Food, Beverages & Tobacco > Beverages > Coffee"
_KITCHEN = "Home & Garden > Kitchen & Dining"

_COFFEE_TERMS = {
    "default": {"percent_bp": 1000},
    "rules": [
        {"category": _KITCHEN, "rate": {"percent_bp": 800}},
        {"sku": "BK-005", "rate": {"flat": "40.00", "per": "item"}},
        {"sku": "BK-006", "exclude": True},
    ],
    "maximum": "250.00",
    "window_days": 30,
    "hold_days": 14,
}

BERGKOFFIE = ShopFacts(
    key="coffee",
    name="Bergkoffie",
    legal_name="Bergkoffie B.V.",
    registration_no="24681357",
    host="bergkoffie.example",
    language="nl",
    story_nl=(
        "Bergkoffie brandt sinds 2011 in een oude melkfabriek aan het water in Utrecht, op woensdag en zaterdag. "
        "Wie binnenloopt krijgt eerst een kop koffie en dan pas een verkooppraatje, als dat nog nodig is."
    ),
    story_en=(
        "Bergkoffie has roasted in an old dairy by the water in Utrecht since 2011, on Wednesdays and Saturdays. "
        "Whoever walks in gets a cup of coffee first and a sales talk only if one is still needed."
    ),
    feed_format="rss",
    stores=(
        Store(
            "UTR1",
            "Bergkoffie Melkfabriek",
            "Melkkade 18",
            "3599 ZA",
            "Utrecht",
            "+31 30 555 01 18",
            "di-vr 9.00-18.00, za 9.00-17.00",
        ),
        Store(
            "ARN1",
            "Bergkoffie Steilstraat",
            "Steilstraat 7",
            "6899 ZB",
            "Arnhem",
            "+31 26 555 01 07",
            "wo-za 10.00-17.30",
        ),
    ),
    offers=(
        WorldOffer(
            "Koffie die iemand voor je koos",
            "Tien procent over bonen en gemalen koffie, acht over apparaten, een vast bedrag voor de Gletsjer.",
            _COFFEE_TERMS,
            # From the middle on beans earn more, and machines less.
            {
                **_COFFEE_TERMS,
                "default": {"percent_bp": 900},
                "rules": [
                    {"category": _COFFEE, "rate": {"percent_bp": 1200}},
                    {"category": _KITCHEN, "rate": {"percent_bp": 600}},
                    {"sku": "BK-005", "rate": {"flat": "30.00", "per": "item"}},
                    {"sku": "BK-006", "exclude": True},
                ],
            },
        ),
    ),
)

KWARTELPAD = ShopFacts(
    key="hiking",
    name="Kwartelpad",
    legal_name="Kwartelpad Buitenwinkel B.V.",
    registration_no="35791246",
    host="kwartelpad.example",
    language="nl",
    story_nl=(
        "Kwartelpad begon als schoenmakerij en verzoolt nog altijd wandelschoenen, ook die van een ander. "
        "Op de zolder in Deventer staat een helling van keien waarop je schoenen eerst een half uur inloopt."
    ),
    story_en=(
        "Kwartelpad began as a cobbler's and still resoles walking boots, including those bought elsewhere. "
        "In the attic in Deventer there is a slope of boulders on which you walk in your boots for half an hour."
    ),
    feed_format="csv",
    stores=(
        Store(
            "DEV1",
            "Kwartelpad Deventer",
            "Leestpoort 3",
            "7499 ZC",
            "Deventer",
            "+31 570 555 003",
            "ma 13.00-18.00, di-vr 9.30-18.00, za 9.30-17.00",
        ),
        Store(
            "MAA1",
            "Kwartelpad Maastricht",
            "Keiweg 41",
            "6299 ZD",
            "Maastricht",
            "+31 43 555 00 41",
            "di-za 10.00-18.00",
        ),
        Store(
            "GRO1",
            "Kwartelpad Groningen",
            "Wierdesingel 12",
            "9799 ZE",
            "Groningen",
            "+31 50 555 00 12",
            "wo-za 10.00-17.30, do tot 21.00",
        ),
    ),
    offers=(
        WorldOffer(
            "Goed op pad",
            "Zeven procent over alles wat je draagt, vijf over schoenen, omdat die vaker terugkomen.",
            {
                "default": {"percent_bp": 700},
                "rules": [
                    {"category": "Apparel & Accessories > Shoes", "rate": {"percent_bp": 500}},
                    {"category": "Media > Books", "rate": {"flat": "1.50", "per": "item"}},
                ],
                "maximum": "75.00",
                "window_days": 45,
                "hold_days": 30,
            },
        ),
    ),
)

UILENKAFT = ShopFacts(
    key="books",
    name="Uilenkaft",
    legal_name="Kinderboekwinkel Uilenkaft V.O.F.",
    registration_no="46802135",
    host="uilenkaft.example",
    language="nl",
    story_nl=(
        "Uilenkaft is een kinderboekwinkel in Haarlem met een leestrap van elf treden, een voor elke leeftijd. "
        "Elk boek is door een van de vier boekverkopers helemaal gelezen voordat het op een tree mag."
    ),
    story_en=(
        "Uilenkaft is a children's bookshop in Haarlem with a reading staircase of eleven steps, one for each age. "
        "One of its four booksellers has read every book to the end before it may lie on a step."
    ),
    feed_format="atom",
    stores=(
        Store(
            "HAA1",
            "Uilenkaft",
            "Uilensteeg 11",
            "2099 ZF",
            "Haarlem",
            "+31 23 555 00 11",
            "di-za 10.00-17.30, zo 12.00-16.00",
        ),
    ),
    offers=(
        WorldOffer(
            "Voorlezers gezocht",
            "Acht procent over elk boek dat door jouw verhaal bij een kind terechtkomt.",
            {"default": {"percent_bp": 800}, "minimum": "0.50", "window_days": 30, "hold_days": 21},
        ),
        WorldOffer(
            "Boekenpakketten voor scholen",
            "Een vast bedrag per bestelling voor wie een school aan boeken helpt.",
            {"default": {"flat": "7.50", "per": "order"}, "window_days": 60, "hold_days": 30},
        ),
    ),
)

SHOPS: tuple[ShopFacts, ...] = (BERGKOFFIE, KWARTELPAD, UILENKAFT)
