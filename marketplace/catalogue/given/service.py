"""Products that a shop's people give themselves: by hand, or by the address of the page where they are sold."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.catalogue import products
from marketplace.catalogue.facts import ProductFacts
from marketplace.catalogue.feeds.service import ShopClosed
from marketplace.catalogue.given.models import ProductPage
from marketplace.catalogue.given.words import columns, words_of, words_of_fields
from marketplace.catalogue.models import Product
from marketplace.catalogue.pages import looking
from marketplace.catalogue.pages.found import PageRead
from marketplace.catalogue.rows.notes import Note
from marketplace.catalogue.rows.reading import RawRow, ReadRow, read_row
from marketplace.core import audit, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import AppError, Conflict, InvalidInput, NotFound

LOOK_AGAIN = dt.timedelta(days=1)
# What a page says of these is believed and nobody else: an adviser's word about a price is not the shop's.
OF_THE_PAGE = ("price", "sale_price", "availability", "link")


class FeedProduct(Conflict):
    """What a feed brings is changed in the feed."""

    code = "feed_product"
    title = "A feed brings this product"
    detail = "Product {sku} comes from a feed of the shop."
    next = "Change it in the feed, or take another article number."


class ProductExists(Conflict):
    """The shop has a product with this article number."""

    code = "product_exists"
    title = "There is such a product already"
    detail = "The shop has a product with the article number {sku}."
    next = "Change that one, or retire it first."


class OfThePage(Conflict):
    """Price and stock of a product that was read from a page are those of the page."""

    code = "of_the_page"
    title = "The page says this"
    detail = "Product {sku} was read from a page, which alone says: {fields}."
    next = "Change the page; it is looked at again every day, or at once when its address is given again."


class PageUnusable(AppError):
    """A page was read, and what it says makes no product."""

    status = 422
    code = "page_unusable"
    title = "That page makes no product"
    detail = "{url}: {reason}"
    next = "Do what the notes say, or give the product by hand."

    def __init__(self, notes: Iterable[Note], **facts: Any) -> None:
        self.notes = list(notes)
        super().__init__(**facts)

    def problem(self) -> dict[str, Any]:
        """Return the problem with the notes about each field."""
        return super().problem() | {"notes": [note.as_dict() for note in renamed(self.notes)]}


def renamed(notes: Iterable[Note]) -> list[Note]:
    """Return notes about fields by the names that products have: a feed's `id` is the article number."""
    return [
        Note("sku", note.code, note.reason, note.fix, note.refuses) if note.field == "id" else note
        for note in notes
    ]


def read_words(session: Session, shop_id: uuid.UUID, words: Mapping[str, str], now: dt.datetime) -> ReadRow:
    """Return what words by the names of a feed's fields amount to for a shop, judged as a row of its feed is."""
    currency, hosts = shops.get(session, shop_id).currency, shops.verified_hosts(session, shop_id)
    return read_row(RawRow(1, words), shop_currency=currency, hosts=hosts, now=now)


def add_by_hand(
    session: Session, actor: Actor, shop_id: uuid.UUID, data: Mapping[str, Any], now: dt.datetime
) -> Product:
    """Store a product as somebody of the shop says; a retired one of theirs comes back like this.

    data: fields of a product, money as Money. Raises NotFound, ShopClosed, InvalidInput, FeedProduct, ProductExists.
    """
    _open_shop(session, actor, shop_id)
    facts = _facts(read_words(session, shop_id, words_of_fields(data), now))
    known = products.by_sku(session, shop_id, [facts.sku]).get(facts.sku)
    if known is not None and known.source != "feed" and known.retired_at is None:
        raise ProductExists(sku=facts.sku)
    product = _keep(session, shop_id, facts, "hand", known, now)
    _stop_looking(session, product)
    audit.record(session, actor, "product.give", "product", product.id, {}, now=now, shop_id=shop_id)
    return product


def add_from_page(
    session: Session,
    actor: Actor,
    shop_id: uuid.UUID,
    page: PageRead,
    own_words: Mapping[str, str],
    now: dt.datetime,
    wall: dt.datetime,
) -> Product:
    """Store the product of a page that we read just now, and look at it again every day; again is a fresh look.

    own_words: what somebody of the shop says, by the names of a feed's fields; `id` also picks one of several
    variants. Raises NotFound, ShopClosed, PageUnusable, FeedProduct.
    """
    _open_shop(session, actor, shop_id)
    wanted = own_words.get("id")
    if wanted and page.variants and all(variant.get("id") != wanted for variant in page.variants):
        reason = f"The page sells no variant with the article number {wanted}."
        note = Note("id", "variant_unknown", reason, "Give the number of one of its variants.", True)
        raise PageUnusable([note, *page.notes], url=page.url, reason=reason)
    words = page.words(wanted) | dict(own_words)
    row = read_words(session, shop_id, words, now)
    host = looking.host(page)
    if host not in shops.verified_hosts(session, shop_id):
        note = Note(
            "link", "host_unverified", f"{host} is not a verified domain of this shop.", "Verify it.", True
        )
        raise PageUnusable([note, *page.notes], url=page.url, reason=note.reason)
    if row.facts is None:
        raise PageUnusable([*row.notes, *page.notes], url=page.url, reason=row.notes[0].reason)
    known = products.by_sku(session, shop_id, [row.facts.sku]).get(row.facts.sku)
    product = _keep(session, shop_id, row.facts, "page", known, now)
    values = {
        "url": page.url, "host": host, "own_words": dict(own_words), "next_at": now + LOOK_AGAIN, "asked_at": wall,
        "lease": None, "lease_until": None, "failures": 0, "failure_code": None, "failure_reason": None,
        "failure_fix": None,
    }  # fmt: skip
    new = insert(ProductPage).values(product_id=product.id, shop_id=shop_id, **values)
    session.execute(new.on_conflict_do_update(index_elements=[ProductPage.product_id], set_=values))
    audit.record(session, actor, "product.paste", "product", product.id, {}, now=now, shop_id=shop_id)
    return product


def _open_shop(session: Session, actor: Actor, shop_id: uuid.UUID) -> None:
    tenancy.require_shop(actor, "products.give", shop_id)
    if shops.get(session, shop_id).state == "closed":
        raise ShopClosed(shop_id=shop_id)


def _facts(row: ReadRow) -> ProductFacts:
    if row.facts is None:
        errors: dict[str, list[str]] = {}
        for note in renamed(row.notes):
            if note.refuses:
                errors.setdefault(note.field, []).append(f"{note.reason} {note.fix}")
        raise InvalidInput(errors)
    return row.facts


def _keep(
    session: Session,
    shop_id: uuid.UUID,
    facts: ProductFacts,
    source: str,
    known: Product | None,
    now: dt.datetime,
) -> Product:
    if known is not None:
        return write(_mine(session, known), facts, source, now)
    values = columns(facts) | {"source": source, "seen_at": now, "updated_at": now}
    new = insert(Product).values(id=ids.new_id(), shop_id=shop_id, sku=facts.sku, **values)
    made = session.scalar(new.on_conflict_do_nothing(index_elements=["shop_id", "sku"]).returning(Product.id))
    if made is None:
        # Somebody was faster, between the look and the write.
        raise ProductExists(sku=facts.sku)
    return session.get_one(Product, made)


def _mine(session: Session, product: Product) -> Product:
    """Return a product locked for a change, when it is not a feed's."""
    if product.source == "feed":
        raise FeedProduct(sku=product.sku)
    query = sa.select(Product).where(Product.id == product.id, Product.source != "feed").with_for_update()
    locked = session.scalars(query.execution_options(populate_existing=True)).first()
    if locked is None:
        raise FeedProduct(sku=product.sku)
    return locked


def write(product: Product, facts: ProductFacts, source: str, now: dt.datetime) -> Product:
    """Let a product be what these facts say, seen now; that nothing changed leaves its time of change alone."""
    is_same = product.content_hash == facts.content_hash() and product.retired_at is None
    for name, value in columns(facts).items():
        setattr(product, name, value)
    product.source, product.seen_at, product.retired_at = source, now, None
    if not is_same:
        product.updated_at = now
    return product


def change(
    session: Session, actor: Actor, product_id: uuid.UUID, data: Mapping[str, Any], now: dt.datetime
) -> Product:
    """Change a product that is not a feed's; None takes a field away. Of a page's, what the page says is kept.

    Raises NotFound, FeedProduct, OfThePage, InvalidInput.
    """
    product = _of_the_actor(session, actor, product_id)
    if product.source == "page" and (refused := sorted(data.keys() & set(OF_THE_PAGE))):
        raise OfThePage(sku=product.sku, fields=", ".join(refused))
    words = {name: value for name, value in words_of(product).items() if name not in data}
    facts = _facts(read_words(session, product.shop_id, words | words_of_fields(data), now))
    seen_at, retired_at = product.seen_at, product.retired_at
    write(product, facts, product.source, now)
    product.retired_at = retired_at
    page = session.get(ProductPage, product.id)
    if product.source == "page":
        # Nothing was looked at now, and what is said here outlives the next look.
        product.seen_at = seen_at
        if page is not None:
            kept = {name: value for name, value in page.own_words.items() if name not in data}
            page.own_words = kept | words_of_fields(data)
    session.flush()
    facts_of_act = {"fields": sorted(data)}
    audit.record(
        session,
        actor,
        "product.change",
        "product",
        product.id,
        facts_of_act,
        now=now,
        shop_id=product.shop_id,
    )
    return product


def retire(session: Session, actor: Actor, product_id: uuid.UUID, now: dt.datetime) -> Product:
    """Take a product that is not a feed's out of the catalogue; orders may still name it. Again changes nothing.

    Raises NotFound, FeedProduct.
    """
    product = _of_the_actor(session, actor, product_id)
    if product.retired_at is None:
        product.retired_at = product.updated_at = now
        _stop_looking(session, product)
        session.flush()
        audit.record(
            session, actor, "product.retire", "product", product.id, {}, now=now, shop_id=product.shop_id
        )
    return product


def _of_the_actor(session: Session, actor: Actor, product_id: uuid.UUID) -> Product:
    product = products.get(session, actor, product_id)
    if not tenancy.works_for(actor, "products.change", product.shop_id):
        raise NotFound("product", product_id)
    return _mine(session, product)


def _stop_looking(session: Session, product: Product) -> None:
    page = session.get(ProductPage, product.id)
    if page is not None:
        page.next_at = page.lease = page.lease_until = None
        session.flush()


def page_of(session: Session, product_id: uuid.UUID) -> ProductPage | None:
    """Return the page that a product is read from, as far as the actor may see it."""
    return session.get(ProductPage, product_id)
