"""Mail of offers: new terms, in time to leave before they take effect (D8); who wants to join, and the answer."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import public, shops
from marketplace.core import config, mail
from marketplace.offers.models import CommissionTerms, Offer, Partnership
from marketplace.offers.rates import Percent
from marketplace.offers.terms import Terms

# What the mail says in words; a change in any of these it only points at.
_POINTED_AT = ("rules", "base", "minimum", "maximum")


def terms_change(
    session: Session, offer: Offer, was: CommissionTerms, becomes: CommissionTerms, now: dt.datetime
) -> int:
    """Tell, in this transaction, who accepted an offer what its newest terms change and from when; return how many.

    Somebody who accepts later has read the new terms on the offer.
    """
    accepted = sa.select(Partnership.adviser_id).where(
        Partnership.offer_id == offer.id, Partnership.state == "accepted"
    )
    facts = {
        "shop": shops.get(session, offer.shop_id).name,
        "offer": offer.name,
        "was": _said(was),
        "becomes": _said(becomes),
        "rules_changed": any(was.document[name] != becomes.document[name] for name in _POINTED_AT),
        "effective": becomes.effective_from.isoformat(),
        "url": f"{config.current().base_url}/adviser/offers/{offer.id}",
    }
    news = [
        mail.News(f"adviser:{adviser_id}", "terms_change", facts, f"terms_change:{becomes.id}:{adviser_id}")
        for adviser_id in session.scalars(accepted)
    ]
    return mail.tell_all(session, news, now=now)


def applied(session: Session, partnership: Partnership, *, now: dt.datetime) -> None:
    """Tell the owners of the shop, in this transaction, that an adviser wants to join."""
    facts = _both(session, partnership, now) | {
        "adviser": public.adviser(session, partnership.adviser_id).display_name,
        "message": partnership.message,
        "url": f"{config.current().base_url}/shop/advisers?shop_id={partnership.shop_id}",
    }
    mail.tell(
        session,
        f"owners:{partnership.shop_id}",
        "adviser_applied",
        facts,
        once=f"adviser_applied:{partnership.id}:{now.isoformat()}",
        now=now,
    )


def taken_on(session: Session, partnership: Partnership, *, now: dt.datetime) -> None:
    """Tell an adviser, in this transaction, that the shop took them on and that the terms are to be accepted."""
    mail.tell(
        session,
        f"adviser:{partnership.adviser_id}",
        "taken_on",
        _both(session, partnership, now),
        once=f"taken_on:{partnership.id}:{now.isoformat()}",
        now=now,
    )


def parted(session: Session, partnership: Partnership, *, has_advised: bool, now: dt.datetime) -> None:
    """Tell an adviser, in this transaction, that the shop refused them, or ended what they had, and why."""
    facts = _both(session, partnership, now) | {
        "reason": partnership.reason,
        "note": partnership.note,
        "has_advised": has_advised,
    }
    mail.tell(
        session,
        f"adviser:{partnership.adviser_id}",
        "parted",
        facts,
        once=f"parted:{partnership.id}:{now.isoformat()}",
        now=now,
    )


def _both(session: Session, partnership: Partnership, now: dt.datetime) -> dict[str, Any]:
    offer = session.get_one(Offer, partnership.offer_id).name
    # An adviser, who may be the one that acts, sees only what everybody may know of a shop.
    named = sa.select(public.SHOP_NAME.c.name).where(public.SHOP_NAME.c.id == partnership.shop_id)
    return {
        "shop": session.scalar(named) or offer,
        "offer": offer,
        "at": now.isoformat(),
        "url": f"{config.current().base_url}/adviser/offers/{partnership.offer_id}",
    }


def _said(row: CommissionTerms) -> dict[str, Any]:
    terms = Terms.of(row)
    rate = terms.default
    if isinstance(rate, Percent):
        said: dict[str, Any] = {"bp": rate.bp, "flat": None, "per": None}
    else:
        said = {"bp": None, "flat": mail.money_fact(rate.amount), "per": rate.per}
    return said | {"window_days": row.window_days, "hold_days": row.hold_days}
