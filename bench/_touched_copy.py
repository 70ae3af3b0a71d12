"""Writing the world of the bench of attribution into PostgreSQL, by COPY."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
from collections.abc import Iterable
from typing import Any

import psycopg

from bench._touched import (
    ADVISER,
    CODE,
    DAY,
    FAR,
    LINK,
    OFFER,
    PERSON,
    SHOP,
    START,
    World,
    made_id,
    order_id,
)

_NO_DIGEST = "\\\\x" + "00" * 32
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def instant(us: int) -> str:
    """Return an instant as PostgreSQL reads it."""
    return (_EPOCH + dt.timedelta(microseconds=us)).isoformat()


def copy(cursor: psycopg.Cursor[Any], table: str, columns: str, rows: Iterable[Iterable[object]]) -> None:
    """Send rows as text; a dash is nothing."""
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
    copy(
        cursor, "adviser", "id, user_id, code, display_name, country, kind",
        ((_id(ADVISER, one), _id(PERSON, one), one, "x", "NL", "expert") for one in world.advisers),
    )  # fmt: skip
    serial = itertools.count()
    copy(
        cursor, "adviser_state", "id, adviser_id, state, from_at",
        (
            (_id(99, next(serial)), _id(ADVISER, one), state, instant(at))
            for one, steps in world.advisers.items()
            for at, state in steps
        ),
    )  # fmt: skip
    copy(
        cursor, "offer_state", "id, offer_id, shop_id, state, from_at, actor",
        (
            (_id(99, next(serial)), _id(OFFER, one), _id(SHOP, world.shop_of(one)), state, instant(at), "bench")
            for one, steps in world.offers.items()
            for at, state in steps
        ),
    )  # fmt: skip
    copy(
        cursor, "partnership_event",
        "id, partnership_id, offer_id, shop_id, adviser_id, state, from_at, actor, terms_id",
        (
            (
                _id(99, next(serial)), _id(99, 0), _id(OFFER, offer), _id(SHOP, world.shop_of(offer)),
                _id(ADVISER, adviser), state, instant(at), "bench", _id(99, 0) if state == "accepted" else "-",
            )
            for (offer, adviser), steps in world.pairs.items()
            for at, state in steps
        ),
    )  # fmt: skip
    copy(
        cursor, "commission_terms",
        "id, offer_id, shop_id, currency, version, effective_from, published_at, document, sha256, window_days,"
        " hold_days",
        (
            (
                f"{one.id:032x}", _id(OFFER, offer), _id(SHOP, world.shop_of(offer)), "EUR", number,
                instant(one.from_at), instant(one.from_at), _document(one.own_shop), _NO_DIGEST,
                one.window // DAY, 30,
            )
            for offer, versions in world.terms.items()
            for number, one in enumerate(versions, 1)
        ),
    )  # fmt: skip
    copy(
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
    copy(
        cursor, "attribution_policy", "id, shop_id, version, effective_from, model, code_rule, guard_seconds",
        (
            (_id(99, next(serial)), _id(SHOP, shop), version, instant(at), "last", rule, guard)
            for shop, versions in world.policies.items()
            for version, (at, guard, rule) in enumerate(versions, 1)
        ),
    )  # fmt: skip
    copy(
        cursor, "membership", "id, user_id, shop_id, role, created_at",
        (
            (_id(99, next(serial)), _id(PERSON, adviser), _id(SHOP, shop), "staff", instant(START))
            for shop, advisers in world.own.items()
            for adviser in advisers
        ),
    )  # fmt: skip
    copy(
        cursor, "discount_code", "id, shop_id, offer_id, adviser_id, code, created_at, revoked_at",
        (
            (
                _id(CODE, number), _id(SHOP, shop), _id(OFFER, offer), _id(ADVISER, adviser), f"CODE{number}",
                instant(at), "-" if until == FAR else instant(until),
            )
            for number, (shop, offer, adviser, at, until) in enumerate(world.codes)
        ),
    )  # fmt: skip


def _document(own_shop: bool) -> str:
    base = {"tax": False, "shipping": False, "gift_cards": False}
    return json.dumps(
        {
            "default": {"percent_bp": 1000},
            "rules": [],
            "base": base,
            "minimum": None,
            "maximum": None,
            "own_shop": own_shop,
        }
    )


def _write_touches(cursor: psycopg.Cursor[Any], world: World) -> None:
    visitors = {one: _visitor(one) for one in set(world.touch_visitors)}
    links = [
        "\t".join(
            (_id(LINK, number), _id(SHOP, world.shop_of(offer)), _id(ADVISER, adviser), _id(OFFER, offer))
        )
        for number, (offer, adviser, _) in enumerate(world.links)
    ]
    copy(
        cursor, "touch", "id, link_id, shop_id, adviser_id, offer_id, ts, recorded_at, visitor_id, source",
        (
            (f"{one:032x}", links[link], at, at, visitors[who], "click")
            for one, link, at, who in zip(
                world.touch_ids, world.touch_links, map(instant, world.touch_at), world.touch_visitors, strict=True
            )
        ),
    )  # fmt: skip
    copy(
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
    copy(
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
    copy(
        cursor, "order_token", "order_id, position, result, touch_id",
        (
            (f"{order_id(one.number):032x}", position, "accepted", f"{world.touch_ids[place]:032x}")
            for one in world.orders
            for position, place in enumerate(one.tokens)
        ),
    )  # fmt: skip
