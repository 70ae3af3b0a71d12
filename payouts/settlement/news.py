"""Mail about payouts: money is on its way and when it arrives, or it was not sent and what mends that."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from marketplace.core import bank_days, config, mail
from payouts.settlement.payout_models import Payout, PayoutRun


def sent(session: Session, payout: Payout, now: dt.datetime) -> None:
    """Tell the adviser, in this transaction, that a payout was sent."""
    facts = _facts(session, payout, now) | {
        "arrives": bank_days.arrival_of_sent(now).isoformat(),
        "url": f"{config.current().base_url}/adviser/payouts",
    }
    whom = f"adviser:{payout.adviser_id}"
    mail.tell(session, whom, "payout_sent", facts, once=f"payout_sent:{payout.id}", now=now)


def failed(session: Session, payout: Payout, now: dt.datetime) -> None:
    """Tell the adviser, in this transaction, that a payout was given back unsent, and what mends it."""
    facts = _facts(session, payout, now) | {
        "reason": payout.reason or "",
        "url": f"{config.current().base_url}/adviser/payout-account",
    }
    whom = f"adviser:{payout.adviser_id}"
    mail.tell(session, whom, "payout_failed", facts, once=f"payout_failed:{payout.id}", now=now)


def _facts(session: Session, payout: Payout, now: dt.datetime) -> dict[str, object]:
    run = session.get_one(PayoutRun, payout.run_id)
    return {"amount": mail.money_fact(payout.amount), "at": now.isoformat(), "run": run.number}
