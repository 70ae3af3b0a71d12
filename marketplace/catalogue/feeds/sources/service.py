"""Sources of feeds as a shop sees them: name an address, say how often, pause it, ask for it now."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.catalogue.addresses import AddressUnreadable, read_address
from marketplace.catalogue.feeds.models import FeedFetch, FeedSource
from marketplace.catalogue.feeds.service import ShopClosed
from marketplace.catalogue.feeds.sources.hours import next_fetch
from marketplace.core import audit, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, InvalidInput, NotFound

EVERY = ("hourly", "daily", "weekly", "manual")
MOST_SOURCES = 20
BY_HAND = "by_hand"


class TooManySources(Conflict):
    """A shop named many addresses."""

    code = "too_many_sources"
    title = "This shop has many feed sources"
    detail = "The shop has {count} feed sources, the most that it can have."
    next = "Change one of them instead."


class SourcePaused(Conflict):
    """Nothing is fetched from a paused source."""

    code = "source_paused"
    title = "The source is paused"
    detail = "Source {source_id} is paused: {reason}"
    next = "Resume it first."


def add(
    session: Session, actor: Actor, shop_id: uuid.UUID, data: Mapping[str, Any], now: dt.datetime
) -> FeedSource:
    """Name an address of a shop's feed; one that is fetched on schedule is due at once.

    data: url, every, hour, complete. Raises NotFound, ShopClosed, TooManySources, InvalidInput.
    """
    tenancy.require_shop(actor, "sources.add", shop_id)
    if shops.get(session, shop_id).state == "closed":
        raise ShopClosed(shop_id=shop_id)
    # One after the other, so that they are counted rightly.
    turn = {"key": f"feed_source:{shop_id}"}
    session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), turn)
    counted = sa.select(sa.func.count()).select_from(FeedSource).where(FeedSource.shop_id == shop_id)
    if (count := session.scalars(counted).one()) >= MOST_SOURCES:
        raise TooManySources(count=count)
    source = FeedSource(
        shop_id=shop_id,
        url=_address(data["url"]),
        every=data["every"],
        hour=data["hour"],
        is_complete=data["complete"],
        state="active",
        next_at=None if data["every"] == "manual" else now,
        created_by=actor.user_id,
    )
    session.add(source)
    session.flush()
    _note(session, actor, "add", source, now)
    return source


def _address(url: str) -> str:
    try:
        address = read_address(url)
    except AddressUnreadable as error:
        raise InvalidInput({"url": [str(error)]}) from error
    if not address.url.lower().startswith("https://"):
        raise InvalidInput({"url": ["The address doesn't begin with https://."]})
    return address.url


def visible(actor: Actor) -> sa.Select[FeedSource]:
    """Select the sources of the actor's shops; all of them for the platform."""
    query = sa.select(FeedSource)
    return (
        query if actor.is_platform else query.where(tenancy.shops(actor, "sources.seen", FeedSource.shop_id))
    )


def get(session: Session, actor: Actor, source_id: uuid.UUID, *, lock: bool = False) -> FeedSource:
    """Return a source that the actor may see, locked for a change where that is asked. Raises NotFound."""
    query = visible(actor).where(FeedSource.id == source_id)
    source = session.scalars(query.with_for_update() if lock else query).first()
    if source is None:
        raise NotFound("feed source", source_id)
    return source


def listed(
    session: Session, actor: Actor, *, shop_id: uuid.UUID | None, after: uuid.UUID | None, limit: int
) -> list[FeedSource]:
    """Return up to limit + 1 sources in the order of their ids, after the id `after`."""
    query = visible(actor).order_by(FeedSource.id).limit(limit + 1)
    if shop_id is not None:
        query = query.where(FeedSource.shop_id == shop_id)
    if after is not None:
        query = query.where(FeedSource.id > after)
    return list(session.scalars(query))


def fetches(session: Session, source: FeedSource, *, before: uuid.UUID | None, limit: int) -> list[FeedFetch]:
    """Return up to limit + 1 fetches of a source, newest first, older than the fetch `before`."""
    query = sa.select(FeedFetch).where(FeedFetch.source_id == source.id).order_by(FeedFetch.id.desc())
    if before is not None:
        query = query.where(FeedFetch.id < before)
    return list(session.scalars(query.limit(limit + 1)))


def last_fetch(session: Session, source_ids: list[uuid.UUID]) -> dict[uuid.UUID, FeedFetch]:
    """Return the newest fetch of each of these sources that has one."""
    query = sa.select(FeedFetch).where(FeedFetch.source_id.in_(source_ids))
    ordered = query.ext(distinct_on(FeedFetch.source_id)).order_by(FeedFetch.source_id, FeedFetch.id.desc())
    return {fetch.source_id: fetch for fetch in session.scalars(ordered)}


def change(
    session: Session, actor: Actor, source_id: uuid.UUID, data: Mapping[str, Any], now: dt.datetime
) -> FeedSource:
    """Change url, every, hour or complete; another address or meaning makes the next fetch look at all anew.

    Raises NotFound, InvalidInput.
    """
    source = get(session, actor, source_id, lock=True)
    if "url" in data:
        source.url = _address(data["url"])
        source.failures = 0
    source.every, source.hour = data.get("every", source.every), data.get("hour", source.hour)
    source.is_complete = data.get("complete", source.is_complete)
    if data.keys() & {"url", "complete"}:
        source.etag = source.last_modified = source.sha256 = None
        # A fetch under way is of the address as it was, and of what that meant.
        source.lease = source.lease_until = None
    if source.state == "active" and data.keys() & {"every", "hour"}:
        source.next_at = next_fetch(source.every, source.hour, _country(session, source), now)
    if source.state == "active" and "url" in data and source.every != "manual":
        source.next_at = now
    session.flush()
    _note(session, actor, "change", source, now, fields=sorted(data))
    return source


def fetch_now(session: Session, actor: Actor, source_id: uuid.UUID, now: dt.datetime) -> FeedSource:
    """Let a source be due at once. Raises NotFound, SourcePaused."""
    source = get(session, actor, source_id, lock=True)
    if source.state == "paused":
        raise SourcePaused(source_id=source.id, reason=source.paused_reason or "")
    source.next_at = now if source.next_at is None else min(source.next_at, now)
    session.flush()
    _note(session, actor, "fetch", source, now)
    return source


def pause(session: Session, actor: Actor, source_id: uuid.UUID, now: dt.datetime) -> FeedSource:
    """Fetch nothing more from a source; one that is paused already stays as it is. Raises NotFound."""
    source = get(session, actor, source_id, lock=True)
    if source.state == "active":
        stop(source, BY_HAND, "Somebody of the shop paused it.")
        session.flush()
        _note(session, actor, "pause", source, now)
    return source


def resume(session: Session, actor: Actor, source_id: uuid.UUID, now: dt.datetime) -> FeedSource:
    """Fetch from a source again, at once where it has a schedule; failures before don't count. Raises NotFound."""
    source = get(session, actor, source_id, lock=True)
    if source.state == "paused":
        source.state, source.paused_code, source.paused_reason = "active", None, None
        source.failures, source.next_at = 0, None if source.every == "manual" else now
        session.flush()
        _note(session, actor, "resume", source, now)
    return source


def stop(source: FeedSource, code: str, reason: str) -> None:
    """Pause a source with a reason; a fetch under way comes to nothing."""
    source.state, source.paused_code, source.paused_reason = "paused", code, reason
    source.next_at = source.lease = source.lease_until = None
    source.tries = 0


def _country(session: Session, source: FeedSource) -> str:
    return shops.get(session, source.shop_id).country


def _note(
    session: Session, actor: Actor, act: str, source: FeedSource, now: dt.datetime, **facts: Any
) -> None:
    audit.record(
        session, actor, f"feed_source.{act}", "feed_source", source.id, facts, now=now, shop_id=source.shop_id
    )
