"""Differences that a person must see: opened once, aged, corrected when they are gone, never deleted."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import insert

from marketplace.core import ids
from marketplace.core.money import Money
from payouts.settlement.models import Break

ALARMS = frozenset({"funding_mismatch", "transfer_mismatch", "key_reused"})


def open_break(
    session: orm.Session,
    kind: str,
    ref: str,
    amount: Money,
    *,
    cause: str,
    facts: dict[str, Any] | None = None,
    state: str = "open",
    now: dt.datetime,
) -> None:
    """Write down a difference, or refresh the same one: it keeps its id and the time it was first seen.

    kind and ref together say which difference it is; `state` is open, or explained with `cause` saying why.
    """
    values = {
        "id": ids.new_id(),
        "kind": kind,
        "ref": ref,
        "currency": amount.currency,
        "amount_minor": amount.minor,
        "state": state,
        "cause": cause,
        "facts": facts or {},
        "first_seen_at": now,
        "last_seen_at": now,
        "resolved_at": None,
    }
    kept = {"id", "kind", "ref", "currency", "first_seen_at"}
    statement = insert(Break).values(values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[Break.kind, Break.ref],
            set_={name: statement.excluded[name] for name in values if name not in kept},
        )
    )


def correct_gone(
    session: orm.Session, currency: str, seen: set[tuple[str, str]], kinds: set[str], *, now: dt.datetime
) -> int:
    """Mark as corrected the differences of these kinds and this currency that were not seen again."""
    rows = session.scalars(
        sa.select(Break)
        .where(Break.currency == currency, Break.kind.in_(kinds), Break.state != "corrected")
        .order_by(Break.id)
        .with_for_update()
    ).all()
    gone = [row for row in rows if (row.kind, row.ref) not in seen]
    for row in gone:
        row.state, row.resolved_at = "corrected", now
    return len(gone)
