"""A small world for tests of money: shops, advisers and commissions as tracking leaves them, and the books.

What tracking wrote is put in as rows: how it gets there is tracking's own business and tested there.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa

from marketplace.core import db, ids
from marketplace.core.money import Money
from payouts.accrual import service as accrual
from payouts.funding import service as funding
from payouts.ledger import service as ledger
from payouts.ledger.accounts import CHART, Account
from tests.conftest import Database

NOW = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
_BOOKS = (
    "SELECT a.kind, a.owner, sum(b.balance_minor)::bigint FROM account a JOIN balance b ON b.account_id = a.id"
    " GROUP BY a.kind, a.owner HAVING sum(b.balance_minor) <> 0"
)

# Values for columns that a test does not care about, by type.
_FILLERS: dict[str, Any] = {
    "uuid": uuid.UUID(int=1),
    "text": "x",
    "integer": 1,
    "bigint": 1,
    "boolean": True,
    "jsonb": "{}",
    "bytea": bytes(32),
    "character": "EUR",
    "ARRAY": "{}",
    "timestamp with time zone": NOW,
}


class World:
    """Shops, advisers and commissions in one database, opened as the worker."""

    def __init__(self, database: Database) -> None:
        self.database = database
        database.open("worker")
        self._tracking = psycopg.connect(
            database.postgres.url("postgres", database.name).replace("+psycopg", "", 1), autocommit=True
        )
        # Only the rows that money depends on are made; the way from offer to touch is tracking's to test.
        self._tracking.execute("SET session_replication_role = replica")

    def close(self) -> None:
        """Close the connection of the world."""
        self._tracking.close()

    def insert(self, table: str, **values: Any) -> uuid.UUID:
        """Insert a row with a new id and return that."""
        row = {"id": ids.new_id(), **values}
        names, marks = ", ".join(row), ", ".join(f"%({name})s" for name in row)
        self._tracking.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", row)
        found: uuid.UUID = row["id"]
        return found

    def shop(self, *, fee_bp: int = 1000, currency: str = "EUR") -> uuid.UUID:
        """Make a shop with a contract and return its id."""
        code = uuid.uuid4().hex
        shop = self.insert(
            "shop",
            code=code,
            name="Shop",
            legal_name="Shop BV",
            registration_no="1",
            country="NL",
            currency=currency,
        )
        self.contract(shop, fee_bp, NOW - dt.timedelta(days=365))
        return shop

    def contract(
        self, shop: uuid.UUID, fee_bp: int, effective_from: dt.datetime, *, version: int = 1
    ) -> None:
        """Give a shop another fee from an instant."""
        self.insert(
            "shop_contract", shop_id=shop, version=version, fee_bp=fee_bp, effective_from=effective_from
        )

    def adviser(self) -> uuid.UUID:
        """Make an adviser and return the id."""
        code = uuid.uuid4().hex
        return self.insert(
            "adviser", user_id=uuid.uuid4(), code=code, display_name="Ada", country="NL", kind="expert"
        )

    def commission(
        self,
        shop: uuid.UUID,
        adviser: uuid.UUID,
        *,
        currency: str = "EUR",
        mode: str = "live",
        ordered_at: dt.datetime = NOW - dt.timedelta(days=1),
    ) -> uuid.UUID:
        """Make an order and the adviser's commission on it, and return the commission's id."""
        order = self.insert(
            "shop_order",
            shop_id=shop,
            mode=mode,
            order_ref=uuid.uuid4().hex,
            source="api",
            ordered_at=ordered_at,
            received_at=ordered_at,
            is_reported_late=False,
            currency=currency,
            channel="web",
            shipping_net_minor=0,
            shipping_tax_minor=0,
        )
        # What the trigger of decisions writes: an adviser sees the orders of which they won or lost a decision.
        self._tracking.execute(
            "INSERT INTO order_participant (order_id, adviser_id, n, shop_id, result, ordered_at, received_at)"
            " VALUES (%s, %s, 1, %s, 'won', %s, %s)",
            (order, adviser, shop, ordered_at, ordered_at),
        )
        return self.insert(
            "commission",
            order_id=order,
            shop_id=shop,
            adviser_id=adviser,
            offer_id=uuid.uuid4(),
            currency=currency,
            mode=mode,
            created_at=ordered_at,
        )

    def insert_terms(self, *, hold_days: int) -> uuid.UUID:
        """Make terms of which only the hold matters, and return their id."""
        columns = self._tracking.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_name = 'commission_terms' AND is_nullable = 'NO' AND column_default IS NULL"
        ).fetchall()
        made: dict[str, Any] = {name: _FILLERS[kind] for name, kind in columns if name != "id"}
        facts = {
            "code": uuid.uuid4().hex,
            "name": "x",
            "description": "x",
            "currency": "EUR",
            "notice_days": 7,
        }
        offer = self.insert("offer", shop_id=uuid.uuid4(), state="open", **facts)
        return self.insert("commission_terms", **(made | {"offer_id": offer, "hold_days": hold_days}))

    def move(
        self,
        commission: uuid.UUID,
        kind: str,
        delta: int = 0,
        *,
        at: dt.datetime = NOW,
        terms_id: uuid.UUID | None = None,
    ) -> uuid.UUID:
        """Append a move to a commission, as tracking does, and return its id."""
        row = self._tracking.execute(
            "SELECT c.currency, coalesce(max(m.seq), 0), coalesce(sum(m.delta_minor), 0)::bigint"
            " FROM commission c LEFT JOIN commission_move m ON m.commission_id = c.id WHERE c.id = %s GROUP BY c.id",
            (commission,),
        ).fetchone()
        assert row is not None
        return self.insert(
            "commission_move",
            commission_id=commission,
            seq=row[1] + 1,
            kind=kind,
            delta_minor=delta,
            standing_minor=row[2] + delta,
            currency=row[0],
            cause="test",
            terms_id=terms_id or uuid.uuid4(),
            at=at,
            detail="{}",
        )

    def sale(self, shop: uuid.UUID, adviser: uuid.UUID, commission_minor: int, **order: Any) -> uuid.UUID:
        """Let an adviser earn something and return the commission's id; it is not in the books yet."""
        commission = self.commission(shop, adviser, **order)
        self.move(commission, "earned", commission_minor)
        return commission

    def pay_in(
        self, shop: uuid.UUID, minor: int, *, fee: int = 0, currency: str = "EUR", now: dt.datetime = NOW
    ) -> uuid.UUID:
        """Let a shop pay into its budget, with Stripe's fee, and return the funding's id."""
        amount = Money(minor, currency)
        with db.transaction() as session:
            planned = funding.plan(session, shop, amount, "test", now).id
        with db.transaction() as session:
            funding.credit(session, planned, amount, Money(fee, currency), now)
        return planned

    def post(self, now: dt.datetime = NOW, *, limit: int = 100) -> int:
        """Post what is due until nothing is, and return how many things were done."""
        done = 0
        while step := db.run_in_transaction(lambda session: accrual.post_due(session, now, limit)):
            done += step
        return done

    def enter(self, *entries: ledger.Entry) -> list[int]:
        """Post entries in a transaction of their own."""
        return db.run_in_transaction(lambda session: ledger.post(session, entries))

    def balance(self, kind: str, owner: uuid.UUID | None = None, currency: str = "EUR") -> int:
        """Return a balance in minor units, positive on its normal side."""
        with self.reading() as session:
            return ledger.balance(session, Account(kind, owner, currency)).minor

    def books(self) -> dict[tuple[str, uuid.UUID | None], int]:
        """Return all balances that are not zero, positive on their normal side."""
        with self.reading() as session:
            rows = session.execute(sa.text(_BOOKS)).all()
        return {(kind, owner): CHART[kind].sign * total for kind, owner, total in rows}

    def one(self, statement: str, **values: Any) -> Any:
        """Return the single value of a query."""
        with self.reading() as session:
            return session.execute(sa.text(statement), values).scalar_one()

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """Give a session that only reads."""
        with db.session() as session:
            yield session
