"""A world for the bench of attribution: touches by the million, orders, and every history that a decision asks about.

All of it is drawn from one seed and kept as plain numbers, so that the oracle reads nothing from PostgreSQL.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg

SECOND, DAY = 10**6, 86_400 * 10**6
SHOPS, OFFERS_EACH, PAIRS_EACH, LINKS_EACH = 200, 2, 25, 2
START = 1_767_225_600 * SECOND  # 2026-01-01, microseconds since 1970 UTC.
LASTS = 90
FAR = START + 10_000 * DAY
SHOP, ADVISER, OFFER, TERMS, LINK, CODE, PERSON = range(1, 8)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


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
    """Draw visitors who come back about ten times to a shop, mostly within days, each time by some link of it."""
    by_shop: list[list[int]] = [[] for _ in range(SHOPS)]
    for number, (offer, _, _) in enumerate(world.links):
        by_shop[world.shop_of(offer)].append(number)
    visitor = 0
    rows: list[tuple[int, int, int | None]] = []
    while len(rows) < count:
        links = chance.choices(by_shop[visitor % SHOPS], k=chance.randint(2, 18))
        at = _some_day(chance)
        is_named = chance.random() < 0.85
        for link in links:
            rows.append((at, link, visitor if is_named else None))
            # Two clicks in one instant happen, and then the larger id is the later one.
            at += 0 if chance.random() < 0.02 else int(chance.expovariate(1 / 100_000)) * SECOND
        visitor += 1
    # A touch table grows with time, not by visitor.
    for at, link, who in sorted(rows[:count], key=lambda row: row[0]):
        world.touch_ids.append((at // 1000 << 80) | (7 << 76) | chance.getrandbits(74))
        world.touch_links.append(link)
        world.touch_at.append(at)
        world.touch_visitors.append(who)
        draw = chance.random()
        world.touch_verdicts.append("qualified" if draw < 0.95 else "bot" if draw < 0.98 else None)


def _draw_orders(world: World, chance: random.Random, count: int) -> None:
    """Draw orders that carry up to three tokens of one visitor, some none; a third by customers who come back."""
    of_visitor: dict[int, list[int]] = {}
    for place, visitor in enumerate(world.touch_visitors):
        if visitor is not None:
            of_visitor.setdefault(visitor, []).append(place)
    codes: dict[int, list[int]] = {}
    for number, code in enumerate(world.codes):
        codes.setdefault(code[0], []).append(number)
    drawn = []
    for _ in range(count):
        place = chance.randrange(len(world.touch_ids))
        visitor = world.touch_visitors[place]
        shop = world.shop_of(world.links[world.touch_links[place]][0])
        carried = {place}
        if visitor is not None and chance.random() < 0.3:
            carried |= set(chance.choices(of_visitor[visitor], k=2))
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
    for number, (at, shop, received, tokens, customer, code) in enumerate(drawn):
        world.orders.append(Order(number, shop, at, received, tokens, customer, code))


def order_id(number: int) -> int:
    """Return the id of an order; ids grow with time, as ours do."""
    return (number << 80) | (7 << 76) | number


def instant(us: int) -> str:
    """Return an instant as PostgreSQL reads it."""
    return (_EPOCH + dt.timedelta(microseconds=us)).isoformat()


def _copy(cursor: psycopg.Cursor[Any], table: str, columns: str, rows: Iterable[Iterable[object]]) -> None:
    """Send rows as text: ids as digits, None as nothing."""
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN WITH (NULL '-')") as copy:
        lines = iter(rows)
        while part := list(itertools.islice(lines, 20_000)):
            copy.write("".join("\t".join(map(str, row)) + "\n" for row in part))


def _id(kind: int, number: int) -> str:
    return f"{made_id(kind, number):032x}"


def write(superuser: psycopg.Connection[Any], world: World) -> None:
    """Write the world's histories, touches and orders by COPY; keys to rows that nothing here reads are not checked."""
    superuser.execute("SET session_replication_role = replica")
    with superuser.cursor() as cursor:
        _write_trade(cursor, world)
        _write_touches(cursor, world)
        _write_orders(cursor, world)


def _write_trade(cursor: psycopg.Cursor[Any], world: World) -> None:
    _copy(
        cursor, "adviser", "id, user_id, code, display_name, country, kind",
        ((_id(ADVISER, one), _id(PERSON, one), one, "x", "NL", "expert") for one in world.advisers),
    )  # fmt: skip
    serial = itertools.count()
    _copy(
        cursor, "adviser_state", "id, adviser_id, state, from_at",
        (
            (_id(99, next(serial)), _id(ADVISER, one), state, instant(at))
            for one, steps in world.advisers.items()
            for at, state in steps
        ),
    )  # fmt: skip
    _copy(
        cursor, "offer_state", "id, offer_id, shop_id, state, from_at, actor",
        (
            (_id(99, next(serial)), _id(OFFER, one), _id(SHOP, world.shop_of(one)), state, instant(at), "bench")
            for one, steps in world.offers.items()
            for at, state in steps
        ),
    )  # fmt: skip
    _copy(
        cursor, "partnership_event", "id, partnership_id, offer_id, shop_id, adviser_id, state, from_at, actor, terms_id",
        (
            (
                _id(99, next(serial)), _id(99, 0), _id(OFFER, offer), _id(SHOP, world.shop_of(offer)),
                _id(ADVISER, adviser), state, instant(at), "bench", _id(99, 0) if state == "accepted" else "-",
            )
            for (offer, adviser), steps in world.pairs.items()
            for at, state in steps
        ),
    )  # fmt: skip
    _copy(
        cursor, "commission_terms",
        "id, offer_id, shop_id, currency, version, effective_from, published_at, document, sha256, window_days, hold_days",
        (
            (
                f"{one.id:032x}", _id(OFFER, offer), _id(SHOP, world.shop_of(offer)), "EUR", number, instant(one.from_at),
                instant(one.from_at), _document(one.own_shop), "\\\\x" + "00" * 32, one.window // DAY, 30,
            )
            for offer, versions in world.terms.items()
            for number, one in enumerate(versions, 1)
        ),
    )  # fmt: skip
    _copy(
        cursor, "tracked_link",
        "id, shop_id, offer_id, adviser_id, partnership_id, kind, code, path, target_url, created_at, disabled_at",
        (
            (
                _id(LINK, number), _id(SHOP, world.shop_of(offer)), _id(OFFER, offer), _id(ADVISER, adviser),
                _id(99, 0), "link", number, number, "x", instant(START), "-" if gone is None else instant(gone),
            )
            for number, (offer, adviser, gone) in enumerate(world.links)
        ),
    )  # fmt: skip
    _copy(
        cursor, "attribution_policy", "id, shop_id, version, effective_from, model, code_rule, guard_seconds",
        (
            (_id(99, next(serial)), _id(SHOP, shop), version, instant(at), "last", rule, guard)
            for shop, versions in world.policies.items()
            for version, (at, guard, rule) in enumerate(versions, 1)
        ),
    )  # fmt: skip
    _copy(
        cursor, "membership", "id, user_id, shop_id, role, created_at",
        (
            (_id(99, next(serial)), _id(PERSON, adviser), _id(SHOP, shop), "staff", instant(START))
            for shop, advisers in world.own.items()
            for adviser in advisers
        ),
    )  # fmt: skip
    _copy(
        cursor, "discount_code", "id, shop_id, offer_id, adviser_id, code, created_at, revoked_at",
        (
            (
                _id(CODE, number), _id(SHOP, shop), _id(OFFER, offer), _id(ADVISER, adviser), f"CODE{number}", instant(at),
                "-" if until == FAR else instant(until),
            )
            for number, (shop, offer, adviser, at, until) in enumerate(world.codes)
        ),
    )  # fmt: skip


def _document(own_shop: bool) -> str:
    base = {"tax": False, "shipping": False, "gift_cards": False}
    return json.dumps(
        {"default": {"percent_bp": 1000}, "rules": [], "base": base, "minimum": None, "maximum": None, "own_shop": own_shop}
    )


def _write_touches(cursor: psycopg.Cursor[Any], world: World) -> None:
    visitors = {one: _visitor(one) for one in set(world.touch_visitors)}
    links = [
        "\t".join((_id(LINK, number), _id(SHOP, world.shop_of(offer)), _id(ADVISER, adviser), _id(OFFER, offer)))
        for number, (offer, adviser, _) in enumerate(world.links)
    ]
    _copy(
        cursor, "touch", "id, link_id, shop_id, adviser_id, offer_id, ts, recorded_at, visitor_id, source",
        (
            (f"{one:032x}", links[link], at, at, visitors[who], "click")
            for one, link, at, who in zip(
                world.touch_ids, world.touch_links, map(instant, world.touch_at), world.touch_visitors, strict=True
            )
        ),
    )  # fmt: skip
    _copy(
        cursor, "touch_screening", "touch_id, verdict, own, edge",
        (
            (f"{one:032x}", verdict, "f", "edge")
            for one, verdict in zip(world.touch_ids, world.touch_verdicts, strict=True)
            if verdict is not None
        ),
    )  # fmt: skip


def _visitor(number: int | None) -> str:
    # They lie anywhere, as digests do.
    return "-" if number is None else "\\\\x" + random.Random(number).randbytes(16).hex()


def _write_orders(cursor: psycopg.Cursor[Any], world: World) -> None:
    _copy(
        cursor, "shop_order",
        "id, shop_id, mode, order_ref, source, ordered_at, received_at, is_reported_late, currency, channel,"
        " customer_key, code, shipping_net_minor, shipping_tax_minor",
        (
            (
                f"{order_id(one.number):032x}", _id(SHOP, one.shop), "live", one.number, "api", instant(one.ordered_at),
                instant(one.received_at), "f", "EUR", "web",
                "-" if one.customer is None else f"\\\\x{one.customer:032x}",
                "-" if one.code is None else f"CODE{one.code}", 0, 0,
            )
            for one in world.orders
        ),
    )  # fmt: skip
    _copy(
        cursor, "order_token", "order_id, position, result, touch_id",
        (
            (f"{order_id(one.number):032x}", position, "accepted", f"{world.touch_ids[place]:032x}")
            for one in world.orders
            for position, place in enumerate(one.tokens)
        ),
    )  # fmt: skip
