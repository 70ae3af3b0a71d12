"""Mail about new terms: to every adviser who accepted the offer, in time to leave before they take effect (D8)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import shops
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


def _said(row: CommissionTerms) -> dict[str, Any]:
    terms = Terms.of(row)
    rate = terms.default
    if isinstance(rate, Percent):
        said: dict[str, Any] = {"bp": rate.bp, "flat": None, "per": None}
    else:
        said = {"bp": None, "flat": mail.money_fact(rate.amount), "per": rate.per}
    return said | {"window_days": row.window_days, "hold_days": row.hold_days}
