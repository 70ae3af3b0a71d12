"""A second person rejects a draft with a reason: it ends, pays nobody, and its amounts are free for the next run."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.core import audit, config, mail
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, IllegalTransition
from marketplace.core.money import Money
from payouts.runs import service
from payouts.settlement.payout_models import PayoutRun


class SameRejecter(Conflict):
    """The person who made a run may not reject it, so that no run vanishes before a second person saw it."""

    code = "same_rejecter"
    title = "A second person rejects"
    detail = "You made payout run {number}, so somebody else of finance rejects it."
    next = "Work it out anew when it changed, or ask a colleague to reject it and to say why."


def reject(session: Session, actor: Actor, run_id: UUID, reason: str, now: dt.datetime) -> PayoutRun:
    """End a draft that somebody else made, with the reason that its maker reads; asked again it stays as it is.

    Nothing was reserved, so there is nothing to give back: whatever is payable is in the next run. A freeze stops
    payments, not this. Raises SameRejecter, IllegalTransition once it is approved or was rejected otherwise, NotFound.
    """
    run = service.get(session, run_id, lock=True)
    who = service.person(actor)
    if service.is_maker(run, actor):
        raise SameRejecter(number=run.number)
    if run.state == "rejected" and (run.rejected_by, run.rejected_reason) == (who, reason):
        return run
    if run.state != "draft":
        raise IllegalTransition(f"payout run {run.number}", run.state, "rejected")
    run.state, run.rejected_by, run.rejected_at, run.rejected_reason = "rejected", who, now, reason
    session.flush()
    audit.record(session, actor, "payout_run.reject", "payout_run", run.id, {"reason": reason}, now=now)
    facts = {
        "run": run.number,
        "total": mail.money_fact(Money(run.total_minor or 0, run.currency)),
        "reason": reason,
        "at": now.isoformat(),
        "url": f"{config.current().base_url}/finance/runs/{run.id}",
    }
    mail.tell(
        session, f"user:{run.created_by}", "run_rejected", facts, once=f"run_rejected:{run.id}", now=now
    )
    return run
