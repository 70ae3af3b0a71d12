"""A world for the bench of attribution: touches by the million, orders, and every history that a decision asks about.

All of it is drawn from one seed and kept as plain numbers, so that the oracle reads nothing from PostgreSQL.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

SECOND, DAY = 10**6, 86_400 * 10**6
SHOPS, OFFERS_EACH, PAIRS_EACH, LINKS_EACH = 200, 2, 25, 2
START = 1_767_225_600 * SECOND  # 2026-01-01, microseconds since 1970 UTC.
LASTS = 90
FAR = START + 10_000 * DAY
SHOP, ADVISER, OFFER, TERMS, LINK, CODE, PERSON = range(1, 8)


def made_id(kind: int, number: int) -> int:
    """Return the id of a numbered thing of a kind."""
    return (kind << 100) + number


@dataclass(frozen=True, slots=True)
class Bound:
    """A version of terms: from when, how long a click counts, whether the shop's own people may earn."""

    id: int
    from_at: int
    window: int
    own_shop: bool


@dataclass(frozen=True, slots=True)
class Order:
    """An order; `tokens` are places in the list of touches, `code` names a discount code of its shop."""

    number: int
    shop: int
    ordered_at: int
    received_at: int
    tokens: tuple[int, ...]
    customer: int | None
    code: int | None


@dataclass(slots=True)
class World:
    """Everything that was; histories are lists of (instant, state), oldest first. Touches are parallel lists."""

    advisers: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    offers: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    pairs: dict[tuple[int, int], list[tuple[int, str]]] = field(default_factory=dict)
    terms: dict[int, list[Bound]] = field(default_factory=dict)
    links: list[tuple[int, int, int | None]] = field(default_factory=list)
    policies: dict[int, list[tuple[int, int, str]]] = field(default_factory=dict)
    own: dict[int, set[int]] = field(default_factory=dict)
    codes: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    touch_ids: list[int] = field(default_factory=list)
    touch_links: list[int] = field(default_factory=list)
    touch_at: list[int] = field(default_factory=list)
    touch_shoppers: list[int] = field(default_factory=list)
    touch_visitors: list[int | None] = field(default_factory=list)
    touch_verdicts: list[str | None] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)

    def shop_of(self, offer: int) -> int:
        """Return the shop of an offer."""
        return offer // OFFERS_EACH


def draw(seed: int, touches: int, orders: int) -> World:
    """Return the world of a seed."""
    world, chance = World(), random.Random(seed)
    _draw_trade(world, chance)
    _draw_touches(world, chance, touches)
    _draw_orders(world, chance, orders)
    return world


def _some_day(chance: random.Random) -> int:
    return START + chance.randrange(LASTS * 86_400) * SECOND


def _draw_trade(world: World, chance: random.Random) -> None:
    """Draw shops with two offers, each with advisers, links, terms in versions; some leave, are banned or paused."""
    for offer in range(SHOPS * OFFERS_EACH):
        world.offers[offer] = [(START - 9 * DAY, "open")]
        if chance.random() < 0.1:
            at = _some_day(chance)
            world.offers[offer] += [(at, "paused"), (at + chance.randint(1, 9) * DAY, "open")]
        world.terms[offer] = [
            Bound(
                made_id(TERMS, offer * 10 + version),
                START - 9 * DAY if version == 0 else _some_day(chance),
                chance.choice([7, 30, 30, 60]) * DAY,
                chance.random() < 0.2,
            )
            for version in range(chance.choice([1, 1, 2, 3]))
        ]
        world.terms[offer].sort(key=lambda one: one.from_at)
        for adviser in chance.sample(range(SHOPS * PAIRS_EACH), PAIRS_EACH):
            steps = [(START - 9 * DAY, "accepted")]
            if chance.random() < 0.05:
                steps.append((_some_day(chance), "left"))
            world.pairs[offer, adviser] = steps
            for _ in range(LINKS_EACH):
                world.links.append((offer, adviser, _some_day(chance) if chance.random() < 0.02 else None))
    for adviser in {adviser for _, adviser in world.pairs}:
        world.advisers[adviser] = [(START - 9 * DAY, "active")]
        if chance.random() < 0.03:
            at = _some_day(chance)
            world.advisers[adviser] += [(at, "banned")]
            if chance.random() < 0.5:
                world.advisers[adviser].append((at + 5 * DAY, "active"))
    for shop in range(SHOPS):
        if chance.random() < 0.2:
            rule = "ignore" if chance.random() < 0.2 else "override"
            world.policies[shop] = [(_some_day(chance), chance.choice([60, 120, 3600]), rule)]
        of_shop = [pair for pair in world.pairs if world.shop_of(pair[0]) == shop]
        world.own[shop] = {chance.choice(of_shop)[1]} if chance.random() < 0.2 else set()
        for offer, adviser in chance.sample(of_shop, 5):
            at = START - 5 * DAY if chance.random() < 0.8 else _some_day(chance)
            until = at + chance.randint(1, 90) * DAY if chance.random() < 0.3 else FAR
            world.codes.append((shop, offer, adviser, at, until))


def _draw_touches(world: World, chance: random.Random, count: int) -> None:
    """Draw shoppers who come back about ten times to a shop, mostly within days, each time by some link of it.

    Half of the shops know their visitors (consent mode exempt or strict), half store nothing, which is the default.
    """
    by_shop: list[list[int]] = [[] for _ in range(SHOPS)]
    for number, (offer, _, _) in enumerate(world.links):
        by_shop[world.shop_of(offer)].append(number)
    shopper = 0
    rows: list[tuple[int, int, int]] = []
    while len(rows) < count:
        links = chance.choices(by_shop[shopper % SHOPS], k=chance.randint(2, 18))
        at = _some_day(chance)
        for link in links:
            rows.append((at, link, shopper))
            # Two clicks in one instant happen, and then the larger id is the later one.
            at += 0 if chance.random() < 0.02 else int(chance.expovariate(1 / 100_000)) * SECOND
        shopper += 1
    # A touch table grows with time, not by shopper.
    for at, link, who in sorted(rows[:count], key=lambda row: row[0]):
        world.touch_ids.append((at // 1000 << 80) | (7 << 76) | chance.getrandbits(74))
        world.touch_links.append(link)
        world.touch_at.append(at)
        world.touch_shoppers.append(who)
        world.touch_visitors.append(who if who % SHOPS % 2 else None)
        draw = chance.random()
        world.touch_verdicts.append("qualified" if draw < 0.95 else "bot" if draw < 0.98 else None)


def _draw_orders(world: World, chance: random.Random, count: int) -> None:
    """Draw orders that carry up to three tokens of one shopper, some none; a third by customers who come back."""
    of_shopper: dict[int, list[int]] = {}
    for place, shopper in enumerate(world.touch_shoppers):
        of_shopper.setdefault(shopper, []).append(place)
    codes: dict[int, list[int]] = {}
    for number, code in enumerate(world.codes):
        codes.setdefault(code[0], []).append(number)
    drawn = []
    for _ in range(count):
        place = chance.randrange(len(world.touch_ids))
        shop = world.shop_of(world.links[world.touch_links[place]][0])
        carried = {place}
        if chance.random() < 0.3:
            carried |= set(chance.choices(of_shopper[world.touch_shoppers[place]], k=2))
        at = world.touch_at[place] + int(chance.expovariate(1 / 200_000)) * SECOND
        if chance.random() < 0.05:
            at = world.touch_at[place] + chance.randint(-100, 100) * SECOND
        drawn.append(
            (
                at,
                shop,
                at + chance.choice([1, 2, 60, 86_400, -60]) * SECOND,
                tuple(sorted(carried)) if chance.random() < 0.97 else (),
                chance.randrange(200) if chance.random() < 0.33 else None,
                chance.choice(codes[shop]) if chance.random() < 0.05 else None,
            )
        )
    drawn.sort(key=lambda row: (row[0], row[1]))
    for number, (at, shop, received, tokens, customer, named) in enumerate(drawn):
        world.orders.append(Order(number, shop, at, received, tokens, customer, named))


def order_id(number: int) -> int:
    """Return the id of an order; ids grow with time, as ours do."""
    return (number << 80) | (7 << 76) | number
