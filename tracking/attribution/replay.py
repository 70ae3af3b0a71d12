"""Decide about many orders again, set by set in SQL, and compare with the decisions that stand.

This is the promise that everything about money can be replayed: who gets an order follows from the touches, codes,
terms, states and policies that are kept, and from nothing else. Nothing is written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts.models import Adviser, Membership
from marketplace.core import clock
from marketplace.core.hooks import Finding
from tracking.attribution import gathering, replay_sql
from tracking.attribution.models import Attribution
from tracking.orders.models import ShopOrder
from tracking.touches.models import Touch, TouchScreening
from tracking.touches.service import TouchFacts

AT_ONCE = 100_000
# From so many orders on, looking each one up costs more than reading whole tables.
MANY = 20_000
MOST_JUDGED = 1_000
# A row's time is that of the beginning of its transaction; what is less older than a decision than this may not have
# been there to be seen.
UNSEEN = dt.timedelta(seconds=60)
VERIFIED = 5_000
TURNS = 997
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who gets an order, through which touch or code, under which terms; all None: nobody."""

    adviser_id: UUID | None
    offer_id: UUID | None
    link_id: UUID | None
    touch_id: UUID | None
    code_id: UUID | None
    terms_id: UUID | None


@dataclass(frozen=True, slots=True)
class Difference:
    """An order whose decision does not follow from what it was made of."""

    order_id: UUID
    stored: Outcome
    replayed: Outcome


@dataclass(frozen=True, slots=True)
class Slice:
    """Which orders to replay: of one shop or all, with `since <= ordered_at < until`, ids after `after`, oldest first.

    `limit` counts orders, also those whose decision is provisional still and is not compared.
    """

    shop_id: UUID | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    after: UUID = _FIRST
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """What was compared: `orders` in all, of those `looked_fully` by all their touches and `judged` one by one.

    `explained` came out otherwise over what is known today, and as it stands over what was known when it was decided:
    a touch or a screening arrived too late.
    """

    orders: int
    looked_fully: int
    judged: int
    explained: int
    differences: tuple[Difference, ...]


def replay(session: Session, wanted: Slice, *, at_once: int = AT_ONCE, many: int = MANY) -> Replay:
    """Return what differs between the decisions that stand and those made again; as the worker, who sees all rows.

    at_once: how many orders one statement takes, which bounds the memory. many: from how many orders in one statement
    on whole tables are read, where the slice names neither shop nor times; the answer is the same.
    """
    total = Replay(0, 0, 0, 0, ())
    after, left = wanted.after, wanted.limit
    while left is None or left > 0:
        part = at_once if left is None else min(at_once, left)
        found, asked, last = _part(session, replace(wanted, after=after, limit=part), many)
        total = Replay(
            total.orders + found.orders,
            total.looked_fully + found.looked_fully,
            total.judged + found.judged,
            total.explained + found.explained,
            total.differences + found.differences,
        )
        if last is None or asked < part:
            return total
        after, left = last, None if left is None else left - part
    return total


def _part(session: Session, wanted: Slice, many: int) -> tuple[Replay, int, UUID | None]:
    """Return the replay of as many orders as one statement takes, how many these are, and the last one's id if any."""
    values = {
        "shop_id": wanted.shop_id,
        "since": wanted.since,
        "until": wanted.until,
        "after": wanted.after,
    }
    asked, last = session.execute(sa.text(replay_sql.PART), values | {"limit": wanted.limit}).one()
    if last is None:
        return Replay(0, 0, 0, 0, ()), 0, None
    is_whole = asked >= many and (wanted.shop_id, wanted.since, wanted.until) == (None, None, None)
    # Sets of this size are joined by hashing, in memory.
    session.execute(sa.text("SET LOCAL work_mem = '64MB'"))
    statement = replay_sql.WHOLE if is_whole else replay_sql.SOME
    rows = session.execute(sa.text(statement), values | {"last": last}).all()
    session.execute(sa.text("RESET work_mem"))
    provisional, looked_fully = rows[0][:2]
    differing = [_difference(row) for row in rows if row[2] is not None]
    judged = differing[:MOST_JUDGED]
    standing = [one for one in (_judge(session, found) for found in judged) if one is not None]
    unjudged = differing[MOST_JUDGED:]
    found = Replay(
        asked - provisional,
        looked_fully,
        len(judged),
        len(judged) - len(standing),
        (*standing, *unjudged),
    )
    return found, asked, last


def _difference(row: sa.Row[Any]) -> Difference:
    values = tuple(row)
    return Difference(values[2], Outcome(*values[3:9]), Outcome(*values[9:15]))


def _judge(session: Session, found: Difference) -> Difference | None:
    """Decide about one order again by `decide` itself, over what was known when it was decided; None: as it stands.

    What the receipt lists was known. What it doesn't list is left out only if it was not there by then.
    """
    order = session.get_one(ShopOrder, found.order_id)
    looking = session.scalars(
        sa.select(Attribution)
        .where(Attribution.order_id == order.id, Attribution.decided_by != "approval")
        .order_by(Attribution.n.desc())
        .limit(1)
    ).one()
    seen, via = gathering.touches_of(session, order, look_at_clicks=False)
    known = _known_then(session, order, looking, seen)
    own = _own_then(session, order.shop_id, looking.recorded_at)
    winner = gathering.decide_over(session, order, known, via, own).decision.winner
    replayed = (
        Outcome(
            winner.adviser_id,
            winner.offer_id,
            winner.link_id,
            winner.touch_id,
            winner.code_id,
            winner.terms.id,
        )
        if winner
        else Outcome(None, None, None, None, None, None)
    )
    return None if replayed == found.stored else Difference(order.id, found.stored, replayed)


def _known_then(
    session: Session, order: ShopOrder, looking: Attribution, seen: Mapping[UUID, TouchFacts]
) -> dict[UUID, TouchFacts]:
    """Return the touches that a decision could see, screened as far as they were then.

    A touch may have been there while nothing said that it was this customer's: an earlier order, reported later, did.
    """
    within_reach, _ = gathering.touches_of(
        session, order, look_at_clicks=False, reported_by=looking.decided_at - UNSEEN
    )
    listed = {UUID(one["id"]) for one in looking.receipt["candidates"] if one["kind"] == "touch"}
    unscreened = {UUID(one) for one in looking.receipt["unscreened"]}
    rows = session.execute(
        sa.select(Touch.id, Touch.source, Touch.recorded_at, TouchScreening.recorded_at)
        .outerjoin(TouchScreening, TouchScreening.touch_id == Touch.id)
        .where(Touch.id.in_(list(seen)))
    )
    known = {}
    for touch_id, source, recorded_at, screened_at in rows:
        # A request writes business time, a copied click has the wall's.
        looked_at = looking.decided_at if source == "token" else looking.recorded_at
        was_there = touch_id in within_reach and recorded_at < looked_at - UNSEEN
        if touch_id in listed or was_there:
            facts = seen[touch_id]
            is_new = touch_id in unscreened and _since(screened_at, looking.recorded_at)
            known[touch_id] = replace(facts, verdict=None) if is_new else facts
    return known


def _since(at: dt.datetime | None, looked_at: dt.datetime) -> bool:
    return at is not None and at >= looked_at - UNSEEN


def _own_then(session: Session, shop_id: UUID, wall: dt.datetime) -> frozenset[UUID]:
    """Return the advisers who worked for a shop at an instant of the wall's clock."""
    rows = session.scalars(
        sa.select(Adviser.id)
        .join(Membership, Membership.user_id == Adviser.user_id)
        .where(
            Membership.shop_id == shop_id,
            Membership.created_at <= wall,
            sa.or_(Membership.removed_at.is_(None), Membership.removed_at > wall),
        )
    )
    return frozenset(rows)


def replays_equal(session: Session) -> Finding:
    """Replay the newest orders, and as many others from a place that moves on every minute; read-only."""
    ids = sa.select(ShopOrder.id)
    newest = session.scalar(ids.order_by(ShopOrder.id.desc()).offset(VERIFIED).limit(1))
    parts = [replay(session, Slice(after=newest or _FIRST, limit=VERIFIED))]
    first = session.scalar(ids.order_by(ShopOrder.id).limit(1))
    if newest is not None and first is not None:
        turn = int(clock.wall().timestamp()) // 60 % TURNS
        place = UUID(int=first.int - 1 + (newest.int - first.int) * turn // TURNS)
        parts.append(replay(session, Slice(after=place, limit=VERIFIED)))
    return Finding(sum(len(one.differences) for one in parts), sum(one.orders for one in parts))
