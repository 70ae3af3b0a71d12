"""What needs somebody of finance today, the most urgent first; each with its amount, its age and where it is mended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from marketplace.core.actor import Actor
from marketplace.core.money import Money
from payouts.accrual import isolation
from payouts.finance import runs
from payouts.reconciliation import report
from payouts.reconciliation.certificate import age_bucket
from payouts.reconciliation.models import Certificate
from payouts.settlement import freeze
from payouts.settlement.freeze import PayoutFreeze
from payouts.settlement.models import Break
from payouts.settlement.payout_models import Payout, PayoutRun

# Stripe's movements are brought in every quarter of an hour; a day without is somebody's business.
IMPORT_LATE = dt.timedelta(hours=24)
SHOWN = 20
_SUMS = sa.text(
    "SELECT a.currency, coalesce(sum(q.total) FILTER (WHERE q.total > 0), 0)::bigint AS debit,"
    " coalesce(-sum(q.total) FILTER (WHERE q.total < 0), 0)::bigint AS credit,"
    " coalesce(sum(q.total) FILTER (WHERE a.kind = 'shop:receivable'), 0)::bigint AS owed,"
    " coalesce(-sum(q.total) FILTER (WHERE a.kind = 'adviser:available' AND q.total < 0), 0)::bigint AS payable,"
    " count(*) FILTER (WHERE a.kind = 'adviser:available' AND q.total < 0) AS advisers"
    " FROM account a JOIN (SELECT account_id, sum(balance_minor) AS total FROM balance GROUP BY account_id) q"
    "   ON q.account_id = a.id GROUP BY a.currency ORDER BY a.currency"
)


@dataclass(frozen=True, slots=True)
class Failed:
    """A payout that did not arrive, why, and in which run."""

    payout: Payout
    number: str
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits for somebody; `mine`: the maker asks, so somebody else acts on it, unless it was rejected."""

    run: PayoutRun
    total: Money
    mine: bool
    cover: runs.Cover


@dataclass(frozen=True, slots=True)
class Ages:
    """The open differences of one age: how many, and the sum of their sizes per currency."""

    age: str
    count: int
    sizes: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Sums:
    """What the books add up to in one currency; owed: by shops; payable: to so many advisers, below minimum or not."""

    debit: Money
    credit: Money
    owed: Money
    payable: Money
    advisers: int


@dataclass(frozen=True, slots=True)
class Today:
    """All that the first page of finance says."""

    waiting: Sequence[Waiting]
    failed: Sequence[Failed]
    differences: Sequence[Break]
    ages: Sequence[Ages]
    set_aside: int
    sums: Sequence[Sums]
    certificates: Sequence[Certificate]
    import_late: bool
    frozen: PayoutFreeze | None

    @property
    def is_even(self) -> bool:
        """Tell whether debit equals credit in every currency."""
        return all(one.debit == one.credit for one in self.sums)

    @property
    def owed(self) -> list[Money]:
        """Return what shops still have to pay in for what was earned already."""
        return [one.owed for one in self.sums if not one.owed.is_zero]

    @property
    def payable(self) -> list[Sums]:
        """Return the currencies in which something is payable."""
        return [one for one in self.sums if one.payable.minor > 0]

    @property
    def first(self) -> str:
        """Return the address of the most urgent thing, or nothing when nothing needs anybody."""
        for holds, where in (
            (not self.is_even, "/finance/ledger"),
            (self.frozen is not None, "/finance/freeze"),
            (
                bool(self.differences),
                f"/finance/differences/{self.differences[0].id}" if self.differences else "",
            ),
            (any(not one.mine or one.run.rejected_at for one in self.waiting), self._run()),
            (bool(self.failed), f"/finance/runs/{self.failed[0].payout.run_id}" if self.failed else ""),
            (self.import_late, "/finance/reconciliation"),
        ):
            if holds:
                return where
        return ""

    def _run(self) -> str:
        urgent = (one.run.id for one in self.waiting if not one.mine or one.run.rejected_at)
        return next((f"/finance/runs/{run_id}" for run_id in urgent), "")


def of(session: Session, actor: Actor, now: dt.datetime) -> Today:
    """Return what needs somebody of finance at an instant, as this person sees it."""
    open_ones = session.scalars(
        sa.select(Break).where(Break.state == "open").order_by(Break.first_seen_at, Break.id).limit(500)
    ).all()
    certificates = report.newest_certificates(session)
    last = max((one.at for one in certificates), default=None)
    return Today(
        _waiting(session, actor.user_id, certificates),
        _failed(session),
        open_ones,
        _ages(open_ones, now),
        len(isolation.open_ones(session)),
        _sums(session),
        certificates,
        last is not None and now - last > IMPORT_LATE,
        freeze.standing(session),
    )


def _waiting(session: Session, person: UUID | None, certificates: Sequence[Certificate]) -> list[Waiting]:
    newer = aliased(PayoutRun)
    # Until its maker makes another, a rejected run wants something of them.
    is_news = sa.and_(
        PayoutRun.state == "rejected",
        PayoutRun.created_by == person,
        ~sa.exists().where(newer.currency == PayoutRun.currency, newer.created_at > PayoutRun.rejected_at),
    )
    found = session.scalars(
        sa.select(PayoutRun)
        .where(
            sa.or_(
                PayoutRun.state == "approved",
                sa.and_(PayoutRun.state == "draft", PayoutRun.total_minor > 0),
                is_news,
            )
        )
        .order_by(PayoutRun.created_at)
        .limit(SHOWN)
    ).all()
    seen = {one.currency: one for one in certificates}
    under_way = runs.under_way(session) if found else {}
    shown = []
    for run in found:
        total = Money(run.total_minor or 0, run.currency)
        cover = runs.Cover.of(run.id, total, seen.get(run.currency), under_way)
        is_mine = run.state != "approved" and run.created_by == person
        shown.append(Waiting(run, total, is_mine, cover))
    return shown


def _failed(session: Session) -> list[Failed]:
    """Return payouts that were refused, hang, or came back and were not made good by a later one."""
    later = aliased(Payout)
    since = sa.func.coalesce(Payout.bank_failed_at, Payout.released_at, Payout.approved_at)
    made_good = (
        sa.select(later.id)
        .where(
            later.adviser_id == Payout.adviser_id,
            later.currency == Payout.currency,
            later.approved_at > since,
            later.state.in_(("paid", "in_bank")),
        )
        .exists()
    )
    hangs = sa.and_(Payout.state.in_(("approved", "rejected", "unknown")), Payout.reason.is_not(None))
    came_back = sa.and_(Payout.state.in_(("released", "bank_failed")), ~made_good)
    rows = session.execute(
        sa.select(Payout, PayoutRun.number, since)
        .join(PayoutRun, PayoutRun.id == Payout.run_id)
        .where(sa.or_(hangs, came_back))
        .order_by(since, Payout.id)
        .limit(SHOWN)
    )
    return [Failed(*row) for row in rows]


def _ages(found: Sequence[Break], now: dt.datetime) -> list[Ages]:
    groups: dict[str, list[Break]] = {}
    for one in found:
        groups.setdefault(age_bucket(report.business_days(one.first_seen_at, now)), []).append(one)
    return [
        Ages(
            age,
            len(group),
            tuple(
                Money(sum(abs(one.amount_minor) for one in group if one.currency == currency), currency)
                for currency in sorted({one.currency for one in group})
            ),
        )
        for age, group in groups.items()
    ]


def _sums(session: Session) -> list[Sums]:
    """Return what the books add up to in each currency, in one pass over the balances."""
    return [
        Sums(
            Money(row.debit, row.currency),
            Money(row.credit, row.currency),
            Money(row.owed, row.currency),
            Money(row.payable, row.currency),
            row.advisers,
        )
        for row in session.execute(_SUMS)
    ]
