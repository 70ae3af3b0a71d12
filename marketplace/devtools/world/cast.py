"""Everybody who acts in a world that is being played, with what they hold: keys, links, tokens, codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marketplace.devtools.main_job import MainJob
from marketplace.devtools.people import Person
from marketplace.devtools.talk import Caller
from marketplace.devtools.world.events import Link
from marketplace.devtools.world.facts import ShopFacts


@dataclass
class PlayedShop:
    """A shop that has signed up: its owner, its keys, and its offers by number."""

    facts: ShopFacts
    owner: Person
    job: MainJob
    test_key: str
    offers: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def key(self) -> Caller:
        """Return who calls with the shop's live key."""
        return self.job.shop_key


@dataclass
class PlayedAdviser:
    """An adviser who has signed up; `key` is the API key by which they act."""

    person: Person
    key: Caller


@dataclass
class Cast:
    """All of them. shops, advisers, staff: by key; links: by what they lead to; tokens: by mark; codes: by name."""

    facts: Mapping[str, Any]
    shops: dict[str, PlayedShop] = field(default_factory=dict)
    advisers: dict[str, PlayedAdviser] = field(default_factory=dict)
    staff: dict[str, Person] = field(default_factory=dict)
    partnerships: dict[tuple[str, str], str] = field(default_factory=dict)
    links: dict[Link, str] = field(default_factory=dict)
    tokens: dict[int, str] = field(default_factory=dict)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: list[dict[str, Any]] = field(default_factory=list)

    def offer(self, name: str) -> tuple[PlayedShop, dict[str, Any]]:
        """Return the shop and the offer that "shop:number" names."""
        shop, _, number = name.partition(":")
        return self.shops[shop], self.shops[shop].offers[number]

    def logins(self) -> list[dict[str, Any]]:
        """Return the logins for demo.json: Bergkoffie's owner first, then as they were hired and signed up."""
        order = ("owner", "staff", "adviser", "finance", "admin")
        people = [*self.staff.values(), *(one.person for one in self.advisers.values())]
        return [one.login() for one in sorted(people, key=lambda one: order.index(one.role))]
