"""The facts behind a run, worked out by PostgreSQL in whole sets; here come only totals and pages.

Who is a candidate, why somebody is left out and what is hashed stands in migrations/versions/0020_payout_run_speed.py,
how a cut-off leaves out what came later in 0038_run_ends.py.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from payouts.runs.content import Candidate, Change, Content, Part, minimum
from payouts.settlement.payout_models import PayoutDraft, PayoutRun

# Candidates that one answer shows.
PAGE = 1000
# More changes than anybody reads are not told.
TOLD = 20
AS_PREVIEWED = "payout_run_as_previewed"

_PREVIEW = sa.text("SELECT * FROM payout_run_preview(:run, :at, :least)")
_RESERVE = sa.text("SELECT payout_run_reserve(:run, :approver, :at, :least, :hash, :total)")
_CHANGES = sa.text(
    "SELECT coalesce(d.adviser_id, c.adviser_id) AS adviser_id, d.amount_minor AS before, c.reason,"
    " CASE WHEN c.reason IS NULL THEN c.amount_minor END AS after"
    " FROM (SELECT * FROM payout_draft WHERE run_id = :run AND reason IS NULL) d"
    " FULL JOIN payout_run_candidates(:currency, :cutoff, :at, :least, until => :until) c"
    "   ON c.adviser_id = d.adviser_id"
    " WHERE d.content IS DISTINCT FROM c.content"
    " ORDER BY d.adviser_id IS NULL, c.content IS NOT NULL, 1 LIMIT :told"
)


def preview(session: Session, run: PayoutRun, now: dt.datetime) -> Content:
    """Write down anew who a draft would pay and who not, and return the totals and the first page of it."""
    facts = {"run": run.id, "at": now, "least": minimum(run.currency).minor}
    row = session.execute(_PREVIEW, facts).one()
    return Content(
        run.id,
        row.cutoff,
        row.content_hash,
        Money(row.total, run.currency),
        row.payouts,
        row.left_out,
        part(session, run, None),
    )


def part(session: Session, run: PayoutRun, after: UUID | None) -> Part:
    """Return the next candidates of a run's last preview, in the order of their ids."""
    statement = (
        sa.select(PayoutDraft.adviser_id, PayoutDraft.amount_minor, PayoutDraft.lines, PayoutDraft.reason)
        .where(PayoutDraft.run_id == run.id)
        .order_by(PayoutDraft.adviser_id)
        .limit(PAGE + 1)
    )
    if after is not None:
        statement = statement.where(PayoutDraft.adviser_id > after)
    rows = session.execute(statement).all()
    found = tuple(
        Candidate(row.adviser_id, Money(row.amount_minor, run.currency), row.lines, row.reason)
        for row in rows[:PAGE]
    )
    return Part(found, len(rows) > PAGE)


def reserve(
    session: Session, run: PayoutRun, person: UUID, now: dt.datetime, content_hash: str, total: Money
) -> int | None:
    """Approve a run and reserve exactly what its preview said; return how many payouts that are.

    None, and nothing was done, when that is no longer what would be paid.
    """
    facts = {"run": run.id, "approver": person, "at": now, "least": minimum(run.currency).minor}
    try:
        with session.begin_nested():
            found = session.execute(_RESERVE, facts | {"hash": content_hash, "total": total.minor})
            return int(found.scalar_one())
    except sa.exc.IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", None) != AS_PREVIEWED:
            raise
        return None


def changes(session: Session, run: PayoutRun, now: dt.datetime) -> list[Change]:
    """Return what is different since the preview, the first of it."""
    facts = {
        "run": run.id,
        "currency": run.currency,
        "cutoff": run.cutoff_entry_id,
        "at": now,
        "least": minimum(run.currency).minor,
        "told": TOLD,
        "until": run.cut_off_at,
    }

    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, run.currency)

    return [
        Change(row.adviser_id, money(row.before), money(row.after), row.reason)
        for row in session.execute(_CHANGES, facts)
    ]
