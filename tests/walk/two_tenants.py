"""Two tenants with a row in every locked table, made without any service, so that only PostgreSQL tells them apart.

Ids tell whose a row is: those of tenant A begin with aaaaaaaa, those of B with bbbbbbbb, the platform's with ffffffff.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from marketplace.core.db import Scope
from tests.conftest import Database

_FILLERS: dict[str, Any] = {
    "uuid": None, "text": "x", "integer": 1, "smallint": 1, "bigint": 1, "boolean": False, "jsonb": "{}",
    "bytea": b"x" * 32, "character": "EUR", "ARRAY": "{}", "date": "2026-01-01",
    "timestamp with time zone": "2026-01-01 00:00:00+00",
}  # fmt: skip
# What keys do not say: whose a column is, by its name.
_BY_NAME = {"shop_id": "shop", "adviser_id": "adviser", "user_id": "owner", "owner": "shop", "move_id": "commission_move",
            "commission_id": "commission", "order_id": "shop_order", "payout_id": "payout",
            "product_id": "product"}  # fmt: skip
# People: a shop's owner and its adviser's account are two.
_PEOPLE = {
    "adviser.user_id": "advising",
    "influence_evidence_event.by_user_id": "advising",
    "advice_event.by_user_id": "advising",
    "answer.user_id": "advising",
}
_PLATFORM = "payout_run payout_draft payout_run_number payout_freeze recon_import recon_certificate recon_break balance_tx stripe_event"
PLATFORM_TABLES = frozenset([*_PLATFORM.split(), "stripe_movement", "mail_message"])
# Rows that PostgreSQL writes itself, of other rows that were written.
MADE_BY_FUNCTIONS = ("account", "balance", "entry", "posting", "accrual_due", "order_participant")
_ACT = (
    "SELECT set_config('role', %(login)s, true), set_config('app.actor', %(actor)s, true),"
    " set_config('app.shop_ids', %(shops)s, true), set_config('app.adviser_id', %(adviser)s, true),"
    " set_config('app.role', %(role)s, true)"
)
_COUNTER = itertools.count(1000)
KINDS = {"a": "A", "b": "B", "f": "F"}
WHOSE = {"A": "a", "B": "b", "P": "f"}
# The number in the id of a shop that somebody is about to make.
NEW_SHOP = 999


def identity(whose: str, what: str, number: int = 0) -> uuid.UUID:
    """Return the id of a thing; whose: a, b or f (the platform's)."""
    place = uuid.uuid5(uuid.NAMESPACE_OID, what).int % 10**8
    return uuid.UUID(f"{whose * 8}-0000-7000-8000-{place:08d}{number:04d}")


def of_tenant(whose: str, table: str, fresh: str = "") -> dict[str, Any]:
    """Return what the checks of a table ask for, beside ids and fillers; fresh: makes texts unique."""
    word = f"{whose}{fresh}"
    return {
        "adviser": {"code": f"adviser-{word}", "kind": "expert", "country": "NL"},
        "adviser_state": {"state": "active"},
        "advice_page": {
            "code": word,
            "state": "draft",
            "kind": "single",
            "language": "nl",
            "version": 0,
            "slug": None,
            "published_at": None,
            "twin_id": None,
        },
        "advice_draft": {"edit": 1, "kind": "single", "language": "nl"},
        "advice_version": {"number": 1 + len(fresh)},
        "advice_event": {"n": 1 + len(fresh), "state": "published", "by_role": "adviser"},
        "question": {"state": "waiting", "language": "nl"},
        "question_asker": {"email": None},
        "answer": {
            "by_role": "adviser",
            "state": "shown" if fresh else "hidden",
            "reason": "x",
            "shop_id": None,
        },
        "follow": {"language": "nl"},
        "review": {"state": "shown" if fresh else "hidden", "reason": "x", "stars": 5, "language": "nl"},
        "review_proof": {"email_sha256": "0" * 64},
        "page_report": {
            "reason": "other",
            "language": "nl",
            "receipt_hash": word.encode(),
            "decided_by": None,
        },
        "agreement": {"kind": "terms", "version": 1 + len(fresh), "sha256": "0" * 64, "adviser_id": None},
        "api_key": {"mode": "live", "key_hash": word.encode(), "adviser_id": None},
        "accrual": {
            "kind": "earned",
            "funded": True,
            "commission_minor": 0,
            "fee_minor": 0,
            "unfunded_commission_minor": 0,
            "unfunded_fee_minor": 0,
            "entry_id": None,
        },
        "attribution": {
            "state": "provisional",
            "decided_by": "intake",
            "policy_id": "00000000-0000-7000-8000-000000000001",
            "code_id": None,
            "receipt": json.dumps({"others": []}),
        },
        "attribution_policy": {"model": "last", "code_rule": "override", "guard_seconds": 0},
        "auth_session": {"kind": "token", "token_hash": word.encode()},
        "bank_payout": {"id": word, "amount_minor": 1},
        "balance_tx": {"id": word, "net_minor": 0},
        "click_tally": {"name": f"raw{fresh}"},
        "commission": {"mode": "live"},
        "commission_move": {"kind": "earned", "delta_minor": 5, "standing_minor": 5},
        "commission_terms": {
            "version": 1 + len(fresh),
            "window_days": 30,
            "hold_days": 14,
            "published_by": identity(whose, "owner"),
        },
        "discount_code": {"code": f"CODE{word}".upper()},
        "claim": {
            "state": "open",
            "order_ref": word,
            "currency": None,
            "amount_minor": None,
            "ended_by": None,
            "ended_at": None,
            "order_id": None,
            "found_ref": None,
            "ordered_at": None,
            "reported_at": None,
        },
        "claim_event": {
            "seq": 1 + len(fresh),
            "kind": "withdrawn" if fresh else "claimed",
            "party": "adviser",
            "reason": None,
            "until": None if fresh else "2030-01-01",
            "at": "2026-01-01",
        },
        "dispute": {
            "state": "open",
            "policy_id": "00000000-0000-7000-8000-000000000002",
            "outcome": None,
            "ended_by": None,
            "ended_at": None,
            "money": None,
            "settled_at": None,
            "reinstated_minor": None,
            "told_seq": 0,
        },
        "dispute_event": {
            "seq": 1 + len(fresh),
            "kind": "withdrawn" if fresh else "opened",
            "party": "adviser",
            "outcome": None,
            "links": "[]",
        },
        "email_token": {"purpose": "verify", "token_hash": word.encode()},
        "entry": {"lines": 2},
        "feed_job": {"state": "queued"},
        "feed_row": {"outcome": "added"},
        "feed_source": {"every": "manual", "state": "active"},
        "feed_fetch": {"outcome": "queued", "failure_code": None},
        "funding": {
            "state": "planned",
            "entry_id": None,
            "stripe_session_id": None,
            "stripe_payment_intent": None,
        },
        "influence_evidence": {"kind": "user", "state": "stated", "order_ref": word},
        "influence_evidence_event": {"state": "stated", "by_role": "adviser"},
        "invitation": {"role": "staff", "token_hash": word.encode(), "accepted_by": None},
        "mail_message": {"attempts": 0},
        "membership": {"role": "owner"},
        "offer": {"code": f"offer-{word}", "state": "open", "notice_days": 7},
        "offer_state": {"state": "open"},
        "order_answer": {"kind": "order", "key": word},
        "order_line": {"line_ref": word, "category_by": None},
        "order_token": {"position": 1 + len(fresh), "result": "accepted"},
        "partnership": {"state": "accepted", "accepted_at": "2026-01-01", "applied_at": "2026-01-01"},
        "partnership_event": {"state": "accepted"},
        "payout": {
            "state": "approved",
            "amount_minor": 1,
            "run_id": identity("f", "payout_run"),
            "place": ord(whose),
            "reserve_entry_id": ord(whose),
            "stripe_transfer_id": None,
        },
        "payout_account": {"state": "planned", "stripe_account_id": None, "currency": "EUR"},
        "payout_attempt": {"idem_key": word, "outcome": None, "stripe_id": None, "closed_at": None},
        "payout_draft": {"run_id": identity("f", "payout_run"), "reason": "nothing", "content": None},
        "payout_freeze": {"reason": "by_hand", "lift_asked_by": None, "lifted_by": None},
        "payout_line": {"entry_id": ord(whose)},
        "payout_run": {
            "number": word,
            "state": "draft",
            "created_by": identity("f", "finance"),
            "approved_by": None,
            "rejected_by": None,
            "executed_by": None,
            "content_hash": None,
        },
        "payout_run_number": {"year": 2026 + len(fresh)},
        # Removed, so that only the adviser who sent it sees it: one that is shown is for everybody.
        "picture": {"kind": "page", "shop_id": None, "alt": "x", "removed_at": "2026-02-01"},
        "picture_file": {"width": 480 if fresh else 160},
        "product_picture": {"picture_id": None},
        "product": {"sku": word, "price_minor": 1, "sale_price_minor": None, "source": "hand"},
        "recon_break": {"state": "open", "ref": word},
        "recon_certificate": {
            "difference_minor": 0,
            "stripe_minor": 1,
            "ledger_minor": 0,
            "explained_minor": 1,
        },
        "recon_import": {"state": "asked"},
        "refund": {"mode": "live", "kind": "refund", "refund_ref": word},
        "refund_outcome": {"state": "applied", "reason": None},
        "shop": {"code": f"shop-{word}", "currency": "EUR", "country": "NL", "state": "live"},
        "shop_contract": {"version": 1, "fee_bp": 1000},
        "shop_domain": {"host": f"{word}.example", "proof": "file", "verified_at": None},
        "shop_order": {
            "mode": "live",
            "order_ref": word,
            "channel": "web",
            "store_id": None,
            "is_new_by": None,
            "is_new": None,
        },
        "shop_report": {"mode": "live", "kind": "order", "outcome": "refused", "code": "invalid_input"},
        "statement": {"number": word},
        "store": {
            "code": f"S{word}".upper(),
            "country": "NL",
            "state": "closed",
            "closed_at": "2026-02-01",
        },
        "stripe_event": {"source": "account", "event_id": word, "handled_at": None, "outcome": None},
        "stripe_movement": {"kind": "cost", "source_id": word},
        "touch": {"source": "token"},
        "tracked_link": {"code": word, "path": f"/t/{word}", "kind": "link"},
        "transfer_booking": {
            "transfer_id": word,
            "asked_by": identity("f", "finance"),
            "approved_by": None,
            "entry_id": None,
        },
        "user_account": {
            "email": f"{word}@x.example",
            "email_key": f"{word}@x.example",
            "locale": "nl",
            "role": "member",
        },
    }.get(table, {})


@dataclass
class Tenants:
    """The two tenants on a database of their own, and one connection that is any role for a moment."""

    database: Database
    connection: psycopg.Connection[Any] = field(init=False)
    columns: dict[str, list[tuple[str, str, bool]]] = field(init=False)
    keys: dict[tuple[str, str], str] = field(init=False)
    accounts: dict[int, str] = field(init=False)

    def __post_init__(self) -> None:
        url = self.database.postgres.url("postgres", self.database.name)
        self.connection = psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True)
        self.columns, self.keys = self._columns(), self._keys()
        with self.connection.transaction():
            self.connection.execute("SET LOCAL session_replication_role = replica")
            for person in ("finance", "admin"):
                self._put(
                    "user_account", "f", id=identity("f", person), email=person, email_key=person, role=person
                )
            for whose in "ab":
                self._put("user_account", whose, id=identity(whose, "owner"))
                advising = f"advising-{whose}"
                self._put(
                    "user_account", whose, id=identity(whose, "advising"), email=advising, email_key=advising
                )
            for table in self.locked():
                if table not in ("user_account", *MADE_BY_FUNCTIONS):
                    for whose in "f" if table in PLATFORM_TABLES else "ab":
                        self._put(table, whose)
            self._put("mail_message", "f", id=identity("f", "mail_message", 1), attempts=1)
            for whose in "ab":
                self._put("accrual_due", whose)
                self._book(whose)
        rows = self.connection.execute("SELECT id, left(owner::text, 1) FROM account").fetchall()
        self.accounts = {number: KINDS.get(first or "", "P") for number, first in rows}

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def locked(self) -> list[str]:
        """Return the tables under row-level security, those that others refer to first."""
        rows = self.connection.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace ORDER BY oid"
        )
        return [name for (name,) in rows]

    def row(self, table: str, whose: str, fresh: str = "") -> dict[str, Any]:
        """Return values for a row of a tenant; with `fresh` another one than the row that is there."""
        given = of_tenant(whose, table, fresh)
        made: dict[str, Any] = {}
        for name, kind, needed in self.columns[table]:
            if name in given:
                made[name] = given[name]
            elif name == "id" and kind == "uuid":
                made[name] = identity(whose, table, next(_COUNTER) if fresh else 0)
            elif kind == "uuid":
                what = _PEOPLE.get(f"{table}.{name}") or self.keys.get((table, name)) or _BY_NAME.get(name)
                if what == "user_account":
                    what = "owner"
                if what is not None:
                    made[name] = identity(whose, what)
            elif needed:
                made[name] = _FILLERS[kind]
        return made

    def new_row(self, table: str, owner: str) -> dict[str, Any]:
        """Return values for a new row of somebody: A, B, P, or "-" for nobody."""
        if owner == "-":
            return self.row(table, "f", "z") | {"attempts": 1, "shop_id": None}
        row = self.row(table, WHOSE[owner], "z")
        return row | {"id": identity(WHOSE[owner], "shop", NEW_SHOP)} if table == "shop" else row

    def _put(self, table: str, whose: str, **values: Any) -> None:
        self.connection.execute(*insertion(table, self.row(table, whose) | values))

    def _book(self, whose: str) -> None:
        """Post an entry of the shop's and one of the adviser's, as the ledger's own functions want it."""
        owned = {"shop:prepaid": identity(whose, "shop"), "adviser:available": identity(whose, "adviser")}
        for kind, owner in owned.items():
            rows = self.connection.execute(
                "SELECT id FROM ledger_open_accounts(%s, %s, %s) ORDER BY code",
                [[kind, "stripe:platform_balance"], [owner, None], ["EUR", "EUR"]],
            ).fetchall()
            entry = self.connection.execute(
                "INSERT INTO entry (idem, request_hash, kind, lines, effective_at, source_id)"
                " VALUES (%s, '', 'fund', 2, now(), %s) RETURNING id",
                [f"{kind}:{whose}", str(owner)],
            ).fetchone()
            assert entry is not None
            self.connection.execute(
                "INSERT INTO posting SELECT %s, n, a, 'EUR', m, %s"
                " FROM unnest(ARRAY[1, 2], %s::bigint[], ARRAY[-5, 5]) AS l (n, a, m)",
                [entry[0], identity(whose, "shop"), [number for (number,) in rows]],
            )

    def _columns(self) -> dict[str, list[tuple[str, str, bool]]]:
        rows = self.connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable = 'NO' AND column_default IS NULL"
            " FROM information_schema.columns WHERE table_schema = 'public'"
            " AND identity_generation IS DISTINCT FROM 'ALWAYS' ORDER BY ordinal_position"
        )
        found: dict[str, list[tuple[str, str, bool]]] = {}
        for table, column, kind, needed in rows:
            found.setdefault(table, []).append((column, kind, needed))
        return found

    def _keys(self) -> dict[tuple[str, str], str]:
        rows = self.connection.execute(
            "SELECT c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text FROM pg_constraint c"
            " JOIN LATERAL unnest(c.conkey, c.confkey) AS k (mine, theirs) ON true"
            " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.mine"
            " JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.theirs"
            " WHERE c.contype = 'f' AND b.attname IN ('id', 'shop_id', 'touch_id', 'refund_id')"
        )
        return {(table, column): "shop" if column == "shop_id" else there for table, column, there in rows}

    @contextmanager
    def acting(self, scope: Scope, login: str = "aanrader_app") -> Iterator[psycopg.Connection[Any]]:
        """Be a login in a scope, in a transaction that is never committed."""
        with self.connection.transaction(force_rollback=True):
            self.connection.execute(_ACT, {"login": login} | scope.settings())
            yield self.connection

    def label(self, table: str, text: str) -> str:
        """Return whose a row is: A, B, P (the platform's) or - for nobody's."""
        if table in PLATFORM_TABLES:
            # A mail that counts as tried already is what nobody may queue.
            return "-" if table == "mail_message" and json.loads(text)["attempts"] else "P"
        for mark, letter in (("aaaaaaaa-", "A"), ("bbbbbbbb-", "B")):
            if mark in text:
                return letter
        row = json.loads(text)
        if "shard" in row:
            return self.accounts[row["account_id"]]
        return "P" if "ffffffff-" in text else "-"


def insertion(table: str, row: dict[str, Any]) -> tuple[sql.Composed, list[Any]]:
    """Return an INSERT and its values."""
    names = sql.SQL(", ").join(map(sql.Identifier, row))
    marks = sql.SQL(", ").join([sql.Placeholder()] * len(row))
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, marks), list(
        row.values()
    )
