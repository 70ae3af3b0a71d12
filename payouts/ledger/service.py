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


_FIND = sa.text(
    "SELECT a.code, a.id FROM jsonb_array_elements_text(CAST(:codes AS jsonb)) AS w (code)"
    " JOIN account a ON a.code = w.code"
)
_OPEN = sa.text(
    "SELECT code, id FROM ledger_open_accounts(CAST(:kinds AS text[]), CAST(:owners AS uuid[]),"
    " CAST(:currencies AS text[]))"
)
# Rows travel as one JSON text: for a thousand entries that is several times cheaper than arrays of columns.
_INSERT_ENTRIES = sa.text(
    "INSERT INTO entry (idem, request_hash, kind, lines, reverses, effective_at, actor, source_type, source_id, meta)"
    " SELECT idem, decode(hash, 'hex'), kind, lines, reverses, at, actor, source_type, source_id, meta"
    " FROM ROWS FROM (jsonb_to_recordset(CAST(:rows AS jsonb)) AS (idem text, hash text, kind text, lines smallint,"
    " reverses bigint, at timestamptz, actor text, source_type text, source_id text, meta jsonb)) WITH ORDINALITY"
    " AS e (idem, hash, kind, lines, reverses, at, actor, source_type, source_id, meta, n) ORDER BY n"
    " ON CONFLICT (idem) DO NOTHING RETURNING idem, id"
)
_FIND_ENTRIES = sa.text("SELECT idem, id, request_hash FROM entry WHERE idem = ANY (CAST(:idems AS text[]))")
_INSERT_POSTINGS = sa.text(
    "INSERT INTO posting (entry_id, line, account_id, currency, amount_minor, shop_id)"
    " SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb))"
    " AS p (e bigint, l smallint, a bigint, c text, m bigint, s uuid)"
)
_LOCK = sa.text("SELECT account_id, balance_minor FROM ledger_lock(CAST(:ids AS bigint[]), :reversed)")
_BALANCES = sa.text(
    "SELECT a.code, sum(b.balance_minor)::bigint AS total FROM account a JOIN balance b ON b.account_id = a.id"
    " WHERE a.code = ANY (CAST(:codes AS text[])) GROUP BY a.code"
)


def open_accounts(session: Session, accounts: Iterable[Account]) -> dict[Account, int]:
    """Return the id of each account, opening those that don't exist; safe to race (worker only)."""
    wanted = list(dict.fromkeys(accounts))
    ids = {
        row.code: row.id
        for row in session.execute(_FIND, {"codes": json.dumps([one.code for one in wanted])}).all()
    }
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
    unique: dict[str, tuple[Entry, bytes]] = {}
    for entry in entries:
        said = entry.fingerprint()
        if unique.setdefault(entry.idem, (entry, said))[1] != said:
            raise IdempotencyMismatch(entity="ledger entry", key=entry.idem)
    if not unique:
        return []
    session.flush()
    rows = json.dumps([_row(entry, said) for entry, said in unique.values()])
    made = {row.idem: row.id for row in session.execute(_INSERT_ENTRIES, {"rows": rows}).all()}
    ids = made | _known(session, {idem: said for idem, (_entry, said) in unique.items() if idem not in made})
    fresh = [(made[idem], entry) for idem, (entry, _said) in unique.items() if idem in made]
    if fresh:
        _post_lines(session, fresh)
    return [ids[entry.idem] for entry in entries]


def _row(entry: Entry, said: bytes) -> dict[str, object]:
    return {
        "idem": entry.idem,
        "hash": said.hex(),
        "kind": entry.kind,
        "lines": len(entry.lines),
        "reverses": entry.reverses,
        "at": entry.effective_at.isoformat(),
        "actor": entry.actor,
        "source_type": entry.source_type,
        "source_id": entry.source_id,
        "meta": dict(entry.meta),
    }


def _known(session: Session, fingerprints: dict[str, bytes]) -> dict[str, int]:
    if not fingerprints:
        return {}
    found = {row.idem: row for row in session.execute(_FIND_ENTRIES, {"idems": list(fingerprints)})}
    for idem, said in fingerprints.items():
        if bytes(found[idem].request_hash) != said:
            raise IdempotencyMismatch(entity="ledger entry", key=idem)
    return {idem: row.id for idem, row in found.items()}


def _post_lines(session: Session, entries: Sequence[tuple[int, Entry]]) -> None:
    accounts = open_accounts(session, (line.account for _id, entry in entries for line in entry.lines))
    rows = [
        {
            "e": entry_id,
            "l": number,
            "a": accounts[line.account],
            "c": line.amount.currency,
            "m": line.amount.minor,
            "s": None if line.shop_id is None else str(line.shop_id),
        }
        for entry_id, entry in entries
        for number, line in enumerate(entry.lines, start=1)
    ]
    try:
        session.execute(_INSERT_POSTINGS, {"rows": json.dumps(rows)})
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
