"""/finance/ledger: entries with both legs, one entry with what it belongs to, one account with its running balance."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.errors import InvalidInput
from marketplace.core.formats import ZONE
from marketplace.core.forms import Query
from marketplace.core.money import Money
from marketplace.core.paging import decode_cursor, encode_cursor, number_after
from marketplace.core.policy import policy
from payouts.finance import books, names, schemas
from payouts.ledger import reading
from payouts.ledger.accounts import CHART

blueprint = flask.Blueprint("finance_ledger", __name__)
MOST_IN_A_FILE = 20_000
UUID_LENGTH = 36
ENTRY_KINDS = (
    "fund", "fund_returned", "accrue", "mature", "funded", "reverse", "claw_back", "reserve", "released", "paid_back",
    "sent", "in_bank", "bank_failed", "transfer_reversed", "stripe_fee", "unallocated", "withdrawn", "banked",
)  # fmt: skip
LINES: tuple[pages.Column, ...] = (
    ("entry", lambda row: row["entry"]["id"]),
    ("kind", lambda row: row["entry"]["kind"]),
    ("effective at", lambda row: row["entry"]["effective_at"]),
    ("account", lambda row: row["account"]),
    ("side", lambda row: "debit" if "debit" in row else "credit"),
    ("amount", lambda row: row.get("debit") or row.get("credit")),
    ("shop", lambda row: row["shop_id"]),
    ("source", lambda row: row["entry"]["source_type"]),
    ("source id", lambda row: row["entry"]["source_id"]),
    ("reverses", lambda row: row["entry"]["reverses"]),
)
POSTINGS: tuple[pages.Column, ...] = (
    ("entry", lambda row: row.entry_id),
    ("kind", lambda row: row.kind),
    ("effective at", lambda row: row.at),
    ("change", lambda row: row.change),
    ("balance after", lambda row: row.after),
    ("shop", lambda row: row.shop_id),
    ("source", lambda row: row.source_type),
    ("source id", lambda row: row.source_id),
)


@blueprint.get("/finance/ledger")
@policy("ledger", "read")
def index() -> Response:
    """List entries with their lines, narrowed by account, kind, days, amount and source, or give them as a file."""
    query = Query(schemas.EntriesFilter)
    data, limit = query.data, query.data["limit"]
    with db.session() as session:
        if data["format"] == "csv":
            every = reading.entries(session, wanted(data), None, MOST_IN_A_FILE)
            rows = [line | {"entry": entry} for entry in every for line in entry["lines"]]
            return pages.csv(rows, LINES, "ledger")
        found = reading.entries(session, wanted(data), number_after(data["cursor"]), limit + 1)
        shown = found[:limit]
        accounts = reading.accounts(session, reading.AccountFilter(None, None, data["currency"]), 0, 60)
        called = _names(session, shown)
        even = books.balanced(session)
    return pages.render(
        "finance/ledger.html",
        query=query,
        entries=shown,
        next_cursor=encode_cursor(shown[-1]["id"]) if len(found) > limit else None,
        names=called,
        even=even,
        accounts=[one for one in accounts if one["owner"] is None],
        kinds=ENTRY_KINDS,
        account_kinds=tuple(CHART),
    )


@blueprint.get("/finance/ledger/entries/<entry_id>")
@policy("ledger", "read")
def entry(entry_id: str) -> Response:
    """Show one entry: its lines, what caused it, and what took it back."""
    with db.session() as session:
        found = books.entry(session, entry_id)
        [shown] = reading.entries(session, reading.EntryFilter(), found.id + 1, 1)
        back = books.taken_back_by(session, found.id)
        of_commission = found.source_type == "commission"
        commission = books.commissions_of(session, [found.id]).get(found.id) if of_commission else None
        run = books.runs_of(session, [found.source_id]) if found.source_type == "payout" else {}
        at_stripe = any(line["account"].startswith("stripe:") for line in shown["lines"])
        moved = books.movement(session, found.id) if at_stripe else None
        called = _names(session, [shown])
    return pages.render(
        "finance/entry.html",
        entry=shown,
        row=found,
        taken_back_by=back,
        commission_id=commission,
        run=next(iter(run.values()), None),
        moved=moved,
        sums=_sums(shown["lines"]),
        names=called,
    )


@blueprint.get("/finance/ledger/accounts/<path:account>")
@policy("ledger", "read")
def account(account: str) -> Response:
    """Show one account: every line of it with the balance after it, or give them as a file."""
    query = Query(schemas.AccountPage)
    limit = query.data["limit"]
    with db.session() as session:
        of = books.named(session, account)
        if query.data["format"] == "csv":
            return pages.csv(
                books.postings(session, of, None, MOST_IN_A_FILE)[:MOST_IN_A_FILE], POSTINGS, "account"
            )
        found = books.postings(session, of, _before(query.data["cursor"]), limit)
        shown = found[:limit]
        owners = {of.account.owner} if of.account.owner else set()
        called = names.of(session, owners=owners, shops={row.shop_id for row in shown if row.shop_id})
        others = (
            reading.accounts(session, reading.AccountFilter(None, of.account.owner, None), 0, 20)
            if of.account.owner
            else []
        )
    return pages.render(
        "finance/account.html",
        of=of,
        rows=shown,
        next_cursor=encode_cursor(shown[-1].entry_id, shown[-1].line) if len(found) > limit else None,
        query=query,
        names=called,
        others=others,
    )


def wanted(data: dict[str, Any]) -> reading.EntryFilter:
    """Return the filter of an address as the books read it; days are Amsterdam's, the last one counted."""
    return reading.EntryFilter(
        account=data["account"],
        kind=data["kind"],
        source_type=data["source_type"],
        source_id=data["source_id"],
        since=schemas.moment(data["since"], 0, ZONE),
        until=schemas.moment(data["until"], 1, ZONE),
        account_kind=data["account_kind"],
        amount=schemas.money(data["amount"], data["currency"]),
    )


def _sums(lines: list[dict[str, Any]]) -> list[tuple[Money, Money]]:
    """Return debit and credit of an entry for each of its currencies."""
    found: dict[str, list[Money]] = {}
    for line in lines:
        amount: Money = line.get("debit") or line["credit"]
        both = found.setdefault(amount.currency, [Money.zero(amount.currency), Money.zero(amount.currency)])
        both["debit" not in line] += amount
    return [(both[0], both[1]) for both in found.values()]


def _before(cursor: str | None) -> tuple[int, int] | None:
    if not cursor:
        return None
    parts = decode_cursor(cursor, 2)
    if not all(part.isascii() and part.isdigit() and len(part) < 18 for part in parts):
        raise InvalidInput({"cursor": ["Not a cursor of this list."]})
    return int(parts[0]), int(parts[1])


def _names(session: Session, entries: list[dict[str, Any]]) -> names.Names:
    lines = [line for one in entries for line in one["lines"]]
    owners = {UUID(part) for line in lines for part in line["account"].split(":") if len(part) == UUID_LENGTH}
    return names.of(session, owners=owners, shops={line["shop_id"] for line in lines if line["shop_id"]})
