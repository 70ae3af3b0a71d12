"""Questions about products: by SKU for orders, by address for links, and lists for people."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import public
from marketplace.catalogue.addresses import AddressUnreadable, page_digest, read_address
from marketplace.catalogue.models import Product
from marketplace.core import tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound


def by_sku(session: Session, shop_id: uuid.UUID, skus: Iterable[str]) -> dict[str, Product]:
    """Return the products of a shop by SKU; retired ones too, because an order may still name them."""
    wanted = sorted(set(skus))
    if not wanted:
        return {}
    query = sa.select(Product).where(Product.shop_id == shop_id, Product.sku.in_(wanted))
    return {product.sku: product for product in session.scalars(query)}


def by_link(session: Session, shop_id: uuid.UUID, url: str) -> Product | None:
    """Return the product whose page an address is, or None.

    Compared by `page_digest`: scheme, www., fragment, order of the query and advertisers' parameters don't
    matter. Where variants share a page, the one with the lowest SKU stands for it; retired products don't
    count.
    """
    try:
        digest = page_digest(read_address(url))
    except AddressUnreadable:
        return None
    query = sa.select(Product).where(
        Product.shop_id == shop_id, Product.page_digest == digest, Product.retired_at.is_(None)
    )
    return session.scalars(query.order_by(Product.sku).limit(1)).first()


def visible(actor: Actor) -> sa.Select[Product]:
    """Select the products that an actor may see: all to the platform, a shop's own to its people.

    Advisers see what is published: products that are not retired, of shops that are not closed.
    """
    query = sa.select(Product)
    if actor.is_platform:
        return query
    own = of_own_shops(actor)
    if actor.adviser_id is None:
        return query.where(own)
    open_shops = public.shops_in("draft", "live", "closing")
    return query.where(own | (Product.retired_at.is_(None) & Product.shop_id.in_(open_shops)))


def of_own_shops(actor: Actor) -> sa.ColumnElement[bool]:
    """Return the condition of products of the shops that the actor works for."""
    return tenancy.shops(actor, "products.seen", Product.shop_id)


def get(session: Session, actor: Actor, product_id: uuid.UUID) -> Product:
    """Return a product that the actor may see. Raises NotFound."""
    product = session.scalars(visible(actor).where(Product.id == product_id)).first()
    if product is None:
        raise NotFound("product", product_id)
    return product


def listed(
    session: Session,
    actor: Actor,
    *,
    shop_id: uuid.UUID | None = None,
    sku: str | None = None,
    retired: bool | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> list[Product]:
    """Return up to limit + 1 products in the order of their ids, after the id `after`.

    shop_id, sku: only these; retired: only retired ones, only others, or both when None.
    """
    query = visible(actor).order_by(Product.id).limit(limit + 1)
    if shop_id is not None:
        query = query.where(Product.shop_id == shop_id)
    if sku is not None:
        query = query.where(Product.sku == sku)
    if retired is not None:
        query = query.where(Product.retired_at.is_not(None) if retired else Product.retired_at.is_(None))
    if after is not None:
        query = query.where(Product.id > after)
    return list(session.scalars(query))
