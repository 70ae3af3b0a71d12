"""Lifting the freeze: what is still in the way, and the two people who say that nothing is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import audit
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, NotAuthenticated
from payouts.reconciliation import importing
from payouts.reconciliation.models import BalanceTxRow, ReconImport, TransferBooking
from payouts.settlement import freeze
from payouts.settlement.freeze import PayoutFreeze
from payouts.settlement.models import Break, StripeMovement

SHOWN = 200


class NotFrozen(Conflict):
    """There is no freeze to lift."""

    code = "payouts_not_frozen"
    title = "Payouts are not frozen"
    detail = "No freeze stands, so there is nothing to lift."
    next = "Nothing has to be done."


class SameLifter(Conflict):
    """The person who asked for lifting may not be the one who lifts."""

    code = "same_approver"
    title = "A second person has to lift the freeze"
    detail = "You asked for the freeze to be lifted, so somebody else of finance has to agree."
    next = "Ask a colleague to look at what Stripe paid and to lift the freeze."


class NotExplained(Conflict):
    """Something that Stripe did is not explained yet, or Stripe was not asked since."""

    code = "freeze_not_explained"
    title = "Not everything that Stripe paid is explained"
    detail = "The freeze stays, because: {why}."
    next = (
        "Book the transfers that are listed at /api/v1/payout-freeze, wait for the import, and lift it then."
    )


@dataclass(frozen=True, slots=True)
class UnknownTransfer:
    """A transfer at Stripe that the books do not know; `break_id` is its difference, where finance explains it."""

    balance_tx: BalanceTxRow
    break_id: UUID | None
    booking: TransferBooking | None


def unknown_transfers(session: Session, limit: int = SHOWN) -> list[UnknownTransfer]:
    """Return the transfers that Stripe made and the books do not hold, oldest first."""
    rows = session.execute(
        sa.select(BalanceTxRow, Break.id, TransferBooking)
        .outerjoin(
            Break,
            (Break.ref == BalanceTxRow.id)
            & Break.kind.in_(("missing_in_ledger", "duplicate"))
            & (Break.state != "corrected"),
        )
        .outerjoin(TransferBooking, TransferBooking.transfer_id == BalanceTxRow.source_id)
        .where(BalanceTxRow.type == "transfer")
        .where(~sa.exists().where(StripeMovement.source_id == BalanceTxRow.source_id))
        .order_by(BalanceTxRow.created, BalanceTxRow.id)
        .limit(limit)
    ).all()
    return [UnknownTransfer(*row) for row in rows]


def in_the_way(session: Session, standing: PayoutFreeze) -> list[str]:
    """Return in words what keeps the freeze from being lifted; PostgreSQL holds the same two conditions."""
    found = []
    since = standing.lift_asked_at or standing.frozen_at
    is_imported = session.scalar(
        sa.select(sa.exists().where(ReconImport.state == "finished", ReconImport.asked_at >= since))
    )
    if not is_imported:
        found.append("Stripe's movements have not been imported since")
    if count := len(unknown_transfers(session)):
        found.append(f"{count} transfers at Stripe are not in the books")
    return found


def is_asked_by(standing: PayoutFreeze, actor: Actor) -> bool:
    """Tell whether the actor asked for the lift, so that pages say that somebody else must do it."""
    return actor.user_id is not None and standing.lift_asked_by == actor.user_id


def lift(session: Session, actor: Actor, now: dt.datetime) -> PayoutFreeze:
    """Ask for the freeze to be lifted, or lift it as the second person once nothing is in the way.

    The first call asks Stripe once more for all that moved. Raises NotFrozen, SameLifter, NotExplained.
    """
    standing = freeze.standing(session, lock=True)
    if standing is None:
        raise NotFrozen()
    if actor.user_id is None:
        raise NotAuthenticated()
    if standing.lift_asked_by is None:
        standing.lift_asked_by, standing.lift_asked_at = actor.user_id, now
        importing.ask_anew(session, actor.label, now)
        audit.record(session, actor, "payouts.ask_lift", "payout_freeze", standing.id, {}, now=now)
        return standing
    if is_asked_by(standing, actor):
        raise SameLifter()
    if why := in_the_way(session, standing):
        raise NotExplained(why="; ".join(why))
    standing.lifted_by, standing.lifted_at = actor.user_id, now
    facts = {"asked_by": str(standing.lift_asked_by), "frozen_at": standing.frozen_at.isoformat()}
    audit.record(session, actor, "payouts.lift", "payout_freeze", standing.id, facts, now=now)
    return standing
