"""Switching a link off and on again; what it earned stays, and when it was off is kept for every later look."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import audit, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound
from tracking.links import refusals
from tracking.links.models import LinkRest, TrackedLink


def disable(session: Session, actor: Actor, link_id: uuid.UUID, now: dt.datetime) -> TrackedLink:
    """Switch a link off: it still leads to the shop and earns nothing. Doing it twice changes nothing.

    Raises NotFound for another adviser's link, OfferLinkStays.
    """
    link = _locked(session, actor, link_id)
    if link.kind == "offer":
        raise refusals.OfferLinkStays(link_id=link_id, id=link.partnership_id)
    if link.disabled_at is None:
        link.disabled_at, link.disabled_by = now, _as(actor)
        session.flush()
        _recorded(session, actor, "link.disable", link, now)
    return link


def enable(session: Session, actor: Actor, link_id: uuid.UUID, now: dt.datetime) -> TrackedLink:
    """Switch a link on again: clicks from `now` on earn, those while it was off never do. Twice changes nothing.

    Raises NotFound for another adviser's link, LinkStaysOff for an adviser when an admin switched it off.
    """
    link = _locked(session, actor, link_id)
    if link.disabled_at is None:
        return link
    if link.disabled_by == "admin" and _as(actor) != "admin":
        raise refusals.LinkStaysOff(link_id=link_id)
    session.add(
        LinkRest(
            id=ids.new_id(),
            link_id=link.id,
            shop_id=link.shop_id,
            adviser_id=link.adviser_id,
            from_at=link.disabled_at,
            to_at=max(now, link.disabled_at),
        )
    )
    link.disabled_at, link.disabled_by = None, None
    session.flush()
    _recorded(session, actor, "link.enable", link, now)
    return link


def _as(actor: Actor) -> str:
    return "admin" if "admin" in actor.roles else "adviser"


def _locked(session: Session, actor: Actor, link_id: uuid.UUID) -> TrackedLink:
    query = sa.select(TrackedLink).where(TrackedLink.id == link_id)
    if _as(actor) != "admin":
        query = query.where(tenancy.adviser(actor, "links.disable", TrackedLink.adviser_id))
    link = session.scalars(query.with_for_update()).first()
    if link is None:
        raise NotFound("link", link_id)
    return link


def _recorded(session: Session, actor: Actor, act: str, link: TrackedLink, now: dt.datetime) -> None:
    audit.record(session, actor, act, "tracked_link", link.id, {}, now=now, shop_id=link.shop_id)
