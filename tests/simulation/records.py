"""What people did, as the driver writes it down and the model reads it: facts only, no rule about them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

DAY = timedelta(hours=24)
GONE = {"qty": 0, "net": 0, "tax": 0}  # A line of which all came back.
Line = dict[str, Any]  # sku, qty, net, tax, gift; amounts in minor units
Move = tuple[int, str, int]  # number, kind, what it adds to a commission
Refund = dict[str, dict[str, int]]  # qty and net by the name of the line
Lines = dict[int, int]  # of what is payable, by number
Terms = dict[str, Any]  # default, rules, tax, shipping, gift, minimum, maximum, window, hold
Timeline = list[tuple[datetime, Any]]  # since when, what; oldest first


def at(timeline: Timeline, when: datetime) -> Any:
    """Return what a timeline says at an instant; a change counts from its own instant on."""
    return next((value for since, value in reversed(timeline) if since <= when), None)


@dataclass(frozen=True, order=True)
class Touch:
    """Somebody followed a link; what the edge made of it is known once the click was shipped."""

    ts: datetime
    id: int
    shop: str
    adviser: str
    visitor: str | None
    verdict: str

    @property
    def person(self) -> tuple[str, str] | None:
        return (self.shop, self.visitor) if self.visitor else None


@dataclass(eq=False)
class Shop:
    """What a shop agreed on with advisers and with us."""

    name: str
    currency: str
    policy: tuple[timedelta, str]  # How young a click must be to displace nobody, what a code does.
    terms: Timeline
    fees: Timeline
    codes: dict[str, str]
    partners: dict[str, Timeline]


@dataclass(eq=False)
class Sale:
    """An order as a shop reported it: its lines by their names with one called shipping, and the touches of its tokens."""

    shop: Shop
    ref: str
    mode: str
    ordered: datetime
    received: datetime
    left: dict[str, Line]
    tokens: dict[int, Touch]
    customer: str | None
    code: str | None
    cancelled: bool = False

    @property
    def buyer(self) -> tuple[str, str, str | None]:
        return self.shop.name, self.mode, self.customer


@dataclass
class Payout:
    """What an approved run reserved for somebody, and how far it was seen to go.

    The state is open, paid, in_bank, bank_failed or released (given back).
    """

    adviser: str
    lines: Lines
    state: str = "open"

    @property
    def amount(self) -> int:
        return sum(self.lines.values())


@dataclass
class Facts:
    """All that people, Stripe and banks did so far, and how far the edges' clicks are here."""

    shops: dict[str, Shop]
    states: dict[str, Timeline]  # of advisers
    marks: dict[str, datetime]  # Up to when each edge has shipped its clicks.
    clicks: dict[int, Touch] = field(default_factory=dict)  # Shipped.
    early: dict[tuple[str, str], list[tuple[datetime, datetime, Refund | None]]] = field(default_factory=dict)
    payments: list[tuple[str, str, int, int]] = field(
        default_factory=list
    )  # shop, currency, gross, Stripe's cost
    payouts: dict[str, Payout] = field(default_factory=dict)
    numbers: Iterator[int] = field(
        default_factory=itertools.count
    )  # of moves, in the order in which they came
