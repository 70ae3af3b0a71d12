"""Reports of pages: anybody says what is wrong and gets a receipt; an admin decides, and both sides read why."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.advice import publishing, reading
from marketplace.advice.models import AdvicePage
from marketplace.community.answering import TELL
from marketplace.community.models import PageReport
from marketplace.core import audit, config, db, ids, jobs, mail
from marketplace.core.actor import Actor
from marketplace.core.errors import IllegalTransition, InvalidInput, NotFound

# Without what is read for one another, so that a receipt can be copied by hand.
_SIGNS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_LENGTH = 12


def report(session: Session, page_id: UUID, data: Mapping[str, Any], now: dt.datetime) -> str:
    """Keep a report of a published page and return its receipt, by which whoever has it reads the decision.

    data: reason, statement, language, and email with consent where the reporter wants the decision by mail.
    Raises NotFound, InvalidInput.
    """
    page = reading.shown(session, page_id)
    if data.get("email") and not data.get("consent"):
        raise InvalidInput({"consent": ["Say that we may mail you the decision, or leave the address out."]})
    receipt = "".join(secrets.choice(_SIGNS) for _ in range(_LENGTH))
    email = data.get("email") or None
    made = PageReport(
        id=ids.new_id(), page_id=page.id, adviser_id=page.adviser_id, reason=data["reason"],
        statement=data["statement"], email=email, consented_at=now if email else None, language=data["language"],
        receipt_hash=ids.digest(receipt), state="received", told_state="received", reported_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    if email:
        facts = {
            "page": page.title,
            "receipt": receipt,
            "url": f"{config.current().base_url}/report?receipt={receipt}",
        }
        mail.queue(
            session, to=email, template="report_received", locale=data["language"], facts=facts, now=now
        )
    return receipt


def of_receipt(session: Session, receipt: str) -> PageReport:
    """Return the report that a receipt was given for; dashes and case don't matter. Raises InvalidInput."""
    plain = "".join(char for char in receipt.upper() if char.isalnum())
    with db.within(session, db.DOOR):
        found = session.scalars(
            sa.select(PageReport).where(PageReport.receipt_hash == ids.digest(plain))
        ).one_or_none()
    if found is None:
        raise InvalidInput({"receipt": ["No report has this receipt."]})
    return found


def listed(
    session: Session, state: str | None, *, after: UUID | None = None, limit: int = 50
) -> Sequence[PageReport]:
    """Return up to limit + 1 reports, the oldest first, after the id `after`; only the platform sees any."""
    query = sa.select(PageReport).order_by(PageReport.id).limit(limit + 1)
    if state is not None:
        query = query.where(PageReport.state == state)
    if after is not None:
        query = query.where(PageReport.id > after)
    return session.scalars(query).all()


def get(session: Session, report_id: UUID) -> PageReport:
    """Return a report. Raises NotFound."""
    found = session.get(PageReport, report_id)
    if found is None:
        raise NotFound("report", report_id)
    return found


def decide(
    session: Session, actor: Actor, report_id: UUID, outcome: str, reason: str, now: dt.datetime
) -> PageReport:
    """Decide about a report as an admin: uphold takes the page down, reject leaves it; the reason goes to both sides.

    Raises NotFound, IllegalTransition when it was decided otherwise.
    """
    found = session.scalars(
        sa.select(PageReport).where(PageReport.id == report_id).with_for_update()
    ).one_or_none()
    if found is None:
        raise NotFound("report", report_id)
    wanted = {"uphold": "upheld", "reject": "rejected"}[outcome]
    if found.state == wanted:
        return found
    if found.state != "received":
        raise IllegalTransition("The report", was=found.state, wanted=wanted)
    found.state, found.decision, found.decided_by, found.decided_at = wanted, reason, actor.user_id, now
    session.flush()
    page = session.get_one(AdvicePage, found.page_id)
    if outcome == "uphold" and page.state == "published":
        publishing.take_down(session, actor, page.id, reason, now)
    audit.record(session, actor, f"page_report.{outcome}", "page_report", found.id, {}, now=now)
    db.after_commit(session, lambda: jobs.enqueue(TELL))
    return found
