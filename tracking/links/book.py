"""An adviser's links as a list to work with: where each leads, what it brought, and what is wrong with it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import config, hooks, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound
from marketplace.core.money import Money
from tracking.links.models import TrackedLink

# Hung up by rooms above: (session, adviser_id, link ids) -> {link id: Earned}.
EARNED = ("links", "earned")
_ROWS = sa.text(
    """
    SELECT l.id, n.name AS shop, o.name AS offer, p.title, p.sku, p.category, p.price_minor, p.sale_price_minor,
           p.currency, p.availability, p.retired_at, s.standing, a.title AS page, t.raw, t.billable, t.own, t.last_day
      FROM tracked_link l
      JOIN offer o ON o.id = l.offer_id
      LEFT JOIN public_shop_name n ON n.id = l.shop_id
      LEFT JOIN product p ON p.id = l.product_id
      LEFT JOIN advice_page a ON a.code = l.placement AND a.adviser_id = l.adviser_id
      LEFT JOIN link_standing s ON s.link_id = l.id
      LEFT JOIN LATERAL (
        SELECT coalesce(sum(c.clicks) FILTER (WHERE c.name = 'raw'), 0)::bigint AS raw,
               coalesce(sum(c.clicks) FILTER (WHERE c.name = 'billable'), 0)::bigint AS billable,
               coalesce(sum(c.clicks) FILTER (WHERE c.name = 'unique'), 0)::bigint
                 - coalesce(sum(c.clicks) FILTER (WHERE c.name = 'billable'), 0)::bigint AS own,
               max(c.day) AS last_day
          FROM click_tally c WHERE c.link_id = l.id) t ON true
     WHERE l.id = ANY (:ids)
    """
)


@dataclass(frozen=True, slots=True)
class Earned:
    """What the orders of a link earn: how many there are, and what stands of them."""

    orders: int
    amount: Money


@dataclass(frozen=True)
class Entry:
    """One link with where it leads, its clicks and what it earned; `trouble` names what is wrong, or None.

    trouble: disabled, left, paused, banned, gone (the product is not sold any more) or out_of_stock.
    page: the title of the advice page that its place is, if it is one.
    """

    link: TrackedLink
    url: str
    shop: str
    offer: str
    title: str | None
    sku: str
    category: str
    price: Money | None
    clicks: int
    raw: int
    own: int
    last_day: dt.date | None
    trouble: str | None
    earned: Sequence[Earned]
    page: str | None

    @property
    def short(self) -> str:
        """Return the address as people read it, without its scheme."""
        return self.url.partition("://")[2]


def listed(
    session: Session,
    actor: Actor,
    *,
    after: uuid.UUID | None = None,
    limit: int = 50,
    words: str | None = None,
    state: str | None = None,
) -> list[Entry]:
    """Return up to limit + 1 links of the acting adviser, newest first, before the id `after`.

    words: of the product, place or address; state: "live" for those that are switched on, "disabled" for the others.
    """
    query = (
        sa.select(TrackedLink)
        .where(tenancy.adviser(actor, "links.book", TrackedLink.adviser_id))
        .order_by(TrackedLink.id.desc())
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(TrackedLink.id < after)
    if state is not None:
        is_off = TrackedLink.disabled_at.is_not(None)
        query = query.where(is_off if state == "disabled" else ~is_off)
    if words:
        product = sa.table("product", sa.column("id", sa.Uuid()), sa.column("title", sa.Text()))
        titles = sa.select(product.c.id).where(product.c.title.icontains(words, autoescape=True))
        query = query.where(
            sa.or_(
                TrackedLink.product_id.in_(titles),
                TrackedLink.placement.icontains(words, autoescape=True),
                TrackedLink.path.icontains(words, autoescape=True),
                TrackedLink.target_url.icontains(words, autoescape=True),
            )
        )
    return _entries(session, session.scalars(query).all())


def one(session: Session, actor: Actor, link_id: uuid.UUID) -> Entry:
    """Return a link of the acting adviser. Raises NotFound, also for another adviser's link to the actor's shop."""
    query = sa.select(TrackedLink).where(
        TrackedLink.id == link_id, tenancy.adviser(actor, "links.book_page", TrackedLink.adviser_id)
    )
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound("link", link_id)
    return _entries(session, [found])[0]


def siblings(session: Session, link: TrackedLink) -> list[TrackedLink]:
    """Return the adviser's other links to the same page, each with a place of its own, newest first."""
    query = sa.select(TrackedLink).where(
        TrackedLink.adviser_id == link.adviser_id,
        TrackedLink.target_url == link.target_url,
        TrackedLink.id != link.id,
    )
    return list(session.scalars(query.order_by(TrackedLink.id.desc()).limit(20)))


def _entries(session: Session, links: Sequence[TrackedLink]) -> list[Entry]:
    ids = [link.id for link in links]
    if not ids:
        return []
    rows = {row.id: row for row in session.execute(_ROWS, {"ids": ids})}
    earned: Mapping[uuid.UUID, Sequence[Earned]] = {}
    if EARNED in hooks.figures:
        earned = hooks.figures[EARNED](session, links[0].adviser_id, ids)
    return [_entry(link, rows[link.id], earned.get(link.id, ())) for link in links]


def _entry(link: TrackedLink, row: Any, earned: Sequence[Earned]) -> Entry:
    has_product = row.title is not None
    now_minor = row.sale_price_minor if row.sale_price_minor is not None else row.price_minor
    return Entry(
        link,
        config.current().edge_url + link.path,
        row.shop or "",
        row.offer,
        row.title,
        row.sku or "",
        row.category or "",
        Money(now_minor, row.currency) if has_product else None,
        row.billable,
        row.raw,
        row.own,
        row.last_day,
        _trouble(link, row, has_product),
        earned,
        row.page,
    )


def _trouble(link: TrackedLink, row: Any, has_product: bool) -> str | None:
    if row.standing not in (None, "live"):
        return str(row.standing)
    # A product that is not sold any more is out of an adviser's sight, so that its link has one and it does not.
    if link.product_id is not None and (not has_product or row.retired_at is not None):
        return "gone"
    return "out_of_stock" if (row.availability or "").replace(" ", "_").lower() == "out_of_stock" else None
