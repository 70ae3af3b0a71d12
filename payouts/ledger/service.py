"""Post entries, lock accounts, read balances. All writing goes through `post`; PostgreSQL checks it once more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.errors import Conflict, IdempotencyMismatch
from marketplace.core.money import Money
from payouts.ledger.accounts import Account
from payouts.ledger.entries import Entry, Line

__all__ = ["BalanceTooLow", "Entry", "Line", "balance", "balances", "lock", "open_accounts", "post"]


class BalanceTooLow(Conflict):
    """An account that may not go below zero would have."""

    code = "balance_too_low"
    title = "Not enough money on an account"
    detail = "The entries {keys} would take an account below zero."
    next = "Read the balances again: somebody else may have used the money."


_FIND = sa.text("SELECT code, id FROM account WHERE code = ANY (CAST(:codes AS text[]))")
_OPEN = sa.text(
    "SELECT code, id FROM ledger_open_accounts(CAST(:kinds AS text[]), CAST(:owners AS uuid[]),"
    " CAST(:currencies AS text[]))"
)
_INSERT_ENTRIES = sa.text(
    "INSERT INTO entry (idem, request_hash, kind, lines, reverses, effective_at, actor, source_type, source_id, meta)"
    " SELECT idem, hash, kind, lines, reverses, at, actor, source_type, source_id, CAST(meta AS jsonb)"
    " FROM unnest(CAST(:idem AS text[]), CAST(:hash AS bytea[]), CAST(:kind AS text[]), CAST(:lines AS smallint[]),"
    " CAST(:reverses AS bigint[]), CAST(:at AS timestamptz[]), CAST(:actor AS text[]), CAST(:source_type AS text[]),"
    " CAST(:source_id AS text[]), CAST(:meta AS text[])) WITH ORDINALITY"
    " AS e (idem, hash, kind, lines, reverses, at, actor, source_type, source_id, meta, n) ORDER BY n"
    " ON CONFLICT (idem) DO NOTHING RETURNING idem, id"
)
_FIND_ENTRIES = sa.text("SELECT idem, id, request_hash FROM entry WHERE idem = ANY (CAST(:idems AS text[]))")
_INSERT_POSTINGS = sa.text(
    "INSERT INTO posting (entry_id, line, account_id, currency, amount_minor, shop_id)"
    " SELECT * FROM unnest(CAST(:entry AS bigint[]), CAST(:line AS smallint[]), CAST(:account AS bigint[]),"
    " CAST(:currency AS text[]), CAST(:amount AS bigint[]), CAST(:shop AS uuid[]))"
)
_LOCK = sa.text("SELECT account_id, balance_minor FROM ledger_lock(CAST(:ids AS bigint[]), :reversed)")
_BALANCES = sa.text(
    "SELECT a.code, sum(b.balance_minor)::bigint AS total FROM account a JOIN balance b ON b.account_id = a.id"
    " WHERE a.code = ANY (CAST(:codes AS text[])) GROUP BY a.code"
)


def open_accounts(session: Session, accounts: Iterable[Account]) -> dict[Account, int]:
    """Return the id of each account, opening those that don't exist; safe to race (worker only)."""
    wanted = list(dict.fromkeys(accounts))
    ids = {row.code: row.id for row in session.execute(_FIND, {"codes": [one.code for one in wanted]})}
    missing = [one for one in wanted if one.code not in ids]
    if missing:
        columns = {
            "kinds": [one.kind for one in missing],
            "owners": [one.owner for one in missing],
            "currencies": [one.currency for one in missing],
        }
        ids |= {row.code: row.id for row in session.execute(_OPEN, columns)}
    return {one: ids[one.code] for one in wanted}


def post(session: Session, entries: Sequence[Entry]) -> list[int]:
    """Post each entry once and return their ids, in the order given; an entry that is there keeps its first id.

    All or nothing, in the caller's transaction; the sums are checked again when that commits. Give one call all
    entries of a transaction: balances are then locked in one order, and deadlocks are rare (core retries them).
    Raises IdempotencyMismatch when a key exists with other content, BalanceTooLow when a floor would be passed.
    """
    unique: dict[str, Entry] = {}
    for entry in entries:
        if unique.setdefault(entry.idem, entry).fingerprint() != entry.fingerprint():
            raise IdempotencyMismatch(entity="ledger entry", key=entry.idem)
    if not unique:
        return []
    session.flush()
    made = {
        row.idem: row.id for row in session.execute(_INSERT_ENTRIES, _entry_columns(list(unique.values())))
    }
    ids = made | _known(session, [entry for entry in unique.values() if entry.idem not in made])
    fresh = [(made[entry.idem], entry) for entry in unique.values() if entry.idem in made]
    if fresh:
        _post_lines(session, fresh)
    return [ids[entry.idem] for entry in entries]


def _entry_columns(entries: Sequence[Entry]) -> dict[str, object]:
    return {
        "idem": [entry.idem for entry in entries],
        "hash": [entry.fingerprint() for entry in entries],
        "kind": [entry.kind for entry in entries],
        "lines": [len(entry.lines) for entry in entries],
        "reverses": [entry.reverses for entry in entries],
        "at": [entry.effective_at for entry in entries],
        "actor": [entry.actor for entry in entries],
        "source_type": [entry.source_type for entry in entries],
        "source_id": [entry.source_id for entry in entries],
        "meta": [json.dumps(dict(entry.meta)) for entry in entries],
    }


def _known(session: Session, entries: Sequence[Entry]) -> dict[str, int]:
    if not entries:
        return {}
    found = {
        row.idem: row for row in session.execute(_FIND_ENTRIES, {"idems": [entry.idem for entry in entries]})
    }
    for entry in entries:
        if bytes(found[entry.idem].request_hash) != entry.fingerprint():
            raise IdempotencyMismatch(entity="ledger entry", key=entry.idem)
    return {idem: row.id for idem, row in found.items()}


def _post_lines(session: Session, entries: Sequence[tuple[int, Entry]]) -> None:
    accounts = open_accounts(session, (line.account for _id, entry in entries for line in entry.lines))
    rows = [
        (entry_id, number, accounts[line.account], line.amount.currency, line.amount.minor, line.shop_id)
        for entry_id, entry in entries
        for number, line in enumerate(entry.lines, start=1)
    ]
    names = ("entry", "line", "account", "currency", "amount", "shop")
    columns = {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
    try:
        session.execute(_INSERT_POSTINGS, columns)
    except sa.exc.IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", None) == "ck_balance_floor":
            raise BalanceTooLow(keys=", ".join(entry.idem for _id, entry in entries[:5])) from error
        raise


def lock(
    session: Session, accounts: Iterable[Account], reversed_entry: int | None = None
) -> dict[Account, Money]:
    """Lock the accounts until the transaction ends and return their balances, positive on the normal side.

    Accounts are opened when missing and locked in the order of their ids (worker only). With `reversed_entry`,
    others who reverse that entry wait too.
    """
    ids = open_accounts(session, accounts)
    rows = session.execute(_LOCK, {"ids": sorted(ids.values()), "reversed": reversed_entry})
    totals = {row.account_id: row.balance_minor for row in rows}
    return {one: Money(one.sign * totals[number], one.currency) for one, number in ids.items()}


def balances(session: Session, accounts: Iterable[Account]) -> dict[Account, Money]:
    """Return balances without locking, positive on the normal side; of an account never used, zero."""
    wanted = list(dict.fromkeys(accounts))
    rows = session.execute(_BALANCES, {"codes": [one.code for one in wanted]})
    totals = {row.code: row.total for row in rows}
    return {one: Money(one.sign * totals.get(one.code, 0), one.currency) for one in wanted}


def balance(session: Session, account: Account) -> Money:
    """Return the balance of one account without locking, positive on its normal side."""
    return balances(session, [account])[account]
