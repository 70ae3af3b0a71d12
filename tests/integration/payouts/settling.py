"""A small world for settlement: a shop, advisers, two people of finance, and the real sandbox over HTTP."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import flask.testing
import pyotp
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import loader, totp
from marketplace.accounts.models import (
    Adviser,
    AdviserState,
    ApiKey,
    AuthSession,
    Membership,
    Shop,
    ShopContract,
    UserAccount,
)
from marketplace.core import auth, clock, config, db, ids
from marketplace.core.actor import Actor
from marketplace.core.money import Money
from payouts.ledger import service as ledger
from payouts.ledger.accounts import Account
from payouts.ledger.entries import Entry, credit, debit
from payouts.reconciliation import registration as reconciliation_room
from payouts.runs import execution
from payouts.runs import registration as runs_room
from payouts.runs import service as runs
from payouts.runs.content import Content
from payouts.settlement import accounts, events
from payouts.settlement import registration as settlement_room
from payouts.settlement.models import PayoutAccount, StripeMovement
from payouts.settlement.payout_models import Payout, PayoutAttempt, PayoutRun
from payouts.settlement.stripe_gateway import StripeGateway
from payouts.statements import registration as statements_room
from tests.applications import application
from tests.conftest import Database
from tests.integration.payouts.sandbox.sandbox_process import SECRETS, Description, Receiver, Sandbox

T = TypeVar("T")
_numbers = itertools.count(1)
KEY = "sk_test_settlement"


@dataclasses.dataclass(frozen=True)
class Finance:
    """Somebody of finance: actor for services, key for requests, seed of the authenticator."""

    actor: Actor
    key: str
    secret: str

    @property
    def scope(self) -> db.Scope:
        """Return what a request of this person acts as; the database lets nobody else approve in their name."""
        return db.Scope(self.actor.user_id, role="finance")

    def code(self) -> str:
        """Return the code that the authenticator shows now."""
        return pyotp.TOTP(self.secret).at(clock.wall())


@dataclasses.dataclass(frozen=True)
class Paid:
    """An adviser with actor and key, and the connected account once there is one."""

    id: uuid.UUID
    actor: Actor
    key: str


class World:
    """Makes people and money, committed; plays the worker and the web role, and moves both clocks."""

    def __init__(self, database: Database, sandbox: Sandbox, receiver: Receiver) -> None:
        self.database, self.sandbox, self.receiver = database, sandbox, receiver
        # The library's own repeats would hide the faults that are planted here.
        self._owner = sa.create_engine(database.url("bootstrap"), pool_size=1)
        self._role = "app"
        self.gateway = StripeGateway(KEY, sandbox.base, retries=0)
        self.shop_id, self.shop_key = self._shop()
        self.maker, self.checker = self._finance(), self._finance()

    @contextmanager
    def rows(self) -> Iterator[Session]:
        """Open a transaction as the owner of the tables."""
        with Session(self._owner, expire_on_commit=False) as session, session.begin():
            session.execute(sa.text("SET LOCAL ROLE aanrader_owner"))
            yield session

    @contextmanager
    def superuser(self) -> Iterator[sa.Connection]:
        """Open a transaction as the superuser, who can do what nobody of ours can."""
        engine = sa.create_engine(
            self.database.postgres.url("postgres", self.database.name), poolclass=sa.pool.NullPool
        )
        with engine.begin() as connection:
            yield connection
        engine.dispose()

    def play(self, role: str) -> None:
        """Be the web role or the worker from here on."""
        if self._role != role:
            self.database.open(role)
            self._role = role

    def close(self) -> None:
        """Let go of connections."""
        self._owner.dispose()
        self.gateway.close()

    def web(self, work: Callable[[Session], T]) -> T:
        """Do something in a transaction of the web role."""
        self.play("app")
        with db.transaction() as session:
            return work(session)

    def worker(self) -> None:
        """Be the worker from here on."""
        self.play("worker")

    def read(self, work: Callable[[Session], T]) -> T:
        """Read something as the owner."""
        with self.rows() as session:
            return work(session)

    def now(self) -> dt.datetime:
        """Return business time as the database has it."""
        with self.rows() as session:
            offset = session.execute(sa.text("SELECT offset_seconds FROM business_clock")).scalar_one()
        clock.set_offset(dt.timedelta(seconds=offset))
        return clock.now()

    def advance(self, **parts: int) -> None:
        """Move business time and the sandbox's clock forward together."""
        step = dt.timedelta(**parts)
        with self.rows() as session:
            session.execute(
                sa.text("UPDATE business_clock SET offset_seconds = offset_seconds + :s"),
                {"s": int(step.total_seconds())},
            )
            # The wall's time passes too, by which a lease ends.
            session.execute(sa.text("UPDATE payout SET leased_until = NULL"))
        self.sandbox.ask("clock", {"advance": f"{int(step.total_seconds())}s"})
        self.now()

    def _user(self, session: Session, role: str = "member") -> UserAccount:
        name = f"p{next(_numbers)}-{secrets.token_hex(4)}"
        user = UserAccount(
            id=ids.new_id(), email=f"{name}@people.example", email_key=f"{name}@people.example", name=name,
            role=role, locale="en", password_hash="-", session_key=name, email_verified_at=clock.wall(),
        )  # fmt: skip
        session.add(user)
        session.flush()
        return user

    def _key(self, session: Session, user: UserAccount, **bound: Any) -> str:
        text = f"aan_live_{secrets.token_hex(16)}"
        row = {"name": "k", "mode": "live", "prefix": text[:12], "key_hash": ids.digest(text), "scopes": []}
        session.add(ApiKey(user_id=user.id, **row, **bound))
        return text

    def _shop(self) -> tuple[uuid.UUID, str]:
        with self.rows() as session:
            owner = self._user(session)
            shop = Shop(
                id=ids.new_id(), code=owner.name, name="Lamp & Co", legal_name="Lamp BV",
                registration_no="12345678", country="NL", currency="EUR", state="live",
            )  # fmt: skip
            session.add(shop)
            session.flush()
            long_ago = clock.now() - dt.timedelta(days=400)
            session.add(ShopContract(shop_id=shop.id, version=1, fee_bp=1000, effective_from=long_ago))
            session.add(Membership(user_id=owner.id, shop_id=shop.id, role="owner"))
            self.owner = Actor(owner.id, frozenset({"owner"}), (shop.id,), (shop.id,), via="token")
            return shop.id, self._key(session, owner, shop_id=shop.id)

    def _finance(self) -> Finance:
        with self.rows() as session:
            user = self._user(session, "finance")
            secret = pyotp.random_base32()
            user.totp_secret = totp.seal_secret(user.id, secret)
            actor = Actor(user.id, frozenset({"finance"}), via="token", totp_enrolled=True)
            return Finance(actor, self._key(session, user), secret)

    def token(
        self, user_id: uuid.UUID | None, *, totp_now: bool = False, minutes_ago: int = 0
    ) -> dict[str, str]:
        """Sign somebody in with a password some minutes ago; return the headers of a request."""
        token, wall = secrets.token_urlsafe(32), clock.wall() - dt.timedelta(minutes=minutes_ago)
        with self.rows() as session:
            user = session.get_one(UserAccount, user_id)
            session.add(
                AuthSession(
                    user_id=user.id,
                    kind="token",
                    token_hash=ids.digest(token),
                    session_key=user.session_key,
                    password_at=wall,
                    totp_at=wall if totp_now else None,
                    last_seen_at=clock.wall(),
                    expires_at=clock.wall() + dt.timedelta(hours=1),
                )
            )
        return {"Authorization": f"Bearer {token}"}

    @cached_property
    def client(self) -> flask.testing.FlaskClient:
        """Return a client of our own routes; actors are found by the real loader."""
        self.play("app")
        auth.set_actor_loader(loader.load)
        rooms = (settlement_room, runs_room, statements_room, reconciliation_room)
        app = application([blueprint for room in rooms for blueprint in room.blueprints()])
        return app.test_client()

    def call(
        self, method: str, path: str, headers: dict[str, str] | None = None, **body: Any
    ) -> tuple[int, Any]:
        """Send a request to our own API as the web role; return status and JSON."""
        client = self.client
        self.play("app")
        answer = client.open(f"/api/v1{path}", method=method, headers=headers, json=body or None)
        return answer.status_code, answer.get_json(silent=True)

    def adviser(self, *, earned: int = 0, connected: bool = True) -> Paid:
        """Make an adviser, connect a bank account through the hosted page, and let them earn cents."""
        with self.rows() as session:
            user = self._user(session)
            made = Adviser(
                id=ids.new_id(), user_id=user.id, user_role="member", code=user.name, display_name=user.name,
                country="NL", kind="expert", vat_status="unknown", state="active",
            )  # fmt: skip
            session.add(made)
            session.flush()
            session.add(AdviserState(adviser_id=made.id, state="active", from_at=clock.now()))
            key = self._key(session, user, adviser_id=made.id)
        actor = Actor(user.id, frozenset({"adviser"}), adviser_id=made.id, via="token")
        if connected:
            self.connect(actor)
        if earned:
            self.earn(made.id, earned)
        return Paid(made.id, actor, key)

    def connect(self, actor: Actor) -> str:
        """Go through the hosted onboarding and record what Stripe says then; return the account's id."""
        row = self.web(lambda session: accounts.plan(session, actor, "EUR", self.now()))
        account_id = accounts.connect(self.gateway, row, self.now())
        url = self.gateway.account_link(account_id, "http://localhost/again", "http://localhost/done")
        assert self.sandbox.click(url)[0] == 303
        self.refresh(row.id, account_id)
        return account_id

    def refresh(self, row_id: uuid.UUID, account_id: str) -> PayoutAccount:
        """Fetch an account again and record it."""
        self.play("app")
        return accounts.refresh(self.gateway, row_id, account_id, clock.now)

    def account_of(self, adviser_id: uuid.UUID) -> PayoutAccount:
        """Return the adviser's payout account."""
        return self.read(
            lambda session: session.scalars(
                sa.select(PayoutAccount).where(PayoutAccount.adviser_id == adviser_id)
            ).one()
        )

    def budget(self, cents: int) -> None:
        """Put money on the platform's Stripe balance and into the shop's budget, booked as one movement."""
        made = self.sandbox.act("balance.topup", amount=cents, currency="eur")
        self.worker()
        with db.transaction() as session:
            amount = Money(cents, "EUR")
            lines = (
                debit(Account("stripe:platform_balance", None, "EUR"), amount),
                credit(Account("shop:prepaid", self.shop_id, "EUR"), amount, self.shop_id),
            )
            [entry] = ledger.post(session, [Entry(f"fund:{made['id']}", "fund", clock.now(), lines)])
            row = StripeMovement(source_id=made["id"], kind="funding", subject_id=made["id"], currency="EUR")
            row.entry_id, row.amount_minor, row.at = entry, cents, clock.now()
            session.add(row)

    def earn(self, adviser_id: uuid.UUID, cents: int) -> None:
        """Let an adviser have something payable, out of the shop's budget; below zero it is taken back."""
        self.worker()
        with db.transaction() as session:
            amount = Money(cents, "EUR")
            lines = (
                debit(Account("shop:prepaid", self.shop_id, "EUR"), amount, self.shop_id),
                credit(Account("adviser:available", adviser_id, "EUR"), amount, self.shop_id),
            )
            ledger.post(session, [Entry(f"earn:{ids.new_id()}", "accrue", clock.now(), lines)])

    def owe(self, adviser_id: uuid.UUID, cents: int) -> None:
        """Let an adviser owe something back to a shop, as a return after a payout does."""
        self.worker()
        with db.transaction() as session:
            amount = Money(cents, "EUR")
            lines = (
                debit(Account("adviser:receivable", adviser_id, "EUR"), amount, self.shop_id),
                credit(Account("shop:prepaid", self.shop_id, "EUR"), amount, self.shop_id),
            )
            ledger.post(session, [Entry(f"owe:{ids.new_id()}", "accrue", clock.now(), lines)])

    def draft(self) -> PayoutRun:
        """Draft and preview a run."""
        run = self.web(lambda session: runs.create(session, self.maker.actor, "EUR", self.now()))
        self.preview(run.id)
        return self.run(run.id)

    def preview(self, run_id: uuid.UUID) -> Content:
        """Preview a run as its maker."""
        with db.use_scope(self.maker.scope):
            return self.web(lambda session: runs.preview(session, self.maker.actor, run_id, self.now()))

    def approve(self, run: PayoutRun) -> PayoutRun:
        """Approve a run as the second person, on what its preview says."""
        assert run.content_hash is not None
        assert run.total_minor is not None
        # Each code counts once, so a test with several approvals looks a person up anew for each.
        checker = self._finance()
        self.approve_as(checker, run.id, run.content_hash, Money(run.total_minor, run.currency))
        return self.run(run.id)

    def approve_as(
        self, who: Finance, run_id: uuid.UUID, content_hash: str, total: Money, code: str = ""
    ) -> None:
        """Approve as somebody, with the code that their authenticator shows unless another is given."""
        facts = {"content_hash": content_hash, "total": total, "code": code or who.code(), "now": self.now()}
        with db.use_scope(who.scope):
            self.web(
                lambda session: runs.approve(session, who.actor, run_id, wall=clock.wall(), **facts)  # type: ignore[arg-type]
            )

    def start(self) -> PayoutRun:
        """Draft, approve and start a run; nothing is sent yet."""
        run = self.approve(self.draft())
        self.web(lambda session: runs.execute(session, self.maker.actor, run.id, self.now()))
        return self.run(run.id)

    def work(self, run: PayoutRun) -> int:
        """Carry out what is due in a run, as the worker."""
        self.worker()
        return execution.work(self.gateway, run.id, clock.now)

    def run(self, run_id: uuid.UUID) -> PayoutRun:
        """Return a run as it is."""
        return self.read(lambda session: session.get_one(PayoutRun, run_id))

    def payouts(self, run: PayoutRun) -> list[Payout]:
        """Return a run's payouts in order."""
        return self.read(
            lambda session: list(
                session.scalars(sa.select(Payout).where(Payout.run_id == run.id).order_by(Payout.place))
            )
        )

    def attempts(self, payout: Payout) -> list[PayoutAttempt]:
        """Return a payout's attempts in order."""
        return self.read(
            lambda session: list(
                session.scalars(
                    sa.select(PayoutAttempt)
                    .where(PayoutAttempt.payout_id == payout.id)
                    .order_by(PayoutAttempt.n)
                )
            )
        )

    def balance(self, kind: str, owner: uuid.UUID | None = None) -> int:
        """Return a balance in cents, positive on the account's normal side."""
        return self.read(lambda session: ledger.balance(session, Account(kind, owner, "EUR"))).minor

    def state(self) -> dict[str, Any]:
        """Return what the sandbox holds."""
        found: dict[str, Any] = self.sandbox.ask("state")
        return found

    def transfers(self) -> tuple[int, int]:
        """Return how many transfers the sandbox made, and their sum in cents."""
        state = self.state()
        return state["counts"].get("transfer", 0), state["sums"].get("transfer", {}).get("eur", 0)

    def deliver(self) -> list[int]:
        """Hand the webhooks that the sandbox sent to our own endpoints, byte for byte; return the statuses."""
        self.sandbox.ask("webhooks/flush", {})
        got, self.receiver.got = self.receiver.got, []
        return [self.post_webhook(path, body, signature) for path, signature, body in got]

    def post_webhook(self, path: str, body: bytes, signature: str | None) -> int:
        """Post raw bytes to one of our webhook endpoints; return the status."""
        client = self.client
        self.play("app")
        headers = {} if signature is None else {"Stripe-Signature": signature}
        return client.post(f"/webhooks/stripe{path}", data=body, headers=headers).status_code

    def handle(self) -> int:
        """Handle the stored events as the worker."""
        self.worker()
        return events.handle_due(self.gateway, clock.now)


def slowly(*values: Any) -> list[Any]:
    """Return cases of a parametrised test that run with --all only."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox process for a module of tests; each test begins with an empty one."""
    folder: Path = tmp_path_factory.mktemp("sandbox")
    sandbox = Sandbox(folder / "stripe.sqlite", Description.__new__(Description)).start()
    try:
        yield sandbox
    finally:
        sandbox.close()


@pytest.fixture
def world(database: Database, with_valkey: object, shared_sandbox: Sandbox) -> Iterator[World]:
    """A world on a fresh database and an emptied sandbox."""
    for room in (settlement_room, runs_room, statements_room, reconciliation_room):
        room.register()
    receiver = Receiver()
    shared_sandbox.ask("reset", {})
    shared_sandbox.ask("settings", receiver.urls())
    config.use(
        dataclasses.replace(
            config.current(),
            stripe_api_key=KEY,
            stripe_api_base=shared_sandbox.base,
            stripe_webhook_secret_account=SECRETS["account"],
            stripe_webhook_secret_connect=SECRETS["connect"],
        )
    )
    made = World(database, shared_sandbox, receiver)
    try:
        yield made
    finally:
        made.close()
        receiver.close()
