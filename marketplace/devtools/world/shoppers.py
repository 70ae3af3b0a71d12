"""The shoppers of the demo world: forty people with names and habits, and as many more of their kind as a scale asks.

They have no accounts: to a shop each is a customer number and an e-mail address, to the edge a browser.
"""

from __future__ import annotations

from dataclasses import dataclass

COUNT = 40
_FIRST = (
    "Stan", "Kees", "Aisha", "Pieter", "Eva", "Mohammed", "Sophie", "Willem", "Fatma", "Lars",
    "Julia", "Henk", "Emma", "Youssef", "Anouk", "Jeroen", "Lotte", "Chen", "Marieke", "Bas",
    "Inge", "Tariq", "Roos", "Dirk", "Nadia", "Koen", "Femke", "Rachid", "Saskia", "Thijs",
    "Wilma", "Amir", "Hilde", "Joost", "Priya", "Maarten", "Tess", "Hugo", "Zoë", "Arjan",
)  # fmt: skip
_LAST = (
    "de Boer", "Visser", "Yilmaz", "van Dijk", "Mulder", "Haddad", "Smit", "de Groot", "Demir", "Peters",
    "van den Berg", "Bos", "Hendriks", "Amrani", "Dekker", "Brouwer", "de Haan", "Wong", "Dijkstra", "Kok",
    "Vermeulen", "Aziz", "van Leeuwen", "Jacobs", "Bouzid", "Schouten", "van der Meer", "Idrissi", "Prins", "Huisman",
    "Postma", "Farah", "Kuiper", "Willems", "Sharma", "Evers", "Timmermans", "Blom", "Martens", "Gerritsen",
)  # fmt: skip
# What each kind of shopper does before buying; the story of Stan is in story.py, of Kees there is none to tell.
HABITS = (
    "wanders", "finds", "reads", "reads", "codes", "finds", "wanders", "local", "reads", "finds",
    "reads", "local", "wanders", "finds", "reads", "forgets", "reads", "finds", "wanders", "codes",
    "reads", "finds", "local", "reads", "wanders", "finds", "reads", "codes", "finds", "reads",
    "local", "wanders", "reads", "finds", "reads", "forgets", "finds", "reads", "wanders", "local",
)  # fmt: skip
_LIKES = (
    ("coffee", "hiking"), ("hiking", "coffee"), ("books", "coffee"), ("hiking", "hiking"), ("books", "books"),
    ("coffee", "coffee"), ("hiking", "books"), ("coffee", "books"),
)  # fmt: skip
_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{new}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.{minor} Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{new}.0) Gecko/20100101 Firefox/{new}.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_{minor} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{new}.0.0.0 Mobile Safari/537.36",
)


@dataclass(frozen=True, slots=True)
class Shopper:
    """A shopper.

    habit: finds (never follows anybody), reads, wanders, codes, local or forgets; pace: days between two purchases;
    likes: keys of shops, the favourite first.
    """

    key: str
    name: str
    email: str
    browser: str
    habit: str
    likes: tuple[str, ...]
    pace: int


def shoppers(scale: int = 1) -> tuple[Shopper, ...]:
    """Return the shoppers of a world of this scale: forty times it, the first forty always the same."""
    return tuple(_shopper(number) for number in range(COUNT * scale))


def _shopper(number: int) -> Shopper:
    place, round_ = number % COUNT, number // COUNT
    name = f"{_FIRST[place]} {_LAST[(place + 7 * round_) % COUNT]}"
    # Beyond the forty-first round names would repeat, and a number keeps two customers apart anyway.
    key = f"c-{number + 1:04d}"
    browser = _BROWSERS[number % len(_BROWSERS)].format(new=120 + number % 25, minor=number % 7)
    return Shopper(
        key,
        name,
        f"{key}@shopper.example",
        browser,
        HABITS[place],
        _LIKES[number % len(_LIKES)],
        9 + place % 5 * 4,
    )
