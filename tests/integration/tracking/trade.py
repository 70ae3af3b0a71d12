"""A shop with several advisers, its API key, and a client: what tests of orders, attribution and commissions need."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import flask
import sqlalchemy as sa
from werkzeug.test import TestResponse

from marketplace.accounts import advisers, keys
from marketplace.accounts import registration as accounts
from marketplace.accounts.models import AuthSession, UserAccount
from marketplace.core import clock, config, db, hooks, ids
from marketplace.core import registration as core
from marketplace.core.actor import SYSTEM, Actor
from marketplace.offers import partnerships, publishing
from tests.applications import application
from tests.conftest import Database
from tests.integration.tracking.world import TERMS, World
from tracking.commissions import registration, sweeps
from tracking.links import service as links
from tracking.links.models import TrackedLink
from tracking.touches import tokens


def money(amount: str, currency: str = "EUR") -> dict[str, str]:
    return {"amount": amount, "currency": currency}


def line(ref: str = "1", net: str = "100.00", **changes: Any) -> dict[str, Any]:
    given = {"line_ref": ref, "sku": f"sku-{ref}", "title": "A thing", "quantity": 1, "net": money(net)}
    return given | {"tax": money("21.00")} | changes


@dataclass(frozen=True)
class Joined:
    """An adviser who accepted the shop's offer: who they are, and their link to it."""

    actor: Actor
    link: TrackedLink
    partnership_id: uuid.UUID
    bearer: str

    @property
    def id(self) -> uuid.UUID:
        assert self.actor.adviser_id is not None
        return self.actor.adviser_id


TO_BUSINESS = {"days": 1}
# Shops that stand in a database already, built in the one that it was cloned from, and its owner's engine (furnished.py).
ready: dict[str, tuple[Trade, sa.Engine]] = {}


@dataclass
class Trade:
    """One shop in business; `key` reports live orders, `test_key` test orders, `owner` is a signed-in token."""

    database: Database
    world: World = field(init=False)
    key: str = field(init=False)
    test_key: str = field(init=False)
    owner: str = field(init=False)
    anne: Joined = field(init=False)

    def __post_init__(self) -> None:
        core.register()
        accounts.register()
        registration.register()
        self._settings = config.current()
        waiting = ready.pop(self.database.name, None)
        if waiting is None:
            self.everything = sa.create_engine(self.database.url("bootstrap"), poolclass=sa.pool.NullPool)
            self._build()
            # Clicks of a minute ago must find everybody in business already.
            self.move_clock(**TO_BUSINESS)
            return
        built, self.everything = waiting
        self.world = copy.copy(built.world)
        self.world.database = self.database
        self.key, self.test_key, self.owner, self.anne = built.key, built.test_key, built.owner, built.anne

    def _build(self) -> None:
        """Let there be a shop, its adviser and its keys."""
        self.world = World(self.database, host=f"{secrets.token_hex(4)}.example")
        world = self.world
        self.execute("UPDATE user_account SET email_verified_at = now()")
        with db.transaction() as session:
            self.key = self._key(session, world.owner, "live")
            self.test_key = self._key(session, world.owner, "test")
        self.owner = self.sign_in(world.owner)
        self.anne = Joined(world.adviser, world.offer_link, world.partnership_id, self.sign_in(world.adviser))

    @classmethod
    def new(cls, database: Database) -> Trade:
        """Build a shop whose clock has not been moved yet, which is what is cloned."""
        made = cls.__new__(cls)
        made.database, made._settings = database, config.current()
        core.register()
        accounts.register()
        registration.register()
        made.everything = sa.create_engine(database.url("bootstrap"), poolclass=sa.pool.NullPool)
        made._build()
        return made

    @cached_property
    def app(self) -> flask.Flask:
        """Return the routes of accounts and orders, made when first asked: many tests need none, or give others."""
        return application([*accounts.blueprints(), *registration.blueprints()], self._settings)

    @staticmethod
    def _key(session: Any, owner: Actor, mode: str) -> str:
        data = {"name": mode, "mode": mode, "scopes": [], "bound_to": "shop"}
        return keys.create(session, owner, data, clock.now())[1]

    def sign_in(self, actor: Actor) -> str:
        token, wall = ids.secret_token(), clock.wall()
        with db.transaction() as session:
            user = session.get_one(UserAccount, actor.user_id)
            session.add(
                AuthSession(
                    user_id=user.id,
                    kind="token",
                    token_hash=ids.digest(token),
                    session_key=user.session_key,
                    password_at=wall,
                    last_seen_at=wall,
                    expires_at=wall + dt.timedelta(hours=1),
                )
            )
        return token

    def keep_open(self) -> None:
        """Keep the owner's connection from here on, for many questions; who says this disposes of `everything`."""
        self.everything = sa.create_engine(self.database.url("bootstrap"), pool_size=1, pool_pre_ping=True)

    def execute(self, statement: str, **values: Any) -> None:
        with self.everything.begin() as connection:
            connection.execute(sa.text(statement), values)

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.everything.begin() as connection:
            return [dict(row) for row in connection.execute(sa.text(statement), values).mappings()]

    def move_clock(self, **ahead: float) -> None:
        seconds = round(dt.timedelta(**ahead).total_seconds())
        self.execute("UPDATE business_clock SET offset_seconds = offset_seconds + :s", s=seconds)
        clock.set_offset(clock.offset() + dt.timedelta(seconds=seconds))

    def join(self, name: str = "Bert") -> Joined:
        """Make one more adviser who accepts the offer."""
        with db.transaction() as session:
            email = f"{name.lower()}{secrets.token_hex(3)}@example.test"
            user = UserAccount(
                email=email, email_key=email, name=name, password_hash="-", session_key=ids.secret_token()
            )
            session.add(user)
            session.flush()
            data = {"display_name": name, "kind": "expert", "country": "NL"}
            made = advisers.become(session, user, data, clock.now())
            actor = Actor(user_id=user.id, roles=frozenset({"adviser"}), adviser_id=made.id, via="token")
            joined = partnerships.apply(session, actor, self.world.offer_id, now=clock.now())
            partnerships.approve(session, self.world.owner, joined.id, now=clock.now())
            accepted = partnerships.accept(session, joined.id, actor, clock.now())
            link = links.ensure_offer_link(session, accepted, clock.now())
        self.execute("UPDATE user_account SET email_verified_at = now()")
        self.move_clock(hours=1)
        return Joined(actor, link, accepted.id, self.sign_in(actor))

    def publish(self, **changes: Any) -> None:
        """Publish the next version of the terms and let its notice pass."""
        with db.transaction() as session:
            publishing.publish(
                session, self.world.owner, self.world.offer_id, TERMS | changes, now=clock.now()
            )
        self.move_clock(days=8)

    def change_adviser(self, adviser: Joined, state: str) -> None:
        with db.transaction() as session:
            advisers.change_state(session, adviser.id, state, SYSTEM, clock.now())

    def token(
        self, who: Joined, ago: dt.timedelta = dt.timedelta(minutes=1), visitor: bytes | None = None
    ) -> str:
        return tokens.sign(config.current().token_keys, who.link.id, ids.new_id(), clock.now() - ago, visitor)

    def click(
        self,
        who: Joined,
        ago: dt.timedelta = dt.timedelta(minutes=1),
        *,
        visitor: bytes | None = None,
        verdict: str = "qualified",
        token: str | None = None,
    ) -> uuid.UUID:
        """Let a click arrive from an edge: of a visitor, or the one that a token speaks of."""
        read = tokens.read(config.current().token_keys, token) if token else None
        click_id, ts = (read.click_id, read.ts) if read else (ids.new_id(), clock.now() - ago)
        self.execute("SELECT ensure_click_days(:day, :day)", day=ts.date())
        values = {
            "click_id": click_id, "ts": ts, "link": who.link.id, "shop": who.link.shop_id, "adviser": who.id,
            "verdict": verdict, "visitor": read.visitor_id if read else visitor,
        }  # fmt: skip
        self.execute(
            "INSERT INTO click (click_id, ts, link_id, shop_id, adviser_id, kind, verdict, dedup, visitor_id, own,"
            " agent_family, edge) VALUES (:click_id, :ts, :link, :shop, :adviser, 'offer', :verdict, '\\x00', :visitor,"
            " false, 'test', 'edge')",
            **values,
        )
        # What the shipper does in the same statement for touches that are there already.
        self.execute(
            "INSERT INTO touch_screening (touch_id, verdict, own, edge) SELECT id, :verdict, false, 'edge' FROM touch"
            " WHERE id = :click_id",
            click_id=click_id,
            verdict=verdict,
        )
        return click_id

    def edge_mark(self, ago: dt.timedelta, seen_ago: dt.timedelta = dt.timedelta(0)) -> None:
        """Say that the edge has shipped its clicks up to some time ago."""
        self.execute(
            "INSERT INTO edge_mark (edge, mark, seen_at) VALUES ('edge', :mark, :seen)"
            " ON CONFLICT (edge) DO UPDATE SET mark = :mark, seen_at = :seen",
            mark=clock.now() - ago,
            seen=clock.wall() - seen_ago,
        )

    def order(self, ref: str = "A-1", *click_tokens: str, **changes: Any) -> dict[str, Any]:
        """Return a report of an order placed just now."""
        given = {
            "order_ref": ref,
            "ordered_at": clock.now().isoformat(),
            "currency": "EUR",
            "channel": "web",
            "click_tokens": list(click_tokens),
            "lines": [line()],
        }
        return given | changes

    def send(self, method: str, path: str, body: Any = None, *, bearer: str | None = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {bearer or self.key}"}
        client = self.app.test_client(use_cookies=False)
        return client.open(f"/api/v1{path}", method=method, json=body, headers=headers)

    def call(
        self, method: str, path: str, body: Any = None, *, status: int, bearer: str | None = None
    ) -> Any:
        answer = self.send(method, path, body, bearer=bearer)
        assert answer.status_code == status, (answer.status_code, answer.get_json())
        return answer.get_json()

    def report(self, body: dict[str, Any], *, status: int = 201, bearer: str | None = None) -> Any:
        return self.call("POST", "/orders", body, status=status, bearer=bearer)

    def show(self, ref: str = "A-1", *, status: int = 200, bearer: str | None = None, query: str = "") -> Any:
        return self.call("GET", f"/orders/{ref}{query}", status=status, bearer=bearer)

    def refund(
        self, ref: str, refund_ref: str, *parts: dict[str, Any], status: int = 201, **more: Any
    ) -> Any:
        body = {
            "refund_ref": refund_ref,
            "refunded_at": clock.now().isoformat(),
            "lines": list(parts),
            "reason": "came back",
        }
        return self.call("POST", f"/orders/{ref}/refunds", body | more, status=status)

    @contextlib.contextmanager
    def as_worker(self) -> Iterator[None]:
        """Let this process be the worker."""
        self.database.open("worker")
        try:
            yield
        finally:
            self.database.open("app")

    def work(self) -> int:
        """Run the sweeps of this room until nothing is left to do; return how many things were done."""
        total = 0
        with self.as_worker():
            while done := sum(
                sweep() for sweep in (sweeps.decide_due, sweeps.apply_waiting_refunds, sweeps.approve_due)
            ):
                total += done
                assert total < 1000, "the sweeps never come to rest"
        return total

    def broken_promises(self) -> dict[str, int]:
        """Return each promise of these rooms that does not hold now."""
        with self.as_worker(), db.session() as session:
            mine = ("commission", "attribution", "refunds", "one_live")
            found = {
                name: promise.check(session)
                for name, promise in hooks.invariants.items()
                if name.startswith(mine)
            }
        return {name: finding.figure for name, finding in found.items() if not finding.holds}

    def lags(self) -> dict[str, Any]:
        with self.as_worker(), db.session() as session:
            names = ("orders_undecided", "approvals_due", "refunds_waiting_due")
            return {name: hooks.lags[name](session, clock.now()) for name in names}


def amounts(answer: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return amount and state of each commission of an order, by adviser."""
    return {one["adviser_id"]: (one["amount"]["amount"], one["state"]) for one in answer["commissions"]}


__all__ = ["Joined", "Trade", "amounts", "line", "money"]
