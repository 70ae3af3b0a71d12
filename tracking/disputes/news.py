"""Mail about disputes: the other side is told of every event, by the worker, who alone may read the addresses."""

from __future__ import annotations

import datetime as dt
from typing import Final

from sqlalchemy.orm import Session

from marketplace.accounts import service as people
from marketplace.accounts.service import Addressee
from marketplace.core import config, mail
from marketplace.core.money import Money
from tracking.disputes import reading
from tracking.disputes.models import Dispute, DisputeEvent
from tracking.orders.models import ShopOrder

# Who is told of what; what the clock or the platform does is told to both.
_TO: Final = {
    "adviser": ("shop",),
    "shop": ("adviser",),
    "platform": ("adviser", "shop"),
    "clock": ("adviser", "shop"),
}


def tell(session: Session, dispute: Dispute, order: ShopOrder, now: dt.datetime) -> int:
    """Queue mails about the events that nobody was told of yet; return how many events. The caller holds the dispute.

    Nobody is written to about test orders.
    """
    untold = [
        event
        for event in reading.events_of(session, [dispute.id])[dispute.id]
        if event.seq > dispute.told_seq
    ]
    for event in untold:
        for side in _TO[event.party] if order.mode == "live" else ():
            for person in _people(session, dispute, side):
                _queue(session, dispute, order, event, side, person, now)
    dispute.told_seq = dispute.last_seq
    session.flush()
    return len(untold)


def _people(session: Session, dispute: Dispute, side: str) -> list[Addressee]:
    if side == "adviser":
        return [people.user_of_adviser(session, dispute.adviser_id)]
    return people.owners_of_shop(session, dispute.shop_id)


def _queue(
    session: Session,
    dispute: Dispute,
    order: ShopOrder,
    event: DisputeEvent,
    side: str,
    person: Addressee,
    now: dt.datetime,
) -> None:
    until = {"opened": dispute.answer_by, "rejected": dispute.escalate_by}.get(event.kind)
    facts = {
        "name": person.name,
        "side": side,
        "kind": event.kind,
        "party": event.party,
        "outcome": event.outcome,
        "reason": event.reason or "",
        "order_ref": order.order_ref,
        "amount": mail.money_fact(Money(dispute.amount_minor, dispute.currency)),
        "at": event.at.isoformat(),
        "until": until.isoformat() if until is not None else None,
        "url": f"{config.current().base_url}/{side}/disputes/{dispute.id}",
    }
    mail.queue(session, to=person.email, template="dispute", locale=person.locale, facts=facts, now=now)
