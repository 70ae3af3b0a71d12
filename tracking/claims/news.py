"""Mail about claims: the shop is told of what it has to answer, the adviser of what came of it."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from sqlalchemy.orm import Session

from marketplace.accounts import public
from marketplace.core import config, mail
from marketplace.core.money import Money
from tracking.claims import outcomes
from tracking.claims.models import Claim, ClaimEvent

# Who is told of what, by which mail. A withdrawal asks nothing of anybody, and a claim that comes to the platform
# stands on the desk of its admins.
_MAILS: Final = {
    ("claimed", "adviser"): (("shop", "claim_made"),),
    ("asked", "platform"): (("shop", "claim_made"),),
    ("found", "shop"): (("adviser", "claim_answered"),),
    ("found", "clock"): (("adviser", "claim_answered"), ("shop", "claim_settled")),
    ("refused", "shop"): (("adviser", "claim_answered"),),
    ("escalated", "clock"): (("adviser", "claim_answered"),),
    ("closed", "platform"): (("adviser", "claim_answered"), ("shop", "claim_settled")),
}


def tell(session: Session, claim: Claim, event: ClaimEvent) -> int:
    """Tell, in this transaction, whom an event concerns; return how many audiences that were."""
    told = [
        _news(session, claim, event, side, template)
        for side, template in _MAILS.get((event.kind, event.party), ())
    ]
    return mail.tell_all(session, told, now=event.at)


def remind(session: Session, claim: Claim, first: ClaimEvent, now: dt.datetime) -> int:
    """Tell the shop, once a term, that a claim waits for its answer; return whether that was news."""
    facts = _facts(session, claim, first, "shop") | {"at": now.isoformat()}
    once = f"claim_waits:{claim.id}:{claim.answer_by.isoformat()}"
    return int(mail.tell(session, f"owners:{claim.shop_id}", "claim_waits", facts, once=once, now=now))


def _news(session: Session, claim: Claim, event: ClaimEvent, side: str, template: str) -> mail.News:
    whom = f"adviser:{claim.adviser_id}" if side == "adviser" else f"owners:{claim.shop_id}"
    return mail.News(whom, template, _facts(session, claim, event, side), f"{template}:{event.id}")


def _facts(session: Session, claim: Claim, event: ClaimEvent, side: str) -> dict[str, Any]:
    amount = None if claim.amount_minor is None else Money(claim.amount_minor, str(claim.currency))
    outcome = outcomes.of(session, [claim]).get(claim.id)
    return {
        # An adviser, who may be the one that acts, sees only what everybody may know of a shop.
        "shop": public.names_of_shops(session, [claim.shop_id]).get(claim.shop_id, ""),
        "adviser": public.names_of(session, [claim.adviser_id]).get(claim.adviser_id, ""),
        "kind": event.kind,
        "party": event.party,
        "reason": event.reason or "",
        "statement": event.statement or "",
        "order_ref": claim.order_ref or "",
        "found_ref": claim.found_ref or "",
        "outcome": outcome.state if outcome else "",
        "amount": mail.money_fact(amount) if amount else None,
        "bought_on": claim.bought_on.isoformat(),
        "until": claim.answer_by.isoformat(),
        "at": event.at.isoformat(),
        "url": f"{config.current().base_url}/{side}/claims/{claim.id}",
    }
