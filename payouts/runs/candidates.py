"""The facts behind a preview: which postings no payout pays yet, and whether each adviser can be paid."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import advisers
from marketplace.core.money import Money
from payouts.ledger import service as ledger
from payouts.ledger.accounts import Account
from payouts.runs.content import Candidate
from payouts.settlement import accounts
from payouts.settlement.models import PayoutAccount

# A reserve takes what lines already name, so it is no candidate itself. After the cut-off only what takes money away
# counts: a return must make a preview stale, and a commission that matured later waits for the next run. The same
# conditions stand in payout_run_reserve, which refuses when its sums differ from these.
_UNPAID = sa.text(
    "SELECT a.owner AS adviser_id, -sum(p.amount_minor)::bigint AS minor, count(*) AS lines,"
    " md5(string_agg(p.entry_id || ':' || p.line, ',' ORDER BY p.entry_id, p.line)) AS digest"
    " FROM account a JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id"
    " WHERE a.kind = 'adviser:available' AND a.currency = :currency AND e.kind <> 'reserve'"
    " AND (p.entry_id <= :cutoff OR p.amount_minor > 0)"
    " AND NOT EXISTS (SELECT FROM payout_line l WHERE l.entry_id = p.entry_id AND l.line = p.line)"
    " GROUP BY a.owner"
)


def newest_entry(session: Session) -> int:
    """Return the id of the newest entry, up to which a preview counts what comes in."""
    return int(session.execute(sa.text("SELECT coalesce(max(id), 0) FROM entry")).scalar_one())


def find(session: Session, currency: str, cutoff: int, now: dt.datetime) -> list[Candidate]:
    """Return every adviser with postings that no payout pays yet, with what decides about paying them."""
    rows = session.execute(_UNPAID, {"currency": currency, "cutoff": cutoff}).all()
    adviser_ids = [row.adviser_id for row in rows]
    states = advisers.state_at(session, adviser_ids, now)
    owed = ledger.balances(session, [_receivable(one, currency) for one in adviser_ids])
    destinations = _destinations(session, adviser_ids, currency)
    found = []
    for row in rows:
        destination = destinations.get(row.adviser_id)
        found.append(
            Candidate(
                adviser_id=row.adviser_id,
                amount=Money(row.minor, currency),
                lines=row.lines,
                digest=row.digest,
                owed=owed[_receivable(row.adviser_id, currency)],
                state=states.get(row.adviser_id, "active"),
                blocked=accounts.blocked_reason(destination, now),
                destination=destination.stripe_account_id if destination else None,
                fingerprint=destination.destination_fingerprint if destination else None,
            )
        )
    return found


def _receivable(adviser_id: UUID, currency: str) -> Account:
    return Account("adviser:receivable", adviser_id, currency)


def _destinations(session: Session, adviser_ids: Sequence[UUID], currency: str) -> dict[UUID, PayoutAccount]:
    if not adviser_ids:
        return {}
    rows = session.scalars(
        sa.select(PayoutAccount)
        .where(PayoutAccount.adviser_id.in_(adviser_ids), PayoutAccount.currency == currency)
        .execution_options(populate_existing=True)
    )
    return {row.adviser_id: row for row in rows}
