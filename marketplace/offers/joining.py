"""How advisers come in: the shop answers each application, or whoever accepts the terms advises at once."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, IllegalTransition
from marketplace.offers import partnerships, service, terms
from marketplace.offers.models import AT_ONCE, ON_APPROVAL, Partnership

DAY_SECONDS = 86_400
# A function of the owner (migration 0039): a median over all applications of 90 days, of three answers or more.
_ANSWERS = sa.text("SELECT * FROM shop_answers(CAST(:shops AS uuid[]), :now)")


class ApprovalNeeded(Conflict):
    """The shop wants to answer first."""

    code = "approval_needed"
    title = "The shop answers first"
    detail = "Offer {offer_id} can't be joined at once by you."
    next = "Apply; the shop's answer will stand on the offer's page."


def way_in(joining: str, state: str, *, is_refused: bool) -> str:
    """Return how an adviser comes into an open offer: AT_ONCE, or ON_APPROVAL.

    joining: the offer's own. state: "none", or that of the adviser's partnership; whom the shop approved needs no
    other answer. is_refused: the shop's last word to them, in this offer or another one, was no.
    """
    if state == "approved":
        return AT_ONCE
    return AT_ONCE if joining == AT_ONCE and not is_refused else ON_APPROVAL


def days_to_answer(median_seconds: int) -> int:
    """Return a median as the whole days within which an answer came, at least 1."""
    return max(1, math.ceil(median_seconds / DAY_SECONDS))


def join(session: Session, actor: Actor, offer_id: uuid.UUID, *, now: dt.datetime) -> Partnership:
    """Accept, as an adviser, the terms of an offer that is joined at once; from this instant clicks can earn.

    Joining twice changes nothing; whoever applied before and waits is in as well. Raises NotFound for an offer
    that was never open, OfferNotOpen, AdviserNotActive, ApprovalNeeded, service.TermsMissing, IllegalTransition
    when the shop declined.
    """
    adviser_id = partnerships.active_adviser(session, actor, now)
    partnership, is_new = partnerships.entered(
        session, partnerships.published(session, offer_id), adviser_id, now
    )
    if partnership.state == "accepted":
        return partnership
    if partnership.state == "declined":
        raise IllegalTransition("partnership", "declined", "accepted", id=partnership.id)
    joining = partnerships.require_open(session, offer_id)
    stands = "none" if is_new else partnership.state
    refused = is_refused(session, partnership.shop_id, adviser_id)
    if way_in(joining, stands, is_refused=refused) != AT_ONCE:
        raise ApprovalNeeded(offer_id=offer_id)
    in_force = terms.at(session, offer_id, now)
    if in_force is None:
        raise service.TermsMissing(offer_id=offer_id)
    if stands == "left":
        partnership.applied_at, partnership.approved_at, partnership.left_at = now, None, None
    partnership.state, partnership.accepted_at, partnership.accepted_terms_id = "accepted", now, in_force.id
    partnerships.record_step(session, actor, partnership, now, terms_id=in_force.id)
    return partnership


def is_refused(session: Session, shop_id: uuid.UUID, adviser_id: uuid.UUID) -> bool:
    """Tell whether a shop refused an adviser in any of its offers, or ended with them, and it still stands."""
    query = sa.select(Partnership.id).where(
        Partnership.shop_id == shop_id, Partnership.adviser_id == adviser_id, Partnership.state == "declined"
    )
    return session.scalars(query.limit(1)).first() is not None


def answers(session: Session, shop_ids: Sequence[uuid.UUID], now: dt.datetime) -> dict[uuid.UUID, int]:
    """Return within how many days each shop usually answers; shops with fewer than three answers are absent."""
    rows = session.execute(_ANSWERS, {"shops": list(shop_ids), "now": now})
    return {row.shop_id: days_to_answer(row.median_seconds) for row in rows}
