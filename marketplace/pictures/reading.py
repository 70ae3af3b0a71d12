"""What pages show: the addresses and sizes of pictures, for many things at once; and the file behind an address."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.catalogue.models import Product
from marketplace.core import db
from marketplace.pictures.models import Picture, PictureFile, ProductPicture
from marketplace.pictures.redraw import WIDTHS

_PUBLIC_SHOP = sa.table("public_shop", sa.column("id", sa.Uuid()), sa.column("state", sa.Text()))
_PUBLIC_ADVISER = sa.table("public_adviser", sa.column("id", sa.Uuid()), sa.column("state", sa.Text()))


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as a page needs it: addresses on our own origin, and its size in pixels for the space that it takes."""

    id: UUID
    width: int
    height: int
    alt: str = ""

    def url(self, width: int) -> str:
        """Return the address of the picture in one of the widths 160, 480 and 960."""
        return f"/pictures/{self.id}/{width}.webp"

    @property
    def url_160(self) -> str:
        """Return the address of the smallest file."""
        return self.url(160)

    @property
    def url_480(self) -> str:
        """Return the address of the file for cards."""
        return self.url(480)

    @property
    def url_960(self) -> str:
        """Return the address of the largest file."""
        return self.url(960)

    @property
    def urls(self) -> dict[str, str]:
        """Return all addresses by width."""
        return {"160": self.url_160, "480": self.url_480, "960": self.url_960}


def of_products(session: Session, product_ids: Collection[UUID]) -> dict[UUID, Shown]:
    """Return the picture of each product that has one to show: on sale, in a live shop, and fetched by now."""
    if not product_ids:
        return {}
    query = (
        sa.select(ProductPicture.product_id, Picture)
        .join(Picture, Picture.id == ProductPicture.picture_id)
        .where(ProductPicture.product_id.in_(product_ids), _on_sale())
    )
    return {product_id: shown(picture) for product_id, picture in session.execute(query)}


def of(session: Session, picture_ids: Collection[UUID]) -> dict[UUID, Shown]:
    """Return pictures that advisers sent and did not remove, by id."""
    if not picture_ids:
        return {}
    query = sa.select(Picture).where(Picture.id.in_(picture_ids), _sent())
    return {picture.id: shown(picture) for picture in session.scalars(query)}


def portraits(session: Session, adviser_ids: Collection[UUID]) -> dict[UUID, Shown]:
    """Return the portrait of each adviser who has one."""
    if not adviser_ids:
        return {}
    query = sa.select(Picture).where(Picture.adviser_id.in_(adviser_ids), Picture.kind == "portrait", _sent())
    return {
        picture.adviser_id: shown(picture)
        for picture in session.scalars(query)
        if picture.adviser_id is not None
    }


def of_page(
    session: Session, product_ids: Collection[UUID], picture_ids: Collection[UUID], adviser_id: UUID
) -> tuple[dict[UUID, Shown], dict[UUID, Shown], Shown | None]:
    """Return in one question what a page shows: pictures of products, those that were sent, and the portrait."""
    query = (
        sa.select(Picture, ProductPicture.product_id)
        .outerjoin(
            ProductPicture,
            sa.and_(
                ProductPicture.picture_id == Picture.id,
                ProductPicture.product_id.in_(product_ids),
                _on_sale(),
            ),
        )
        .where(
            sa.or_(
                ProductPicture.product_id.is_not(None),
                sa.and_(
                    sa.or_(
                        Picture.id.in_(picture_ids),
                        sa.and_(Picture.adviser_id == adviser_id, Picture.kind == "portrait"),
                    ),
                    _sent(),
                ),
            )
        )
    )
    products, sent, portrait = dict[UUID, Shown](), dict[UUID, Shown](), None
    # The side that is joined may be missing, which its type does not say.
    rows: Sequence[Any] = session.execute(query).all()
    for picture, product_id in rows:
        if product_id is not None:
            products[product_id] = shown(picture)
        elif picture.kind == "portrait":
            portrait = shown(picture)
        else:
            sent[picture.id] = shown(picture)
    return products, sent, portrait


def file(picture_id: UUID, width: int) -> bytes | None:
    """Return the WebP that stands at an address, the same for everybody whoever asks; None where nothing does.

    Nothing does for a product that is not on sale in a live shop, for what was removed, and for banned advisers.
    """
    if width not in WIDTHS:
        return None
    of_product = sa.exists().where(ProductPicture.picture_id == Picture.id, _on_sale())
    query = (
        sa.select(PictureFile.webp)
        .join(Picture, Picture.id == PictureFile.picture_id)
        .where(
            PictureFile.picture_id == picture_id,
            PictureFile.width == width,
            sa.or_(_sent(), sa.and_(Picture.kind == "product", of_product)),
        )
    )
    with db.use_scope(db.NOBODY), db.session() as session:
        return session.scalars(query).first()


def shown(picture: Picture) -> Shown:
    """Return a picture as a page needs it."""
    return Shown(picture.id, picture.width, picture.height, picture.alt or "")


def _on_sale() -> sa.ColumnElement[bool]:
    live = sa.exists().where(_PUBLIC_SHOP.c.id == Product.shop_id, _PUBLIC_SHOP.c.state == "live")
    return sa.exists().where(
        Product.id == ProductPicture.product_id,
        Product.retired_at.is_(None),
        Product.image_link.is_not(None),
        live,
    )


def _sent() -> sa.ColumnElement[bool]:
    banned = sa.exists().where(
        _PUBLIC_ADVISER.c.id == Picture.adviser_id, _PUBLIC_ADVISER.c.state == "banned"
    )
    return sa.and_(Picture.kind != "product", Picture.removed_at.is_(None), ~banned)
