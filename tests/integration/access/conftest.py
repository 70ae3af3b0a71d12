"""Two shops in business in one house, and people whose rights differ from the one to the other."""

from __future__ import annotations

import datetime as dt
import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import flask
import pytest

import wsgi
from marketplace.accounts import keys
from marketplace.core import clock, config, db, ids, web
from marketplace.core.actor import Actor
from tests.conftest import Database
from tests.integration.tracking.trade import Joined, Trade
from tests.standing import Standing, standing

_numbers = itertools.count(1)


@dataclass
class House:
    """The whole product on one committed database; `mixed` owns `mine` and is staff of `theirs`."""

    database: Database
    app: flask.Flask = field(init=False)
    mine: Trade = field(init=False)
    theirs: Trade = field(init=False)
    mixed: str = field(init=False)

    def __post_init__(self) -> None:
        wsgi.register()
        self.app = web.create_app(config.current(), wsgi.blueprints())
        self.mine, self.theirs = Trade(self.database), Trade(self.database)
        self.mine.app = self.theirs.app = self.app
        self.mine.execute(
            "INSERT INTO membership (id, user_id, shop_id, role) VALUES (:id, :user, :shop, 'staff')",
            id=ids.new_id(),
            user=self.mine.world.owner.user_id,
            shop=self.theirs.world.shop_id,
        )
        self.mixed = self.mine.owner

    def close(self) -> None:
        """Let go of connections."""
        self.mine.everything.dispose()
        self.theirs.everything.dispose()

    def key(self, actor: Actor, bound_to: str | None = None, mode: str = "live", *scopes: str) -> str:
        """Make an API key and return its text."""
        data = {"name": "k", "mode": mode, "scopes": list(scopes), "bound_to": bound_to}
        with db.transaction() as session:
            return keys.create(session, actor, data, clock.now())[1]

    def platform_key(self, role: str, mode: str) -> str:
        """Make somebody of the platform with a second factor, and return a key of theirs."""
        name, user_id = secrets.token_hex(6), ids.new_id()
        self.mine.execute(
            "INSERT INTO user_account (id, email, email_key, name, role, password_hash, session_key,"
            " email_verified_at, totp_secret) VALUES (:id, :mail, :mail, :name, :role, '-', :name, now(), '-')",
            id=user_id,
            mail=f"{name}@example.test",
            name=name,
            role=role,
        )
        return self.key(Actor(user_id, frozenset({role}), via="token"), None, mode)

    def sale(self, trade: Trade, *advisers: Joined, bearer: str | None = None) -> Any:
        """Let a shop report an order after clicks of advisers, and return the answer."""
        ref = f"S-{next(_numbers)}"
        clicks = [
            trade.token(one, dt.timedelta(minutes=len(advisers) - place))
            for place, one in enumerate(advisers)
        ]
        return trade.report(trade.order(ref, *clicks, customer={"ref": f"stan-{ref}"}), bearer=bearer)


@pytest.fixture(scope="module")
def standing_house(pg: Any, valkey: Any) -> Iterator[Standing[House]]:
    """One house for all tests of a module."""
    facts = {"stripe_api_key": "sk_test_access", "stripe_api_base": "http://127.0.0.1:9"}
    with standing(pg, valkey.url, House, **facts) as house:
        yield house


@pytest.fixture
def house(standing_house: Standing[House]) -> Iterator[House]:
    """The module's house."""
    with standing_house.at_work() as house:
        yield house
