"""Offers as advisers compare them: with the terms in force, and what the shop really did so far."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.catalogue.taxonomy import google as taxonomy
from marketplace.core import hooks, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound
from marketplace.core.money import Money
from marketplace.offers import joining, service, terms
from marketplace.offers.models import AT_ONCE, CommissionTerms, Offer, Partnership
from marketplace.offers.rates import Percent
from marketplace.offers.terms import Terms

# Hung up by rooms above: (session, offers, now) -> {offer id: Record}.
RECORD = ("offers", "record")
# And: (session, shop ids, now) -> {shop id: ClaimRecord}.
CLAIMS = ("offers", "claims")
MOST = 300
_SHOPS = sa.text(
    """
    SELECT n.id, n.name, n.country, h.host FROM public_shop_name n
      LEFT JOIN LATERAL (SELECT p.host FROM public_host p WHERE p.shop_id = n.id
                          ORDER BY p.verified_at, p.host LIMIT 1) h ON true
     WHERE n.id = ANY (:shops)
    """
)
# The shelves of a shop: the first part of each category's path, the fullest first.
_SHELVES = sa.text(
    """
    SELECT p.shop_id, split_part(p.category, ' > ', 1) AS shelf, count(*) AS products
      FROM product p WHERE p.shop_id = ANY (:shops) AND p.retired_at IS NULL AND p.category <> ''
     GROUP BY p.shop_id, shelf ORDER BY products DESC, shelf
    """
)


@dataclass(frozen=True, slots=True)
class Record:
    """What a shop did with the orders of an offer in 180 days; None where there are too few to tell.

    decided: approved or declined; declined: of those; days_to_pay: the median from order to payout, of `paid` orders;
    funded_to: how much new commission the shop's budget pays now, as of `as_of`; code_rule and guard_seconds: how the
    shop decides between clicks and codes.
    """

    decided: int | None
    declined: int | None
    paid: int | None
    days_to_pay: int | None
    funded_to: Money
    as_of: dt.datetime
    code_rule: str
    guard_seconds: int

    @property
    def approval_percent(self) -> int | None:
        """Return which part of the decided orders was approved, rounded down."""
        if not self.decided or self.declined is None:
            return None
        return 100 * (self.decided - self.declined) // self.decided


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """How a shop answers claims of missing orders, in a year.

    claims: those that were due an answer; median_days: of those answered, None when none was; unanswered: of all.
    """

    claims: int
    median_days: int | None
    unanswered: int


@dataclass(frozen=True)
class Invitation:
    """An offer with everything that an adviser compares; `partnership` is their own, if any.

    way_in: how they come in, AT_ONCE or ON_APPROVAL; answers_within: days in which the shop usually answers, if known.
    """

    offer: Offer
    shop: str
    host: str | None
    terms: Terms | None
    record: Record | None
    partnership: Partnership | None
    shelves: Sequence[str]
    way_in: str
    answers_within: int | None

    @property
    def joins_at_once(self) -> bool:
        """Tell whether the adviser can accept the terms now, without an answer of the shop."""
        return self.offer.state == "open" and self.terms is not None and self.way_in == AT_ONCE

    @property
    def top_bp(self) -> int:
        """Return the default rate in basis points; 0 for a flat amount."""
        return self.terms.default.bp if self.terms and isinstance(self.terms.default, Percent) else 0

    @property
    def state(self) -> str:
        """Return where the adviser stands: none, or the partnership's state."""
        return self.partnership.state if self.partnership else "none"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an adviser looks for; None means any. Rates in basis points, approval in percent."""

    state: str | None = None
    category: str | None = None
    rate_bp: int | None = None
    hold_days: int | None = None
    approval: int | None = None
    days_to_pay: int | None = None

    def fits(self, one: Invitation) -> bool:
        """Tell whether an offer is what is looked for; what is not known does not fit a wish about it."""
        record, held = one.record, one.terms.hold.days if one.terms else None
        approved = record.approval_percent if record else None
        days = record.days_to_pay if record else None
        return (
            (
                self.category is None
                or taxonomy.comparable(self.category) in map(taxonomy.comparable, one.shelves)
            )
            and (self.rate_bp is None or one.top_bp >= self.rate_bp)
            and (self.hold_days is None or (held is not None and held <= self.hold_days))
            and (self.approval is None or (approved is not None and approved >= self.approval))
            and (self.days_to_pay is None or (days is not None and days <= self.days_to_pay))
            and (
                self.state is None
                or (self.state == "joined") == (one.state in ("applied", "approved", "accepted"))
            )
        )


def invitations(session: Session, actor: Actor, now: dt.datetime) -> list[Invitation]:
    """Return the offers that are open or joined, up to 300: joined first, then by name of shop."""
    offers = session.scalars(
        service.visible(actor).where(Offer.state.in_(("open", "paused"))).order_by(Offer.id).limit(MOST)
    ).all()
    found = [one for one in _told(session, actor, offers, now) if _concerns(one)]
    order = {"approved": 0, "accepted": 1, "applied": 2}
    return sorted(found, key=lambda one: (order.get(one.state, 3), one.shop.lower(), one.offer.name))


def invitation(session: Session, actor: Actor, offer_id: uuid.UUID, now: dt.datetime) -> Invitation:
    """Return one offer that is open, or that the adviser joined once. Raises NotFound."""
    found = _told(session, actor, [service.get(session, actor, offer_id)], now)[0]
    if not _concerns(found):
        raise NotFound("offer", offer_id)
    return found


def versions(session: Session, one: Invitation, limit: int = 20) -> list[CommissionTerms]:
    """Return the newest versions of an offer's terms, newest first, also those that are not in force yet."""
    query = sa.select(CommissionTerms).where(CommissionTerms.offer_id == one.offer.id)
    return list(session.scalars(query.order_by(CommissionTerms.version.desc()).limit(limit)))


def claim_record(session: Session, shop_id: uuid.UUID, now: dt.datetime) -> ClaimRecord | None:
    """Return how a shop answers claims of missing orders, as far as there are enough of them to tell."""
    found: Mapping[uuid.UUID, ClaimRecord] = {}
    if CLAIMS in hooks.figures:
        found = hooks.figures[CLAIMS](session, [shop_id], now)
    return found.get(shop_id)


def coming_terms(rows: Sequence[CommissionTerms], now: dt.datetime) -> Terms | None:
    """Return the next of these versions that is not in force yet."""
    later = [row for row in rows if row.effective_from > now]
    return Terms.of(min(later, key=lambda row: (row.effective_from, row.version))) if later else None


def differences(was: Terms, becomes: Terms) -> list[str]:
    """Return which rows of the terms matrix two versions differ in: rate, base, window, hold."""
    pairs = {
        "rate": ((was.default, was.rules), (becomes.default, becomes.rules)),
        "base": (was.base, becomes.base),
        "window": (was.window, becomes.window),
        "hold": (was.hold, becomes.hold),
    }
    return [name for name, (before, after) in pairs.items() if before != after]


def _concerns(one: Invitation) -> bool:
    """Tell whether an adviser is asked: the offer is open, or they joined it; their own shop's drafts are elsewhere."""
    return one.offer.state == "open" or one.partnership is not None


def _told(session: Session, actor: Actor, offers: Sequence[Offer], now: dt.datetime) -> list[Invitation]:
    ids, shops = [one.id for one in offers], sorted({one.shop_id for one in offers})
    if not ids:
        return []
    named = {row.id: row for row in session.execute(_SHOPS, {"shops": shops})}
    shelves: dict[uuid.UUID, list[str]] = {}
    for row in session.execute(_SHELVES, {"shops": shops}):
        shelves.setdefault(row.shop_id, []).append(row.shelf)
    own = session.scalars(
        sa.select(Partnership).where(
            Partnership.shop_id.in_(shops), tenancy.adviser(actor, "offers.mine", Partnership.adviser_id)
        )
    ).all()
    mine = {row.offer_id: row for row in own}
    refusing = {row.shop_id for row in own if row.state == "declined"}
    answers = joining.answers(session, shops, now)
    present = terms.many_at(session, [(one, now) for one in ids])
    records: Mapping[uuid.UUID, Record] = {}
    if RECORD in hooks.figures:
        records = hooks.figures[RECORD](session, offers, now)
    return [
        Invitation(
            one,
            named[one.shop_id].name if one.shop_id in named else "",
            named[one.shop_id].host if one.shop_id in named else None,
            present.get((one.id, now)),
            records.get(one.id),
            mine.get(one.id),
            shelves.get(one.shop_id, []),
            joining.way_in(
                one.joining,
                mine[one.id].state if one.id in mine else "none",
                is_refused=one.shop_id in refusing,
            ),
            answers.get(one.shop_id),
        )
        for one in offers
    ]
