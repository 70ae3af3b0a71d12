"""The kinds of mail, as data: which exist, for whom, which can be switched off, and how each is called."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).with_name("mail_kinds.toml")
LANGUAGES = ("en", "nl")


@dataclass(frozen=True, slots=True)
class Said:
    """What a kind is called in one language; because: why it can't be switched off, empty where it can."""

    title: str
    about: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of mail; of: everybody, adviser, shop, finance, or readers, who have no account."""

    name: str
    of: str
    is_essential: bool
    templates: tuple[str, ...]
    said: Mapping[str, Said]


@cache
def kinds() -> dict[str, Kind]:
    """Return all kinds by name, in the order in which they are shown."""
    data = tomllib.loads(DATA.read_text(encoding="utf-8"))
    return {
        name: Kind(
            name,
            row["of"],
            row["essential"],
            tuple(row["templates"]),
            {language: Said(**row[language]) for language in LANGUAGES},
        )
        for name, row in data.items()
    }


@cache
def by_template() -> dict[str, Kind]:
    """Return the kind of each template."""
    return {template: kind for kind in kinds().values() for template in kind.templates}


def of_template(template: str) -> Kind | None:
    """Return the kind of a template, or None for one that the house does not know."""
    return by_template().get(template)
