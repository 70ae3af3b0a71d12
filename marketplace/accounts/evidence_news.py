"""Mail about evidence: the adviser is told what became of what they stated."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from marketplace.accounts.models import InfluenceEvidence
from marketplace.core import config, mail

TOLD = ("verified", "refused", "expired")


def tell(session: Session, found: InfluenceEvidence, now: dt.datetime) -> None:
    """Tell the adviser, in this transaction, that evidence was verified, was refused or has run out."""
    if found.state not in TOLD:
        return
    facts = {
        "state": found.state,
        "statement": found.statement,
        "reason": found.reason,
        "until": found.valid_until.isoformat() if found.valid_until is not None else None,
        "at": now.isoformat(),
        "url": f"{config.current().base_url}/adviser/profile",
    }
    once = f"evidence_decided:{found.id}:{found.state}:{now.isoformat()}"
    mail.tell(session, f"adviser:{found.adviser_id}", "evidence_decided", facts, once=once, now=now)
