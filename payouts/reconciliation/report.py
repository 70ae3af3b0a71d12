"""The morning screen: the newest certificate per currency, and the differences by kind and age."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from marketplace.core.schemas import dump_instant, dump_money
from payouts.reconciliation.certificate import age_bucket
from payouts.reconciliation.models import Certificate, ReconImport
from payouts.settlement import freeze
from payouts.settlement.breaks import ALARMS
from payouts.settlement.models import Break

SHOWN = 200
_WORK_WEEK = 5


def business_days(since: dt.datetime, until: dt.datetime) -> int:
    """Return how many Mondays to Fridays lie between two instants, the first day not counted."""
    first, days = since.date(), (until.date() - since.date()).days
    whole, rest = divmod(max(days, 0), 7)
    extra = sum((first + dt.timedelta(days=n)).weekday() < _WORK_WEEK for n in range(1, rest + 1))
    return whole * _WORK_WEEK + extra


def newest_certificates(session: Session) -> list[Certificate]:
    """Return the newest certificate of each currency."""
    newest = (
        sa.select(Certificate.id)
        .ext(distinct_on(Certificate.currency))
        .order_by(Certificate.currency, Certificate.at.desc(), Certificate.id.desc())
    )
    return list(
        session.scalars(
            sa.select(Certificate).where(Certificate.id.in_(newest)).order_by(Certificate.currency)
        )
    )


def report(session: Session, now: dt.datetime) -> dict[str, Any]:
    """Return certificates, differences and the last import, as finance reads them."""
    rows = list(
        session.scalars(
            sa.select(Break).where(Break.state != "corrected").order_by(Break.first_seen_at, Break.id)
        )
    )
    last = session.scalars(
        sa.select(ReconImport)
        .where(ReconImport.state == "finished")
        .order_by(ReconImport.finished_at.desc())
        .limit(1)
    ).one_or_none()
    waiting = session.scalar(
        sa.select(sa.func.count()).select_from(ReconImport).where(ReconImport.state == "asked")
    )
    return {
        "certificates": [certificate_json(one) for one in newest_certificates(session)],
        "differences": _by_kind_and_age(rows, now),
        "items": [break_json(one, now) for one in rows[:SHOWN]],
        "last_import_at": None
        if last is None or last.finished_at is None
        else dump_instant(last.finished_at),
        "imports_waiting": waiting or 0,
        "payouts_frozen": freeze.is_frozen(session),
    }


def certificate_json(one: Certificate) -> dict[str, Any]:
    """Return one certificate: three figures, what is explained, and the difference."""

    def money(minor: int) -> dict[str, str]:
        return dump_money(Money(minor, one.currency))

    return {
        "currency": one.currency,
        "at": dump_instant(one.at),
        "ledger": money(one.ledger_minor),
        "stripe": money(one.stripe_minor),
        "movements": money(one.movements_minor),
        "movement_count": one.movements,
        "explained": money(one.explained_minor),
        "explained_items": one.explained,
        "difference": money(one.difference_minor),
    }


def break_json(one: Break, now: dt.datetime) -> dict[str, Any]:
    """Return one difference with its age."""
    days = business_days(one.first_seen_at, now)
    return {
        "id": str(one.id),
        "kind": one.kind,
        "ref": one.ref,
        "amount": dump_money(Money(one.amount_minor, one.currency)),
        "state": one.state,
        "cause": one.cause,
        "alarm": one.kind in ALARMS,
        "first_seen_at": dump_instant(one.first_seen_at),
        "last_seen_at": dump_instant(one.last_seen_at),
        "business_days": days,
        "age": age_bucket(days),
        "facts": one.facts,
    }


def _by_kind_and_age(rows: list[Break], now: dt.datetime) -> list[dict[str, Any]]:
    sums: dict[tuple[str, str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for one in rows:
        age = age_bucket(business_days(one.first_seen_at, now))
        part = sums[(one.kind, one.currency, age, one.state)]
        part[0] += 1
        part[1] += one.amount_minor
    return [
        {
            "kind": kind,
            "age": age,
            "state": state,
            "count": count,
            "amount": dump_money(Money(minor, currency)),
        }
        for (kind, currency, age, state), (count, minor) in sorted(sums.items())
    ]
