"""The terms of an open offer for somebody who was sent the link: no account is needed to read a promise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.errors import NotFound
from marketplace.offers import joining, terms
from marketplace.offers.models import CommissionTerms
from marketplace.offers.terms import Terms

_VERSIONS = sa.text(
    "SELECT * FROM public_terms WHERE shop_code = :shop AND offer_code = :offer ORDER BY effective_from, version"
)


@dataclass(frozen=True, slots=True)
class Announced:
    """An open offer: its shop, the terms in force, and those that come.

    titles: of products that rules name by number; joining: how an adviser comes in, AT_ONCE or ON_APPROVAL;
    answers_within: days in which the shop usually answers, if known.
    """

    offer_id: UUID
    offer_code: str
    offer_name: str
    description: str
    notice_days: int
    shop_code: str
    shop_name: str
    present: Terms
    coming: tuple[Terms, ...]
    titles: Mapping[str, str]
    joining: str
    answers_within: int | None


def of(session: Session, shop_code: str, offer_code: str, now: dt.datetime) -> Announced:
    """Return an open offer by the codes of its address. Raises NotFound, also for one that is not open."""
    rows = session.execute(_VERSIONS, {"shop": shop_code, "offer": offer_code}).mappings().all()
    versions = [
        Terms.of(
            CommissionTerms(
                **{
                    name: row[name]
                    for name in (
                        "id", "offer_id", "version", "currency", "effective_from", "document", "window_days",
                        "hold_days",
                    )
                }
            )
        )
        for row in rows
    ]  # fmt: skip
    in_force = [one for one in versions if one.effective_from <= now]
    if not in_force:
        raise NotFound("offer", offer_code)
    first, coming = rows[0], tuple(one for one in versions if one.effective_from > now)
    return Announced(
        first["offer_id"],
        first["offer_code"],
        first["offer_name"],
        first["description"],
        first["notice_days"],
        first["shop_code"],
        first["shop_name"],
        in_force[-1],
        coming,
        terms.titles(session, first["shop_id"], in_force[-1:]),
        first["joining"],
        joining.answers(session, [first["shop_id"]], now).get(first["shop_id"]),
    )
