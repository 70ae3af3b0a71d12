"""Tracked links: made from a pasted product address, listed; and the link of each accepted offer."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.accounts import advisers, public
from marketplace.catalogue import products
from marketplace.core import audit, config, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import InvalidInput, NotFound
from marketplace.offers.models import Offer, Partnership
from tracking.links import refusals, targets
from tracking.links.models import TrackedLink


def url(link: TrackedLink) -> str:
    """Return the address that the adviser gives to readers."""
    return config.current().edge_url + link.path


def make(session: Session, actor: Actor, data: Mapping[str, Any], now: dt.datetime) -> TrackedLink:
    """Make a tracked link from the address of a product page; asking again for the same returns the same link.

    data: url, and offer_id and placement where given. Raises InvalidInput for an address that no link may lead to,
    HostUnknown, NoPartnership, SeveralOffers, ProductUnknown, AdviserNotActive.
    """
    adviser_id = _active(session, actor, now)
    try:
        address = targets.completed(data["url"])
        target = targets.parse(address, http_allowed=config.current().http_targets_allowed)
    except targets.TargetRefused as refused:
        raise InvalidInput({"url": [str(refused)]}) from refused
    partnership = _partnership(session, adviser_id, target.host, data.get("offer_id"))
    shop_id = partnership.shop_id
    product = products.by_link(session, shop_id, address) or products.by_link(session, shop_id, target.url)
    if product is None:
        offer_link = _find_offer_link(session, partnership)
        raise refusals.ProductUnknown(target.url, url(offer_link) if offer_link else "")
    placement = data.get("placement")
    query = sa.select(TrackedLink).where(
        TrackedLink.adviser_id == adviser_id,
        TrackedLink.offer_id == partnership.offer_id,
        TrackedLink.target_url == target.url,
        TrackedLink.placement.is_not_distinct_from(placement),
        TrackedLink.kind == "link",
        TrackedLink.disabled_at.is_(None),
    )
    present = session.scalars(query.order_by(TrackedLink.id)).first()
    if present is not None:
        return present
    link = _insert(
        session,
        partnership,
        kind="link",
        product_id=product.id,
        target_url=target.url,
        placement=placement,
        now=now,
    )
    audit.record(session, actor, "link.create", "tracked_link", link.id, {}, now=now, shop_id=link.shop_id)
    return link


def insert_link(
    session: Session,
    partnership: Partnership,
    product_id: uuid.UUID,
    target_url: str,
    placement: str,
    now: dt.datetime,
) -> TrackedLink:
    """Make a link to a product of the catalogue at one place; the caller knows that there is none yet."""
    return _insert(
        session,
        partnership,
        kind="link",
        product_id=product_id,
        target_url=target_url,
        placement=placement,
        now=now,
    )


def ensure_offer_link(session: Session, partnership: Partnership, now: dt.datetime) -> TrackedLink:
    """Return the link that stands for a whole offer, made when the adviser first accepts it (decisions D11).

    It leads to the front page of the shop's first verified domain. Raises ShopWithoutDomain.
    """
    host = public.first_host(session, partnership.shop_id)
    present = _find_offer_link(session, partnership)
    if present is not None:
        return present
    if host is None:
        raise refusals.ShopWithoutDomain(shop_id=partnership.shop_id)
    offer = session.get_one(Offer, partnership.offer_id)
    adviser = advisers.get(session, partnership.adviser_id)
    return _insert(
        session,
        partnership,
        kind="offer",
        path=f"/o/{adviser.code}/{offer.code}",
        target_url=f"https://{host}/",
        now=now,
    )


def visible(actor: Actor) -> sa.Select[TrackedLink]:
    """Select an adviser's own links and those to the actor's shops; all for the platform."""
    query = sa.select(TrackedLink)
    if actor.is_platform:
        return query
    own = tenancy.adviser(actor, "links.own", TrackedLink.adviser_id)
    return query.where(own | tenancy.shops(actor, "links.shops", TrackedLink.shop_id))


def get(session: Session, actor: Actor, link_id: uuid.UUID) -> TrackedLink:
    """Return a link that the actor may see. Raises NotFound."""
    link = session.scalars(visible(actor).where(TrackedLink.id == link_id)).first()
    if link is None:
        raise NotFound("link", link_id)
    return link


def listed(
    session: Session, actor: Actor, *, after: uuid.UUID | None, limit: int, offer_id: uuid.UUID | None = None
) -> Sequence[TrackedLink]:
    """Return up to limit + 1 links that the actor may see, newest first, before the id `after`."""
    query = visible(actor).order_by(TrackedLink.id.desc()).limit(limit + 1)
    if offer_id is not None:
        query = query.where(TrackedLink.offer_id == offer_id)
    if after is not None:
        query = query.where(TrackedLink.id < after)
    return session.scalars(query).all()


def standings(session: Session, link_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return what edges make of each link now: live, paused, banned, left or disabled."""
    view = sa.table("link_standing", sa.column("link_id", sa.Uuid()), sa.column("standing", sa.Text()))
    rows = session.execute(
        sa.select(view.c.link_id, view.c.standing).where(view.c.link_id.in_(list(link_ids)))
    )
    return {row.link_id: row.standing for row in rows}


def _active(session: Session, actor: Actor, now: dt.datetime) -> uuid.UUID:
    adviser_id = actor.adviser()
    state = advisers.state_at(session, [adviser_id], now).get(adviser_id, "active")
    if state != "active":
        raise refusals.AdviserNotActive(adviser_id=adviser_id, state=state)
    return adviser_id


def _partnership(
    session: Session, adviser_id: uuid.UUID, host: str, offer_id: uuid.UUID | None
) -> Partnership:
    shop_id = public.shop_of_host(session, host)
    if shop_id is None:
        raise refusals.HostUnknown(host)
    query = (
        sa.select(Partnership)
        .join(Offer, Offer.id == Partnership.offer_id)
        .where(
            Partnership.adviser_id == adviser_id,
            Partnership.shop_id == shop_id,
            Partnership.state == "accepted",
            Offer.state == "open",
        )
        .order_by(Partnership.id)
    )
    if offer_id is not None:
        query = query.where(Partnership.offer_id == offer_id)
    fitting = session.scalars(query).all()
    if not fitting:
        offers = sa.select(Offer.id).where(Offer.shop_id == shop_id, Offer.state == "open").order_by(Offer.id)
        raise refusals.NoPartnership(host, [str(one) for one in session.scalars(offers.limit(5))])
    if len(fitting) > 1:
        raise refusals.SeveralOffers([str(one.offer_id) for one in fitting])
    return fitting[0]


def _find_offer_link(session: Session, partnership: Partnership) -> TrackedLink | None:
    query = sa.select(TrackedLink).where(
        TrackedLink.offer_id == partnership.offer_id,
        TrackedLink.adviser_id == partnership.adviser_id,
        TrackedLink.kind == "offer",
    )
    return session.scalars(query).first()


def _insert(
    session: Session,
    partnership: Partnership,
    *,
    kind: str,
    target_url: str,
    now: dt.datetime,
    path: str | None = None,
    product_id: uuid.UUID | None = None,
    placement: str | None = None,
) -> TrackedLink:
    while True:
        # Codes are random; should one be taken after all, another is drawn.
        code = ids.short_code(8)
        values = {
            "id": ids.new_id(),
            "shop_id": partnership.shop_id,
            "offer_id": partnership.offer_id,
            "adviser_id": partnership.adviser_id,
            "partnership_id": partnership.id,
            "product_id": product_id,
            "kind": kind,
            "code": code,
            "path": path or f"/t/{code}",
            "target_url": target_url,
            "placement": placement,
            "created_at": now,
        }
        made = session.scalars(
            insert(TrackedLink).values(values).on_conflict_do_nothing().returning(TrackedLink.id)
        ).first()
        if made is not None:
            return session.get_one(TrackedLink, made)
        present = _find_offer_link(session, partnership) if kind == "offer" else None
        if present is not None:
            return present
