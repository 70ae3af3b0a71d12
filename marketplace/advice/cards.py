"""Product cards with their facts: what it costs and when that was seen, which shop sells it, whether the button pays.

Everything is asked once for a whole page or a whole list of pages.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.catalogue.models import Product
from marketplace.core import config, hooks, web
from marketplace.core.money import Money
from marketplace.core.schemas import dump_instant, dump_money

# How links of single products are hung up by the room that has them: (session, adviser_id, {product_id: offer_id},
# page_code, now) -> {product_id: path below the edge}. Without it a button leads to the shop's front page.
LINKS: Final = ("advice", "links")
SHOP = sa.table(
    "public_shop_name",
    sa.column("id", sa.Uuid()),
    *(sa.column(name, sa.Text()) for name in ("code", "name", "country", "state")),
)
EARNING = sa.table(
    "public_earning",
    *(sa.column(name, sa.Uuid()) for name in ("adviser_id", "offer_id", "shop_id")),
    sa.column("offer_code", sa.Text()),
)
STALE = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known now of a product. price: what it costs now; before: what it cost before a reduction."""

    id: UUID
    shop_id: UUID
    name: str
    brand: str | None
    image: str | None
    link: str
    price: Money
    before: Money | None
    availability: str | None
    seen_at: dt.datetime | None
    is_retired: bool

    def is_stale(self, now: dt.datetime) -> bool:
        """Tell whether price and stock were last seen more than a day ago."""
        return self.seen_at is None or now - self.seen_at > STALE


def facts(session: Session, product_ids: Collection[UUID]) -> dict[UUID, Facts]:
    """Return what is known of products, by id; those that the reader may not see any more are left out."""
    if not product_ids:
        return {}
    rows = session.scalars(sa.select(Product).where(Product.id.in_(list(product_ids))))
    return {row.id: _facts(row) for row in rows}


def _facts(row: Product) -> Facts:
    sale = row.sale_price
    return Facts(
        row.id, row.shop_id, row.title, row.brand, row.image_link, row.link, sale or row.price,
        row.price if sale is not None else None, row.availability, row.seen_at or row.updated_at,
        row.retired_at is not None,
    )  # fmt: skip


def shops(session: Session, shop_ids: Collection[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """Return code, name, country and state of shops, by id."""
    if not shop_ids:
        return {}
    rows = session.execute(sa.select(SHOP).where(SHOP.c.id.in_(list(shop_ids)))).mappings()
    return {row["id"]: dict(row) for row in rows}


Earning = Mapping[tuple[UUID, UUID], Mapping[str, Any]]


def earning(session: Session, adviser_ids: Collection[UUID]) -> dict[tuple[UUID, UUID], Mapping[str, Any]]:
    """Return in which offers advisers earn now, by adviser and offer."""
    if not adviser_ids:
        return {}
    rows = session.execute(sa.select(EARNING).where(EARNING.c.adviser_id.in_(list(adviser_ids)))).mappings()
    return {(row["adviser_id"], row["offer_id"]): dict(row) for row in rows}


def resolved(
    session: Session, adviser_id: UUID, blocks: Sequence[Mapping[str, Any]], joined: Earning | None = None
) -> list[dict[str, Any]]:
    """Return the product cards among blocks with what is known now; joined: `earning` of who has asked it already.

    Each is its block with `facts` (or None), `shop` (a name), `shop_id`, `pays` and `offer_code`. A card pays when its
    offer is of the product's shop and the adviser earns there now.
    """
    found = [block for block in blocks if block["type"] == "product"]
    known = facts(session, ids_of(found))
    named = shops(session, {one.shop_id for one in known.values()})
    if joined is None:
        joined = earning(session, [adviser_id]) if any(block["offer_id"] for block in found) else {}
    return [_card(block, known, named, joined, adviser_id) for block in found]


def ids_of(blocks: Iterable[Mapping[str, Any]]) -> list[UUID]:
    """Return the products that cards are about."""
    return [UUID(block["product_id"]) for block in blocks if block.get("product_id")]


def _card(
    block: Mapping[str, Any],
    known: Mapping[UUID, Facts],
    named: Mapping[UUID, Mapping[str, Any]],
    joined: Earning,
    adviser_id: UUID,
) -> dict[str, Any]:
    product = known.get(UUID(block["product_id"])) if block["product_id"] else None
    shop = named.get(product.shop_id) if product else None
    terms = joined.get((adviser_id, UUID(block["offer_id"]))) if block["offer_id"] else None
    pays = terms is not None and product is not None and terms["shop_id"] == product.shop_id
    return {
        **block,
        "facts": product,
        "name": block["name"] or (product.name if product else ""),
        "shop": shop["name"] if shop else block["seller"],
        "shop_id": product.shop_id if product else None,
        "pays": pays,
        "offer_code": terms["offer_code"] if terms is not None and pays else None,
    }


def links(
    session: Session, adviser_id: UUID, found: Sequence[Mapping[str, Any]], page_code: str, now: dt.datetime
) -> dict[UUID, str]:
    """Return a path below the edge for each product whose card pays, made where there is none yet."""
    make = hooks.figures.get(LINKS)
    wanted = {card["facts"].id: UUID(card["offer_id"]) for card in found if card["pays"]}
    made: dict[UUID, str] = make(session, adviser_id, wanted, page_code, now) if make and wanted else {}
    return made


def kept(card: Mapping[str, Any], path: str | None) -> dict[str, Any]:
    """Return a card as a version keeps it: plain JSON, with the price and the stock that readers saw."""
    product: Facts | None = card["facts"]
    plain = {name: value for name, value in card.items() if name not in ("facts", "shop_id")}
    return plain | {
        "shop_id": str(card["shop_id"]) if card["shop_id"] else None,
        "path": path,
        "link": product.link if product else card["url"],
        "price": dump_money(product.price) if product else None,
        "availability": product.availability if product else None,
        "seen_at": dump_instant(product.seen_at) if product and product.seen_at else None,
    }


def address(card: Mapping[str, Any], *, adviser_code: str, page_code: str) -> str:
    """Return where the button of a kept card leads: tracked when it pays, else straight to the page."""
    if not card["pays"]:
        return str(card["link"])
    if card["path"]:
        return f"{config.current().edge_url}{card['path']}?p={page_code}"
    return web.tracked_url(adviser_code, card["offer_code"], page_code)
