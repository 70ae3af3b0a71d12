"""Payout runs for people: who is in one with how their amount came about, who is left out, and what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from marketplace.core.money import Money
from payouts.ledger.models import AccountRow, BalanceRow
from payouts.reconciliation.models import Certificate
from payouts.settlement.payout_models import Payout, PayoutDraft, PayoutRun
from payouts.settlement.states import OPEN_STATES

# Which reasons of a preview stand under which tab; whatever is not named here blocks.
BELOW: Final = ("below_minimum",)
NEGATIVE: Final = ("nothing", "receivable")

# How an amount came about: the postings that a payout names, or would name, split by whether they were there when the
# run before looked, and by sign.
_MADE_OF = """
SELECT d.adviser_id,
       coalesce(-sum(p.amount_minor) FILTER (WHERE p.entry_id <= :before), 0)::bigint AS opening,
       coalesce(-sum(p.amount_minor) FILTER (WHERE p.entry_id > :before AND p.amount_minor < 0), 0)::bigint AS earned,
       coalesce(-sum(p.amount_minor) FILTER (WHERE p.entry_id > :before AND p.amount_minor > 0), 0)::bigint AS reversed
  FROM payout_draft d JOIN posting p ON p.account_id = d.account_id
  LEFT JOIN payout_line l ON l.entry_id = p.entry_id AND l.line = p.line
 WHERE d.run_id = :run AND d.adviser_id = ANY(:advisers)
   AND CASE WHEN :reserved AND d.reason IS NULL THEN l.payout_id = d.payout_id
            ELSE l.payout_id IS NULL AND (p.entry_id <= :cutoff OR p.amount_minor > 0)
             AND (p.amount_minor > 0 OR CAST(:until AS timestamptz) IS NULL OR p.entry_id NOT IN (
                  SELECT e.id FROM entry e WHERE e.effective_at >= :until AND e.id <= :cutoff))
             AND NOT EXISTS (SELECT FROM payout y WHERE y.reserve_entry_id = p.entry_id) END
 GROUP BY d.adviser_id
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One adviser in a run: opening + earned + reversed = net; `held` is not payable yet and stands beside it.

    before: what the run before paid, None when nothing; payout: its state now, None before approval.
    """

    adviser_id: UUID
    lines: int
    net: Money
    opening: Money
    earned: Money
    reversed: Money
    held: Money
    before: Money | None
    reason: str | None
    payout: Payout | None

    @property
    def adds_up(self) -> bool:
        """Tell whether the parts make the amount; they don't when the books moved since, or a later run took them."""
        return self.opening + self.earned + self.reversed == self.net


@dataclass(frozen=True, slots=True)
class Tab:
    """How many a tab holds, and what their amounts add up to."""

    count: int
    total: Money


def tab_of(reason: str | None) -> str:
    """Return the tab under which a reason stands."""
    if reason is None:
        return "paid"
    return "below_minimum" if reason in BELOW else "negative" if reason in NEGATIVE else "blocked"


def _in_tab(tab: str) -> sa.ColumnElement[bool]:
    if tab == "paid":
        return PayoutDraft.reason.is_(None)
    if tab == "below_minimum":
        return PayoutDraft.reason.in_(BELOW)
    if tab == "negative":
        return PayoutDraft.reason.in_(NEGATIVE)
    return sa.and_(PayoutDraft.reason.is_not(None), PayoutDraft.reason.not_in((*BELOW, *NEGATIVE)))


def tabs(session: Session, run: PayoutRun) -> dict[str, Tab]:
    """Return count and sum of each tab of a run's last preview."""
    found = {
        name: Tab(0, Money.zero(run.currency)) for name in ("paid", "below_minimum", "blocked", "negative")
    }
    rows = session.execute(
        sa.select(PayoutDraft.reason, sa.func.count(), sa.func.sum(PayoutDraft.amount_minor))
        .where(PayoutDraft.run_id == run.id)
        .group_by(PayoutDraft.reason)
    )
    for reason, count, minor in rows:
        old = found[tab_of(reason)]
        found[tab_of(reason)] = Tab(old.count + count, old.total + Money(int(minor), run.currency))
    return found


def previous(session: Session, run: PayoutRun) -> PayoutRun | None:
    """Return the run of the same currency that was approved last before this one was made or approved."""
    statement = sa.select(PayoutRun).where(
        PayoutRun.currency == run.currency, PayoutRun.id != run.id, PayoutRun.approved_at.is_not(None)
    )
    if run.approved_at is not None:
        statement = statement.where(PayoutRun.approved_at < run.approved_at)
    return session.scalars(statement.order_by(PayoutRun.approved_at.desc()).limit(1)).one_or_none()


def rows(
    session: Session, run: PayoutRun, before: PayoutRun | None, tab: str, after: UUID | None, limit: int
) -> list[Row]:
    """Return up to limit + 1 of a tab of the last preview, in the order of their ids, after one."""
    earlier = aliased(Payout)
    statement = (
        sa.select(
            PayoutDraft.adviser_id,
            PayoutDraft.amount_minor,
            PayoutDraft.lines,
            PayoutDraft.reason,
            Payout,
            earlier.amount_minor.label("before_minor"),
            _held(run.currency).label("held_minor"),
        )
        .outerjoin(Payout, Payout.id == PayoutDraft.payout_id)
        .outerjoin(
            earlier,
            sa.and_(
                earlier.adviser_id == PayoutDraft.adviser_id,
                earlier.run_id == (before.id if before else None),
            ),
        )
        .where(PayoutDraft.run_id == run.id, _in_tab(tab))
        .order_by(PayoutDraft.adviser_id)
        .limit(limit + 1)
    )
    if after is not None:
        statement = statement.where(PayoutDraft.adviser_id > after)
    found = session.execute(statement).all()
    advisers = [row.adviser_id for row in found]
    made = _made_of(session, run, before, advisers)
    nothing = Money.zero(run.currency)
    return [
        Row(
            row.adviser_id,
            row.lines,
            Money(row.amount_minor, run.currency),
            *made.get(row.adviser_id, (nothing, nothing, nothing)),
            Money(row.held_minor or 0, run.currency),
            None if row.before_minor is None else Money(row.before_minor, run.currency),
            row.reason,
            row.Payout,
        )
        for row in found
    ]


def _made_of(
    session: Session, run: PayoutRun, before: PayoutRun | None, advisers: Iterable[UUID]
) -> Mapping[UUID, tuple[Money, Money, Money]]:
    facts = {
        "run": run.id,
        "before": (before.cutoff_entry_id if before else None) or 0,
        "cutoff": run.cutoff_entry_id or 0,
        "until": run.cut_off_at,
        # Once a run is approved its payouts name their postings.
        "reserved": run.approved_at is not None,
        "advisers": list(advisers),
    }
    return {
        row.adviser_id: (
            Money(row.opening, run.currency),
            Money(row.earned, run.currency),
            Money(row.reversed, run.currency),
        )
        for row in session.execute(sa.text(_MADE_OF), facts)
    }


def _held(currency: str) -> sa.ScalarSelect[int]:
    """Return what is on hold of the adviser of a draft's row, positive on its side; NULL when nothing ever was."""
    return (
        sa.select(-sa.func.sum(BalanceRow.balance_minor).cast(sa.BigInteger))
        .join(AccountRow, AccountRow.id == BalanceRow.account_id)
        .where(
            AccountRow.owner == PayoutDraft.adviser_id,
            AccountRow.kind == "adviser:pending",
            AccountRow.currency == currency,
        )
        .correlate(PayoutDraft)
        .scalar_subquery()
    )


@dataclass(frozen=True, slots=True)
class Cover:
    """Whether there is enough at Stripe for a run: what was there, less what other payouts will take, less this."""

    at_stripe: Money
    seen: Certificate | None
    others: Money
    total: Money

    @classmethod
    def of(cls, run_id: UUID, total: Money, seen: Certificate | None, taken: Mapping[UUID, Money]) -> Cover:
        """Return whether Stripe's balance, as a certificate saw it, covers a total beside all other payouts."""
        currency = total.currency
        others = sum(one.minor for run, one in taken.items() if run != run_id and one.currency == currency)
        return cls(Money(seen.stripe_minor if seen else 0, currency), seen, Money(others, currency), total)

    @property
    def left(self) -> Money:
        """Return what is left after this run; below zero is what is missing."""
        return self.at_stripe - self.others - self.total

    @property
    def enough(self) -> bool:
        """Tell whether it covers the run."""
        return self.left.minor >= 0


def under_way(session: Session) -> dict[UUID, Money]:
    """Return what payouts will still take from Stripe's balance, by run."""
    rows = session.execute(
        sa.select(Payout.run_id, Payout.currency, sa.func.sum(Payout.amount_minor))
        .where(Payout.state.in_(OPEN_STATES))
        .group_by(Payout.run_id, Payout.currency)
    )
    return {run_id: Money(int(minor), currency) for run_id, currency, minor in rows}


def newest_certificate(session: Session, currency: str) -> Certificate | None:
    """Return what ledger and Stripe said last in a currency, or None before the first time."""
    return session.scalars(
        sa.select(Certificate)
        .where(Certificate.currency == currency)
        .order_by(Certificate.at.desc(), Certificate.id.desc())
        .limit(1)
    ).one_or_none()


def page(session: Session, after: UUID | None, limit: int) -> list[PayoutRun]:
    """Return up to limit + 1 runs, newest first."""
    statement = sa.select(PayoutRun).order_by(PayoutRun.id.desc()).limit(limit + 1)
    if after is not None:
        statement = statement.where(PayoutRun.id < after)
    return list(session.scalars(statement))


def settled(session: Session, run_ids: Iterable[UUID]) -> dict[UUID, tuple[int, int, int]]:
    """Return for each run how many payouts are settled, how many there are, and how many did not reach the bank."""
    statement = (
        sa.select(
            Payout.run_id,
            sa.func.count().filter(Payout.state.not_in(OPEN_STATES)),
            sa.func.count(),
            sa.func.count().filter(Payout.state.in_(("released", "bank_failed"))),
        )
        .where(Payout.run_id.in_(list(run_ids)))
        .group_by(Payout.run_id)
    )
    return {row[0]: (row[1], row[2], row[3]) for row in session.execute(statement)}
