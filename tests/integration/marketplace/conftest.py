"""Shops, advisers and their keys as rows, for tests of rooms above accounts; the real loader finds actors."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flask.testing
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import loader
from marketplace.accounts.models import (
    Adviser,
    AdviserState,
    ApiKey,
    Membership,
    Shop,
    ShopDomain,
    UserAccount,
)
from marketplace.catalogue import registration as catalogue
from marketplace.core import auth, db, ids
from marketplace.core.actor import Actor
from marketplace.offers import registration as offers
from tests.applications import application

START = dt.datetime(2026, 1, 5, 12, 0, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Person:
    """Somebody with an actor for services and a key for requests."""

    actor: Actor
    key: str

    @property
    def headers(self) -> dict[str, str]:
        """Return what a request of this person carries."""
        return {"Authorization": f"Bearer {self.key}"}


@dataclass(frozen=True)
class ShopPeople:
    """A shop, its owner and one of its staff."""

    id: uuid.UUID
    owner: Person
    staff: Actor


class Market:
    """Makes people and shops on the database of a test, and speaks HTTP to the rooms' routes."""

    def __init__(self, database: Any) -> None:
        self.database = database

    @contextmanager
    def rows(self) -> Iterator[Session]:
        """Open a transaction as the owner of the tables."""
        engine = sa.create_engine(self.database.url("bootstrap"), poolclass=sa.pool.NullPool)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            session.execute(sa.text("SET LOCAL ROLE aanrader_owner"))
            yield session
        engine.dispose()

    def _user(self, session: Session, role: str = "member") -> UserAccount:
        name = secrets.token_hex(6)
        email = f"{name}@people.example"
        user = UserAccount(
            email=email, email_key=email, name=name, role=role, password_hash="-", session_key=name,
            email_verified_at=START, totp_secret=None if role == "member" else "-",
        )  # fmt: skip
        session.add(user)
        session.flush()
        return user

    def _key(self, session: Session, user: UserAccount, **bound: Any) -> str:
        text = f"aan_live_{secrets.token_hex(16)}"
        session.add(
            ApiKey(
                user_id=user.id,
                name="k",
                mode="live",
                prefix=text[:12],
                key_hash=ids.digest(text),
                scopes=[],
                **bound,
            )
        )
        return text

    def shop(self, currency: str = "EUR", hosts: tuple[str, ...] = (), state: str = "live") -> ShopPeople:
        """Make a shop with verified hosts, an owner and one of staff."""
        with self.rows() as session:
            owner, helper = self._user(session), self._user(session)
            shop = Shop(
                code=owner.name, name="Shop", legal_name="Shop BV", registration_no="12345678", country="NL",
                currency=currency, state=state,
            )  # fmt: skip
            session.add(shop)
            session.flush()
            session.add_all(
                ShopDomain(shop_id=shop.id, host=h, proof="file", proof_token="t", verified_at=START)
                for h in hosts
            )
            session.add(Membership(user_id=owner.id, shop_id=shop.id, role="owner"))
            session.add(Membership(user_id=helper.id, shop_id=shop.id, role="staff"))
            key = self._key(session, owner, shop_id=shop.id)
        mine = (shop.id,)
        actor = Actor(owner.id, frozenset({"owner"}), mine, mine, via="key", key_shop_id=shop.id)
        staff = Actor(helper.id, frozenset({"staff"}), mine, (), via="token")
        return ShopPeople(shop.id, Person(actor, key), staff)

    def adviser(self) -> Person:
        """Make an active adviser."""
        with self.rows() as session:
            user = self._user(session)
            adviser = Adviser(
                user_id=user.id, code=user.name, display_name="Ada", country="NL", kind="expert"
            )
            session.add(adviser)
            session.flush()
            session.add(AdviserState(adviser_id=adviser.id, state="active", from_at=START))
            key = self._key(session, user, adviser_id=adviser.id)
        actor = Actor(
            user.id, frozenset({"adviser"}), adviser_id=adviser.id, via="key", key_adviser_id=adviser.id
        )
        return Person(actor, key)

    def finance(self) -> Person:
        """Make somebody of finance."""
        with self.rows() as session:
            user = self._user(session, "finance")
            key = self._key(session, user)
        return Person(Actor(user.id, frozenset({"finance"}), via="key"), key)

    @cached_property
    def client(self) -> flask.testing.FlaskClient:
        """Return a client of the routes of catalogue and offers; actors are found by the real loader."""
        auth.set_actor_loader(loader.load)
        app = application([*catalogue.blueprints(), *offers.blueprints()])
        return app.test_client()

    @contextmanager
    def as_worker(self) -> Iterator[None]:
        """Let this process work as the worker inside the block, as the web role after it."""
        self.database.open("worker")
        try:
            yield
        finally:
            self.database.open("app")

    def count(self, query: str, **values: Any) -> Any:
        """Return the one value of a query, as the owner of the tables."""
        with self.rows() as session:
            return session.execute(sa.text(query), values).scalar_one()


@pytest.fixture
def market(database: Any) -> Iterator[Market]:
    """A market on the database of this test."""
    yield Market(database)
    db.close_reading_sessions()
