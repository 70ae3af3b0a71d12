"""Who is who in the demo world: the people of the shops and of the platform, and the twelve advisers.

All of them are invented. What advisers say of themselves, in Dutch and in English, stands in biographies.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.devtools.world.biographies import BIOGRAPHIES, Biography

ADVISERS = 12
# Sign-ups of one address are limited to fifty an hour, and shops have people too.
MOST_ADVISERS = 40


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody with a login who is no adviser: owner or staff of a shop, finance or admin."""

    key: str
    role: str
    name: str
    email: str
    shop: str | None = None
    locale: str = "nl"


@dataclass(frozen=True, slots=True)
class Adviser:
    """An adviser: kind of influence, and the offers ("shop:number") that they join when the world opens.

    connects: the day on which they say where to be paid, None for never.
    """

    key: str
    name: str
    email: str
    kind: str
    offers: tuple[str, ...]
    biography: Biography
    places: tuple[str, ...] = ("blog",)
    connects: int | None = 45


PEOPLE = (
    Staff("sanne", "owner", "Sanne de Vries", "sanne@bergkoffie.example", "coffee"),
    Staff("sam", "staff", "Sam Smit", "sam@bergkoffie.example", "coffee"),
    Staff("kees-jan", "owner", "Kees-Jan Wessels", "keesjan@kwartelpad.example", "hiking"),
    Staff("odile", "owner", "Odile Marchand", "odile@uilenkaft.example", "books"),
    Staff("fatima", "finance", "Fatima Finance", "finance1@aanrader.example", locale="en"),
    Staff("frits", "finance", "Frits Finance", "finance2@aanrader.example", locale="en"),
    Staff("ada", "admin", "Ada Admin", "admin@aanrader.example", locale="en"),
)
_COFFEE, _HIKING, _BOOKS, _SCHOOLS = "coffee:0", "hiking:0", "books:0", "books:1"
# Key, name, kind of influence, offers, places where they share, the day on which they say where to be paid.
_TWELVE = (
    ("bram", "Bram Bakker", "expert", (_COFFEE,), ("blog", "youtube"), 45),
    ("noor", "Noor Jansen", "user", (_COFFEE, _HIKING, _BOOKS), ("reviews",), 45),
    ("ruben", "Ruben de Graaf", "expert", (_HIKING,), ("blog", "newsletter"), 45),
    ("hanneke", "Hanneke Vos", "expert", (_BOOKS, _SCHOOLS), ("newsletter", "blog"), 45),
    ("yara", "Yara El Amrani", "expert", (_BOOKS, _SCHOOLS), ("instagram",), 84),
    ("lieke", "Lieke van Dam", "celebrity", (_HIKING, _COFFEE), ("instagram", "podcast"), 45),
    ("tobias", "Tobias Oost", "celebrity", (_BOOKS,), ("instagram", "youtube"), 84),
    ("gerard", "Gerard Pol", "user", (_COFFEE, _HIKING), ("reviews",), 45),
    ("meilin", "Mei Lin Chen", "user", (_COFFEE, _BOOKS), ("pinterest",), 84),
    ("wesley", "Wesley Prins", "user", (_COFFEE, _HIKING), ("extension",), 84),
    ("fenna", "Fenna de Wit", "friend", (_BOOKS, _COFFEE), ("whatsapp",), 84),
    ("daan", "Daan Kuipers", "friend", (_HIKING,), ("whatsapp",), None),
)
_MORE_FIRST = ("Iris", "Mark", "Sanae", "Otto", "Linde", "Pim", "Amal", "Ward", "Elske", "Nico")
_MORE_LAST = ("Verhoef", "Drost", "Kaya", "Bergsma")
_MORE_OFFERS = ((_COFFEE,), (_HIKING,), (_BOOKS,), (_COFFEE, _HIKING), (_HIKING, _BOOKS))


def advisers(scale: int = 1) -> tuple[Adviser, ...]:
    """Return the advisers of a world of this scale: the twelve, and up to MOST_ADVISERS ordinary users more."""
    twelve = tuple(
        Adviser(key, name, f"{key}@advice.example", kind, offers, BIOGRAPHIES[key], places, connects)
        for key, name, kind, offers, places, connects in _TWELVE
    )
    return twelve + tuple(
        _another(number) for number in range(min(ADVISERS * scale, MOST_ADVISERS) - ADVISERS)
    )


def _another(number: int) -> Adviser:
    first, last = (
        _MORE_FIRST[number % len(_MORE_FIRST)],
        _MORE_LAST[number // len(_MORE_FIRST) % len(_MORE_LAST)],
    )
    key = f"{first.lower()}-{last.lower()}"
    return Adviser(
        key,
        f"{first} {last}",
        f"{key}@advice.example",
        "user",
        _MORE_OFFERS[number % len(_MORE_OFFERS)],
        Biography(
            "Koper die opschrijft wat hij of zij vindt.", "A buyer who writes down what they think.", "", ""
        ),
        ("reviews",),
    )
