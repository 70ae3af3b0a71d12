"""Taking over transfers that Stripe made and that restored books have forgotten; only while payouts are frozen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from marketplace.core import db
from payouts.settlement import attempts
from payouts.settlement.gateway import BalanceTx, Gateway, Transfer, transfer_group
from payouts.settlement.models import StripeMovement
from payouts.settlement.payout_models import Payout

log = structlog.get_logger(__name__)


def look_for(gateway: Gateway, found: Iterable[BalanceTx]) -> list[Transfer]:
    """Return the transfers among `found` that the books do not know and that name a payout which they do know.

    Each is fetched anew from Stripe, because what matters (destination, what was taken back) is not in the movement.
    """
    transfers = {one.source_id: one for one in found if one.type == "transfer" and one.source_id}
    with db.transaction(point="reconciliation.unknown") as session:
        known = set(
            session.scalars(
                sa.select(StripeMovement.source_id).where(StripeMovement.source_id.in_(transfers))
            )
        )
        named = {
            payout_id
            for source_id, one in transfers.items()
            if source_id not in known and (payout_id := payout_of(one.source)) is not None
        }
        ours = list(session.scalars(sa.select(Payout.id).where(Payout.id.in_(named)).order_by(Payout.id)))
    return [
        transfer
        for payout_id in ours
        for transfer in gateway.transfers_in(transfer_group(payout_id))
        if transfer.transfer_id not in known
    ]


def payout_of(source: dict[str, str]) -> UUID | None:
    """Return the payout that a movement names, by its metadata or else by its transfer group; None without one."""
    text = source.get("payout_id") or source.get("transfer_group", "").removeprefix("payout_")
    try:
        return UUID(text)
    except ValueError:
        return None


def adopt(session: Session, transfers: Sequence[Transfer], now: dt.datetime) -> int:
    """Record the transfers of payouts that stand open, and return how many; the rest shows as differences."""
    done = 0
    for one in transfers:
        payout_id = payout_of({"transfer_group": one.group or "", **one.metadata})
        if payout_id is not None and attempts.adopt(session, payout_id, one, now):
            log.warning("transfer_adopted", transfer=one.transfer_id, payout=str(payout_id))
            done += 1
    session.flush()
    return done
