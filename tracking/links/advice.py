"""Links of the products that an advice page shows: made when it is published, hung up for the room of advice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.advice.cards import LINKS
from marketplace.catalogue.models import Product
from marketplace.core import config, hooks
from marketplace.offers.models import Partnership
from tracking.links import service, targets
from tracking.links.models import TrackedLink


def register() -> None:
    """Let buttons of advice pages lead to their products. Safe to call twice."""
    hooks.figures[LINKS] = paths


def paths(
    session: Session, adviser_id: UUID, wanted: Mapping[UUID, UUID], page_code: str, now: dt.datetime
) -> dict[UUID, str]:
    """Return the path below the edge of a link to each product, in the offer wanted for it; made where there is none.

    wanted: offers by product; page_code: the place that these links stand on, so that what they earn is seen by page.
    A product whose address no link may lead to is left out: its button leads to the shop's front page.
    """
    found: dict[UUID, str] = {}
    rows = {row.id: row for row in session.scalars(sa.select(Product).where(Product.id.in_(list(wanted))))}
    joined = {
        row.offer_id: row
        for row in session.scalars(
            sa.select(Partnership).where(
                Partnership.adviser_id == adviser_id, Partnership.offer_id.in_(set(wanted.values()))
            )
        )
    }
    for product_id, offer_id in wanted.items():
        product, partnership = rows[product_id], joined[offer_id]
        try:
            target = targets.parse(product.link, http_allowed=config.current().http_targets_allowed)
        except targets.TargetRefused:
            continue
        query = sa.select(TrackedLink).where(
            TrackedLink.adviser_id == adviser_id,
            TrackedLink.offer_id == offer_id,
            TrackedLink.target_url == target.url,
            TrackedLink.placement == page_code,
            TrackedLink.kind == "link",
            TrackedLink.disabled_at.is_(None),
        )
        link = session.scalars(query.order_by(TrackedLink.id)).first()
        found[product_id] = (
            link or service.insert_link(session, partnership, product_id, target.url, page_code, now)
        ).path
    return found
