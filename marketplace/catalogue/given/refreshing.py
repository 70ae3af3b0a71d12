"""Look again at the pages of products, once a day and no host more often than once a second.

A page is claimed as a source of feeds is: by a lease of wall time under a number of its own. What is seen is written
only while that number stands.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.catalogue.given import service as given
from marketplace.catalogue.given.models import ProductPage
from marketplace.catalogue.models import Product
from marketplace.catalogue.pages import looking
from marketplace.catalogue.pages.found import PageRead
from marketplace.catalogue.pages.looking import NoPage
from marketplace.core import ids
from marketplace.core.config import Settings

LEASE = dt.timedelta(seconds=60)
GONE_AFTER = 3
MOST_FAILURES = 10
PACE = dt.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PageClaim:
    """A page that is this worker's for a while."""

    product_id: uuid.UUID
    lease: uuid.UUID
    url: str


def pace(host: str, settings: Settings) -> dt.timedelta:
    """Return how much time passes between two requests to a host; none to this machine, in demo and test."""
    return dt.timedelta(0) if not settings.is_production and host in settings.fetch_hosts else PACE


def _due(now: dt.datetime, wall: dt.datetime) -> sa.ColumnElement[bool]:
    free = ProductPage.lease_until.is_(None) | (ProductPage.lease_until < wall)
    return (ProductPage.next_at <= now) & free


def due_hosts(session: Session, now: dt.datetime, wall: dt.datetime) -> list[str]:
    """Return the hosts that have pages to be looked at."""
    return list(session.scalars(sa.select(ProductPage.host).where(_due(now, wall)).distinct()))


def waiting(session: Session, now: dt.datetime) -> int:
    """Return how many pages are due or being looked at."""
    return session.scalars(
        sa.select(sa.func.count()).select_from(ProductPage).where(ProductPage.next_at <= now)
    ).one()


def claim(
    session: Session, host: str, apart: dt.timedelta, *, now: dt.datetime, wall: dt.datetime
) -> PageClaim | dt.timedelta | None:
    """Take a due page of a host; how long to wait when the host was asked just now; None when nothing is due.

    apart: how much time passes between two requests to it. Two workers can't ask one host at once.
    """
    of_host = sa.func.hashtextextended(f"product_page {host}", 0)
    if not session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(of_host))):
        return apart or PACE / 10
    asked = session.scalar(sa.select(sa.func.max(ProductPage.asked_at)).where(ProductPage.host == host))
    if asked is not None and wall - asked < apart:
        return apart - max(wall - asked, dt.timedelta(0))
    query = sa.select(ProductPage).where(ProductPage.host == host, _due(now, wall))
    page = session.scalars(
        query.order_by(ProductPage.next_at).limit(1).with_for_update(skip_locked=True)
    ).first()
    if page is None:
        return None
    page.lease, page.lease_until, page.asked_at = ids.new_id(), wall + LEASE, wall
    return PageClaim(page.product_id, page.lease, page.url)


def finish(session: Session, claimed: PageClaim, seen: PageRead | NoPage, *, now: dt.datetime) -> bool:
    """Write down what was seen, or why nothing was; False when the claim is no longer this worker's.

    A page that is gone GONE_AFTER times in a row retires its product; after MOST_FAILURES nobody looks any more.
    """
    mine = (ProductPage.product_id == claimed.product_id) & (ProductPage.lease == claimed.lease)
    page = session.scalars(sa.select(ProductPage).where(mine).with_for_update()).first()
    if page is None:
        return False
    product = session.scalars(sa.select(Product).where(Product.id == page.product_id).with_for_update()).one()
    page.lease = page.lease_until = None
    if product.source != "page" or product.retired_at is not None:
        # A feed took the product over, or somebody retired it meanwhile.
        page.next_at = None
        return True
    page.next_at = now + given.LOOK_AGAIN
    why = _written(session, page, product, seen, now)
    page.failures = page.failures + 1 if why else 0
    page.failure_code, page.failure_reason, page.failure_fix = (
        (why.code, why.reason, why.fix) if why else (None, None, None)
    )
    if why is not None and why.is_gone and page.failures >= GONE_AFTER:
        product.retired_at = product.updated_at = now
        page.next_at = None
    elif page.failures >= MOST_FAILURES or shops.get(session, page.shop_id).state == "closed":
        page.next_at = None
    return True


def _written(
    session: Session, page: ProductPage, product: Product, seen: PageRead | NoPage, now: dt.datetime
) -> NoPage | None:
    """Let the product be what its page says; return why not, where it can't."""
    if isinstance(seen, NoPage):
        return seen
    if looking.host(seen) not in shops.verified_hosts(session, page.shop_id):
        reason = f"{looking.host(seen)} is not a verified domain of this shop."
        return NoPage("host_unverified", reason, "Verify it, or give the address of the page anew.")
    words = seen.words(product.sku)
    if seen.variants and words.get("id") != product.sku and "id" not in page.own_words:
        reason = "The page no longer sells the variant with this article number."
        return NoPage("variant_gone", reason, "Retire the product, or give the address of its page anew.")
    # The article number is the product's own: a page that names another one is not renamed by that.
    row = given.read_words(session, page.shop_id, words | page.own_words | {"id": product.sku}, now)
    if row.facts is None:
        return NoPage(row.notes[0].code, row.notes[0].reason, row.notes[0].fix)
    given.write(product, row.facts, "page", now)
    return None
