"""A sheet of cards to print and cut: the QR of each link, its address, the spoken code, and that it is paid for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten
from urllib.parse import urlsplit
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import public
from marketplace.catalogue.models import Product
from marketplace.core import paper, wording
from marketplace.core.actor import Actor
from marketplace.core.wording import _
from marketplace.offers.models import Offer
from tracking.links import cards, service, spoken
from tracking.links.models import DiscountCode, TrackedLink

MOST_CARDS = 40
# Three lines of a card.
MOST_TITLE = 60


@dataclass(frozen=True, slots=True)
class Card:
    """One card: what the link leads to, at which shop, by whom, and the code to say aloud where there is one."""

    address: str
    title: str
    shop: str
    adviser: str
    code: str | None


def of_links(session: Session, actor: Actor, link_ids: Sequence[UUID]) -> list[Card]:
    """Return cards of links that the actor may see and that are not switched off, at most MOST_CARDS.

    link_ids: which, in their order; none means the newest ones. Links of others are left out.
    """
    query = (
        sa.select(TrackedLink, Product.title, Offer.name)
        .join(Product, Product.id == TrackedLink.product_id, isouter=True)
        .join(Offer, Offer.id == TrackedLink.offer_id, isouter=True)
        .where(
            TrackedLink.id.in_(service.visible(actor).with_only_columns(TrackedLink.id)),
            TrackedLink.disabled_at.is_(None),
        )
        .order_by(TrackedLink.id.desc())
        .limit(MOST_CARDS)
    )
    if link_ids:
        query = query.where(TrackedLink.id.in_(link_ids[:MOST_CARDS]))
    found = {link.id: (link, title, offer) for link, title, offer in session.execute(query)}
    ordered = (
        [found[one] for one in dict.fromkeys(link_ids) if one in found] if link_ids else list(found.values())
    )
    codes = _spoken(session, [link for link, _title, _offer in ordered])
    names = public.names_of(session, {link.adviser_id for link, _title, _offer in ordered})
    return [
        Card(
            address=service.url(link),
            title=title or offer or link.code,
            shop=urlsplit(link.target_url).hostname or "",
            adviser=names[link.adviser_id],
            code=codes.get((link.offer_id, link.adviser_id)),
        )
        for link, title, offer in ordered
    ]


def _spoken(session: Session, links: Sequence[TrackedLink]) -> dict[tuple[UUID, UUID], str]:
    query = sa.select(DiscountCode).where(
        DiscountCode.offer_id.in_({link.offer_id for link in links}),
        DiscountCode.adviser_id.in_({link.adviser_id for link in links}),
        DiscountCode.is_spoken,
        DiscountCode.revoked_at.is_(None),
    )
    shown = {(one.offer_id, one.adviser_id): spoken.shown(one.code) for one in session.scalars(query)}
    return {whose: code for whose, code in shown.items() if code}


def pdf(made: Sequence[Card], locale: str, at: dt.datetime) -> bytes:
    """Return A4 pages of eight cards each, in a locale such as "nl_NL"; the same bytes for the same arguments."""
    with wording.use(locale):
        told = [
            {
                "address": one.address.removeprefix("https://"),
                "title": shorten(one.title, MOST_TITLE, placeholder="\N{HORIZONTAL ELLIPSIS}"),
                "shop": one.shop,
                "by": _("Advised by %(name)s", name=one.adviser),
                "code": one.code or "",
                "qr": cards.drawing(one.address, title=one.address).decode(),
                "disclosure": _(
                    "If you buy through this link or code, the shop pays %(name)s a commission. You pay nothing extra.",
                    name=one.adviser,
                ),
            }
            for one in made
        ]
        words = {
            "code": _("Or say at the till"),
            "label": _("Ad"),
            "none": _("There is no link to print: paste a product address first."),
        }
        facts = {"language": wording.language(), "title": _("QR sheet"), "words": words, "cards": told}
        return paper.pdf("qr-sheet", facts, at)
