"""What it costs to decide about 100,000 orders again over a million touches, against one scan of those touches.

`./dev bench attribution [--touches N] [--orders N] [--rounds N] [--seed N]`. Ours is all of `replay`: the orders with
their tokens, the touches of their visitors and of their customers' earlier orders, everybody's state at each instant,
terms, windows, guards, codes, and the comparison with the decision that is stored. The limit is one scan of the touches
by the same session's settings, on one core. What is stored was decided by an oracle in plain Python, which asks of each
touch alone whether it could win; the bench fails when one of the orders differs, or when a wrong winner is not found.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import secrets
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from operator import itemgetter

import psycopg
import sqlalchemy as sa

from bench import _touched, _touched_copy
from bench._server import Books, books, report, server_cpu
from bench._touched import CODE, DAY, LINK, SECOND, Bound, Order, World, made_id, order_id
from marketplace.core import config, db
from tracking.attribution import replay
from tracking.attribution.replay import Slice

# Takes every row apart up to the visitor's id, and reads the two that every decision asks for.
SCAN = sa.text("SELECT count(visitor_id), max(ts) FROM touch")
# The least that any decision reads: the order, what is stored for it, its tokens, and the last touch of each visitor;
# no customer, no code, no rule.
LEAST = sa.text(
    "SELECT count(a.touch_id), max(h.ts) FROM shop_order o"
    " JOIN (SELECT DISTINCT ON (order_id) order_id, touch_id FROM attribution ORDER BY order_id DESC, n DESC) a"
    " ON a.order_id = o.id"
    " LEFT JOIN order_token k ON k.order_id = o.id"
    " LEFT JOIN LATERAL (SELECT t.ts FROM touch t WHERE t.shop_id = o.shop_id AND t.visitor_id = k.visitor_id"
    " AND t.ts <= o.ordered_at ORDER BY t.ts DESC, t.id DESC LIMIT 1) h ON true"
)
WRONG = 7
Nobody = tuple[None, None, None, None, None, None]
Somebody = tuple[int, int, int | None, int | None, int | None, int]


class Oracle:
    """Who gets an order, said by asking of each touch alone whether nobody beats it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.of_visitor: dict[int, list[int]] = {}
        for place, visitor in enumerate(world.touch_visitors):
            if visitor is not None:
                self.of_visitor.setdefault(visitor, []).append(place)
        self.of_customer: dict[tuple[int, int], list[Order]] = {}
        for order in world.orders:
            if order.customer is not None:
                self.of_customer.setdefault((order.shop, order.customer), []).append(order)

    def decide(self, order: Order) -> Nobody | Somebody:
        """Return adviser, offer, link, touch, code and terms; links, offers, codes and advisers as their numbers."""
        world, at = self.world, min(order.ordered_at, order.received_at)
        guard, rule = self._policy(order)
        found = []
        for place in self._places(order):
            offer, adviser, _ = world.links[world.touch_links[place]]
            bound = self._bound(place, order.shop, at)
            if bound is not None:
                found.append((world.touch_at[place], world.touch_ids[place], place, adviser, offer, bound.id))
        if order.code is not None and rule == "override":
            shop, offer, adviser, made, gone = world.codes[order.code]
            bound = self._in_force(offer, adviser, at)
            earns = bound is not None and (bound.own_shop or adviser not in world.own[shop])
            if bound is not None and earns and made <= at < gone:
                same = [one for one in found if one[3] == adviser and one[4] == offer]
                if not same:
                    return adviser, offer, None, None, order.code, bound.id
                return self._won(max(same), order.code)
        if not found:
            return (None,) * 6
        old = [one for one in found if at - one[0] >= guard * SECOND]
        leader = max(old) if old else min(found)
        return self._won(max(one for one in found if one[3] == leader[3]), None)

    def _won(self, one: tuple[int, int, int, int, int, int], code: int | None) -> Somebody:
        _, touch, place, adviser, offer, terms = one
        return adviser, offer, self.world.touch_links[place], touch, code, terms

    def _policy(self, order: Order) -> tuple[int, str]:
        versions = [one for one in self.world.policies.get(order.shop, ()) if one[0] <= order.ordered_at]
        return max(versions)[1:] if versions else (0, "override")

    def _places(self, order: Order) -> set[int]:
        known = set(order.tokens)
        if order.customer is not None:
            for earlier in self.of_customer[order.shop, order.customer]:
                if earlier.ordered_at <= order.ordered_at:
                    known |= set(earlier.tokens)
        visitors = {self.world.touch_visitors[place] for place in known} - {None}
        return known.union(*(self.of_visitor[one] for one in visitors if one is not None))

    def _bound(self, place: int, shop: int, at: int) -> Bound | None:
        """Return the terms under which a touch could get an order of a shop at an instant, None when it can't."""
        world, ts = self.world, self.world.touch_at[place]
        offer, adviser, gone = world.links[world.touch_links[place]]
        if (
            ts > at
            or world.touch_verdicts[place] not in (None, "qualified")
            or (gone is not None and gone <= ts)
        ):
            return None
        bound = self._in_force(offer, adviser, ts)
        if bound is None or at >= ts + bound.window or (adviser in world.own[shop] and not bound.own_shop):
            return None
        return bound

    def _in_force(self, offer: int, adviser: int, ts: int) -> Bound | None:
        world = self.world
        states = (
            (world.advisers[adviser], "active"),
            (world.offers[offer], "open"),
            (world.pairs[offer, adviser], "accepted"),
        )
        for steps, wanted in states:
            # Histories are short: the last step that is not later says it.
            if next(state for since, state in reversed(steps) if since <= ts) != wanted:
                return None
        return max((one for one in world.terms[offer] if one.from_at <= ts), key=lambda one: one.from_at)


class _Times:
    """How long something took, each time, by the clock and by the server's CPU, both in seconds."""

    def __init__(self, made: Books) -> None:
        self.server = made.server
        self.clock: list[float] = []
        self.cpu: list[float] = []

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Measure one time."""
        used, start = server_cpu(self.server), time.monotonic()
        yield
        self.clock.append(time.monotonic() - start)
        self.cpu.append(server_cpu(self.server) - used)


def store(superuser: psycopg.Connection[tuple[object, ...]], world: World) -> float:
    """Write the oracle's decisions as those that stand; return how long it thought about them."""
    oracle, start = Oracle(world), time.monotonic()
    decided = [(order, oracle.decide(order)) for order in world.orders]
    thought = time.monotonic() - start
    [(policy,)] = superuser.execute("SELECT id FROM attribution_policy WHERE shop_id IS NULL").fetchall()
    receipt = json.dumps({"candidates": [], "unscreened": []})

    def lines() -> Iterator[tuple[object, ...]]:
        for order, (adviser, offer, link, touch, code, terms) in decided:
            yield (
                f"{made_id(98, order.number):032x}", f"{order_id(order.number):032x}",
                f"{made_id(_touched.SHOP, order.shop):032x}", 1, "decided", "worker", "last", policy,
                _id(_touched.ADVISER, adviser), _id(_touched.OFFER, offer), _id(LINK, link),
                "-" if touch is None else f"{touch:032x}", _id(CODE, code), "-" if terms is None else f"{terms:032x}",
                receipt, _touched_copy.instant(order.received_at + DAY),
            )  # fmt: skip

    with superuser.cursor() as cursor:
        _touched_copy.copy(
            cursor,
            "attribution",
            "id, order_id, shop_id, n, state, decided_by, model, policy_id, adviser_id, offer_id, link_id, touch_id,"
            " code_id, terms_id, receipt, decided_at",
            lines(),
        )
    return thought


def _id(kind: int, number: int | None) -> str:
    return "-" if number is None else f"{made_id(kind, number):032x}"


def spoil(superuser: psycopg.Connection[tuple[object, ...]], world: World) -> set[uuid.UUID]:
    """Give a few orders to nobody although somebody won them, and return which."""
    places = range(len(world.orders) // WRONG // 2, len(world.orders), len(world.orders) // WRONG)
    ids = [uuid.UUID(int=order_id(world.orders[place].number)) for place in places]
    superuser.execute("ALTER TABLE attribution DISABLE TRIGGER USER")
    changed = superuser.execute(
        "UPDATE attribution SET adviser_id = NULL, offer_id = NULL, link_id = NULL, touch_id = NULL, code_id = NULL,"
        " terms_id = NULL WHERE order_id = ANY (%s) AND adviser_id IS NOT NULL RETURNING order_id",
        [ids],
    ).fetchall()
    return set(map(itemgetter(0), changed))


def measure(made: Books, world: World, rounds: int) -> bool:
    """Time the rounds, prove that nothing differs and that what is spoilt is found; return whether the floor holds."""
    with made.superuser() as superuser:
        _touched_copy.write(superuser, world)
        thought = store(superuser, world)
        superuser.execute("SET session_replication_role = origin")
        superuser.execute("VACUUM (ANALYZE)")
        db.init(made.url("aanrader_worker"), limit=600)
        limits, ours, least = _Times(made), _Times(made), _Times(made)
        found = replay.Replay(0, 0, 0, 0, ())
        with db.session() as session:
            session.execute(sa.text("SET max_parallel_workers_per_gather = 0"))
            for _ in range(rounds):
                for _ in range(3):
                    with limits.one():
                        session.execute(SCAN).all()
                with least.one():
                    session.execute(LEAST).all()
                with ours.one():
                    found = replay.replay(session, Slice(), at_once=len(world.orders) + 1)
        if found != replay.Replay(len(world.orders), found.looked_fully, 0, 0, ()):
            raise RuntimeError(f"the replay differs from the oracle: {found.differences[:3]} of {found}")
        wrong = spoil(superuser, world)
        with db.session() as session:
            named = {one.order_id for one in replay.replay(session, Slice()).differences}
        if named != wrong or not wrong:
            raise RuntimeError(f"{len(wrong)} orders were spoilt and {len(named & wrong)} of them found")
    db.close()
    limit = statistics.median(limits.clock)
    return report(
        "attribution",
        "replay",
        statistics.median(ours.clock),
        f"s for {len(world.orders)} orders over {len(world.touch_ids)} touches (limit: one scan of the touches)",
        limit,
        statistics.median(ours.clock) / limit,
        6.0,
        better="lower",
        ratio_cpu=round(statistics.mean(ours.cpu) / statistics.mean(limits.cpu), 2),
        least_ratio=round(statistics.median(least.clock) / limit, 2),
        least_ratio_cpu=round(statistics.mean(least.cpu) / statistics.mean(limits.cpu), 2),
        looked_fully=found.looked_fully,
        judged_in_python=found.judged,
        equal_to_oracle=found.orders,
        spoilt_and_found=len(wrong),
        oracle_seconds=round(thought, 2),
    )


def main() -> int:
    """Run the bench; 1 when the limit was passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--touches", type=int, default=1_000_000)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    config.use(dataclasses.replace(config.current(), mode="test", secret_key=secrets.token_hex(32)))
    world = _touched.draw(options.seed, options.touches, options.orders)
    with books() as made:
        return 0 if measure(made, world, options.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
