"""Fetch the pictures that products name, draw them anew, keep them; the products themselves are the queue.

A product of a live shop that names an address for which we have no answer wants its picture. Each is claimed by a lease
of wall time under a number of its own, as pages of products are; what came is written only while that number stands.
"""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.accounts.models import Shop
from marketplace.catalogue.models import Product
from marketplace.core import config, fetch, ids
from marketplace.core.config import Settings
from marketplace.core.fetch import Wish
from marketplace.pictures import service
from marketplace.pictures.drawing import MOST_BYTES, Drawer, Drawn
from marketplace.pictures.models import Picture, ProductPicture
from marketplace.pictures.refusals import PictureRefused

LEASE = dt.timedelta(seconds=120)
DEADLINE = 15
# A shop that reads its catalogue in has other things to do first, and so have we.
NOT_BEFORE = dt.timedelta(seconds=120)
LOOK_AGAIN = dt.timedelta(days=30)
BACK_OFF = dt.timedelta(minutes=10)
LONGEST_WAIT = dt.timedelta(days=7)
MOST_FAILURES = 8


@dataclass(frozen=True, slots=True)
class Claim:
    """A product whose picture is this worker's for a while, and what the last good answer from there said of itself."""

    product_id: uuid.UUID
    shop_id: uuid.UUID
    url: str
    lease: uuid.UUID
    told: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Came:
    """What came for a claim: a picture drawn anew, one that we have (`sha256` alone), or neither, and then why not.

    unchanged: the server said that it is what it was.
    """

    drawn: Drawn | None = None
    sha256: bytes | None = None
    etag: str | None = None
    last_modified: str | None = None
    unchanged: bool = False
    refused: str | None = None
    why: str | None = None


def due(session: Session, wall: dt.datetime, limit: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return shop and product of up to `limit` pictures that are wanted and that nobody fetches, shop by shop."""
    query = (
        sa.select(Product.shop_id, Product.id)
        .join(Shop, Shop.id == Product.shop_id)
        .join(ProductPicture, ProductPicture.product_id == Product.id, isouter=True)
        .where(
            Shop.state == "live",
            Product.retired_at.is_(None),
            Product.image_link.is_not(None),
            Product.created_at < wall - _not_before(),
            _wanted(wall),
        )
        .order_by(Product.shop_id, Product.id)
        .limit(limit)
    )
    return [(shop_id, product_id) for shop_id, product_id in session.execute(query)]


def _not_before() -> dt.timedelta:
    # Whoever starts the demo looks at its pages at once, and its shops stand on the same machine.
    return dt.timedelta() if config.current().mode == "demo" else NOT_BEFORE


def _wanted(wall: dt.datetime) -> sa.ColumnElement[bool]:
    free = ProductPicture.lease_until.is_(None) | (ProductPicture.lease_until < wall)
    # Whoever finishes gives the lease back: one that is over was somebody's who did not.
    left = ProductPicture.lease_until < wall
    stale = (ProductPicture.source_url != Product.image_link) | (ProductPicture.next_at <= wall)
    return ProductPicture.product_id.is_(None) | (free & (stale | left))


def claim(session: Session, product_id: uuid.UUID, wall: dt.datetime) -> Claim | None:
    """Take a product whose picture is wanted; None when somebody else has it or nothing is wanted any more."""
    product = session.get(Product, product_id)
    if product is None or product.image_link is None or product.retired_at is not None:
        return None
    lease = ids.new_id()
    taken = {"lease": lease, "lease_until": wall + LEASE, "asked_at": wall}
    new = insert(ProductPicture).values(
        product_id=product.id, shop_id=product.shop_id, source_url=product.image_link, **taken
    )
    # One statement decides between two workers, whether the row was there or not.
    mine = new.on_conflict_do_update(
        index_elements=[ProductPicture.product_id],
        set_=taken,
        where=ProductPicture.lease_until.is_(None) | (ProductPicture.lease_until < wall),
    ).returning(ProductPicture)
    row = session.scalars(mine).one_or_none()
    if row is None:
        return None
    told = {}
    if row.source_url == product.image_link and row.picture_id is not None:
        named = {"If-None-Match": row.etag, "If-Modified-Since": row.last_modified}
        told = {name: value for name, value in named.items() if value}
    return Claim(product.id, product.shop_id, product.image_link, lease, told)


def ask(claimed: Claim, settings: Settings) -> tuple[bytes, Came]:
    """Return the bytes at a claim's address, and what else came; no bytes where they are not needed or didn't come."""
    file = io.BytesIO()
    try:
        stored = fetch.into(
            claimed.url, settings, file, MOST_BYTES, deadline=DEADLINE, wish=Wish(headers=claimed.told)
        )
    except (fetch.FetchRefused, fetch.FetchFailed) as error:
        return b"", Came(refused=error.code, why=error.message())
    if stored.status == 304 and claimed.told:
        return b"", Came(unchanged=True)
    if stored.status != 200:
        return b"", Came(refused="picture_not_served", why=f"The server answered {stored.status}.")
    etag, changed = _word(stored.headers.get("etag")), _word(stored.headers.get("last-modified"))
    return file.getvalue(), Came(sha256=stored.sha256, etag=etag, last_modified=changed)


def known(session: Session, claimed: Claim, came: Came) -> bool:
    """Tell whether a shop's picture is kept already: variants of a product share one, and so may two days."""
    query = sa.select(Picture.id).where(Picture.shop_id == claimed.shop_id, Picture.sha256 == came.sha256)
    return session.scalars(query).first() is not None


def drawn(data: bytes, came: Came, drawer: Drawer) -> Came:
    """Return what came with the picture drawn anew, or with the reason why it can't be."""
    try:
        return replace(came, drawn=drawer.draw(data))
    except PictureRefused as refused:
        return Came(refused=refused.code, why=refused.message())


def _word(header: str | None) -> str | None:
    return header if header and len(header) <= 200 and header.isascii() and header.isprintable() else None


def finish(session: Session, claimed: Claim, came: Came, wall: dt.datetime) -> bool:
    """Write down what came; False when the claim is no longer this worker's.

    What can't be fetched or drawn is tried again later and later, MOST_FAILURES times; a product that names another
    address by then begins anew.
    """
    query = sa.select(ProductPicture).where(
        ProductPicture.product_id == claimed.product_id, ProductPicture.lease == claimed.lease
    )
    row = session.scalars(query.with_for_update()).one_or_none()
    if row is None:
        return False
    before, elsewhere = row.picture_id, row.source_url != claimed.url
    row.lease = row.lease_until = None
    row.source_url = claimed.url
    if came.refused is not None:
        row.failures = 1 if elsewhere else row.failures + 1
        row.failure_code, row.failure_reason = came.refused, came.why
        row.next_at = None if row.failures >= MOST_FAILURES else wall + _wait(row.failures)
        # The picture of another address is not this product's; one that was here before may be asked for again.
        row.picture_id = None if elsewhere else row.picture_id
    else:
        row.failures, row.failure_code, row.failure_reason = 0, None, None
        row.next_at = wall + LOOK_AGAIN
    if not came.unchanged and came.refused is None:
        row.picture_id = _kept(session, claimed.shop_id, came)
        row.etag, row.last_modified = came.etag, came.last_modified
    session.flush()
    if before is not None and before != row.picture_id:
        _forget(session, before)
    return True


def _wait(failures: int) -> dt.timedelta:
    wait: dt.timedelta = BACK_OFF * 4 ** (failures - 1)
    return min(wait, LONGEST_WAIT)


def _kept(session: Session, shop_id: uuid.UUID, came: Came) -> uuid.UUID:
    """Return the picture of a shop that came, kept now if it wasn't before."""
    same = sa.select(Picture.id).where(Picture.shop_id == shop_id, Picture.sha256 == came.sha256)
    if came.drawn is None:
        # Somebody may have taken it away meanwhile; then it is asked for again soon.
        return session.scalars(same.with_for_update(key_share=True)).one()
    drawn = came.drawn
    values = {"id": ids.new_id(), "kind": "product", "shop_id": shop_id, "sha256": drawn.sha256}
    made = session.scalars(
        insert(Picture)
        .values(**values, width=drawn.width, height=drawn.height)
        .on_conflict_do_nothing()
        .returning(Picture.id)
    ).one_or_none()
    if made is None:
        return session.scalars(same.with_for_update(key_share=True)).one()
    service.keep_files(session, made, drawn)
    return made


def _forget(session: Session, picture_id: uuid.UUID) -> None:
    """Delete a picture that is no product's any more."""
    shown = sa.exists().where(ProductPicture.picture_id == Picture.id)
    session.execute(sa.delete(Picture).where(Picture.id == picture_id, Picture.kind == "product", ~shown))
