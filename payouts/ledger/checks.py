"""The promises of the ledger that can be checked at any moment on live data."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.hooks import Finding

_UNEVEN = sa.text(
    """
    SELECT coalesce(sum(abs(total)), 0)::bigint, coalesce(sum(lines), 0)::bigint
      FROM (SELECT currency, sum(amount_minor) AS total, count(*) AS lines FROM posting GROUP BY currency) q
    """
)
_UNBALANCED = sa.text(
    """
    SELECT count(*) FILTER (WHERE p.lines IS DISTINCT FROM e.lines OR p.uneven), count(*)
      FROM entry e LEFT JOIN (
        SELECT entry_id, sum(lines) AS lines, bool_or(total <> 0) AS uneven
          FROM (SELECT entry_id, currency, count(*) AS lines, sum(amount_minor) AS total
                  FROM posting GROUP BY entry_id, currency) q
         GROUP BY entry_id) p ON p.entry_id = e.id
    """
)
# The count of postings is kept beside the sum, so a pair of lines that was removed shows even when it sums to zero.
_DRIFT = sa.text(
    """
    SELECT count(*) FILTER (WHERE b.total IS DISTINCT FROM coalesce(p.total, 0)
                               OR b.lines IS DISTINCT FROM coalesce(p.lines, 0)), count(*)
      FROM account a
      LEFT JOIN (SELECT account_id, sum(balance_minor) AS total, sum(postings) AS lines
                   FROM balance GROUP BY account_id) b ON b.account_id = a.id
      LEFT JOIN (SELECT account_id, sum(amount_minor) AS total, count(*) AS lines
                   FROM posting GROUP BY account_id) p ON p.account_id = a.id
    """
)
_FLOORS = sa.text(
    """
    SELECT count(*) FILTER (WHERE CASE a.normal WHEN 'D' THEN b.balance_minor ELSE -b.balance_minor END < 0),
           count(*)
      FROM account a JOIN balance b ON b.account_id = a.id WHERE a.floor_zero
    """
)
_REVERSED = sa.text(
    """
    SELECT count(*) FILTER (WHERE reversed NOT BETWEEN least(0, -original) AND greatest(0, -original)), count(*)
      FROM (SELECT o.id, p.account_id,
                   coalesce(sum(p.amount_minor) FILTER (WHERE p.entry_id = o.id), 0) AS original,
                   coalesce(sum(p.amount_minor) FILTER (WHERE p.entry_id <> o.id), 0) AS reversed
              FROM entry o JOIN entry e ON e.id = o.id OR e.reverses = o.id JOIN posting p ON p.entry_id = e.id
             WHERE o.id IN (SELECT reverses FROM entry WHERE reverses IS NOT NULL)
             GROUP BY o.id, p.account_id) q
    """
)
# Triggers that must fire always, and rights that no login role may have.
_GUARDS = (
    "entry_append_only",
    "posting_append_only",
    "account_append_only",
    "account_kind_append_only",
    "balance_kept",
    "entry_checked",
    "posting_applied",
)
_OPEN_DOORS = sa.text(
    """
    SELECT (SELECT count(*) FROM unnest(CAST(:guards AS text[])) AS g (name)
             WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgname = g.name AND t.tgenabled = 'A'))
         + (SELECT count(*)
              FROM unnest('{aanrader_app,aanrader_worker,aanrader_edge}'::text[]) AS r (role),
                   unnest('{entry,posting,account,account_kind,balance}'::text[]) AS t (name)
             WHERE has_table_privilege(r.role, t.name, 'UPDATE, DELETE, TRUNCATE')
                OR (t.name NOT IN ('entry', 'posting') OR r.role <> 'aanrader_worker')
                   AND has_any_column_privilege(r.role, t.name, 'INSERT'))
    """
)
_ENTRIES = sa.text("SELECT count(*) FROM entry")


def _figure(session: Session, statement: sa.TextClause) -> Finding:
    figure, seen = session.execute(statement).one()
    return Finding(int(figure), int(seen))


def sums_to_zero(session: Session) -> Finding:
    """Sum all postings per currency, in minor units: what is not zero was created out of nothing."""
    return _figure(session, _UNEVEN)


def entries_balance(session: Session) -> Finding:
    """Count the entries whose lines do not sum to zero in each currency, or are not all there."""
    return _figure(session, _UNBALANCED)


def balances_are_postings(session: Session) -> Finding:
    """Count the accounts whose balance is not the sum of its postings, or counts another number of them."""
    return _figure(session, _DRIFT)


def floors_hold(session: Session) -> Finding:
    """Count the balances below zero on accounts that have a floor, the shops' budgets among them."""
    return _figure(session, _FLOORS)


def reversals_within(session: Session) -> Finding:
    """Count the accounts of entries that were taken back by more than was posted."""
    return _figure(session, _REVERSED)


def history_is_closed(session: Session) -> Finding:
    """Count the open doors: guards of the append-only tables that are off, and rights that nobody should have."""
    doors = session.execute(_OPEN_DOORS, {"guards": list(_GUARDS)}).scalar_one()
    return Finding(int(doors), int(session.execute(_ENTRIES).scalar_one()))
