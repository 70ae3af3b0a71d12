"""A shop in business that is built once a run: each test begins in a clone of it, at the same moment of business time.

A folder whose tests trade takes its `database` from here; the first `Trade` on it moves in instead of building.
"""

from __future__ import annotations

import datetime as dt
import math
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from marketplace.accounts import limits
from marketplace.core import clock, config, db
from marketplace.devtools.postgres import Postgres
from tests.conftest import TEMPLATE, Database, opened
from tests.integration.tracking import trade
from tests.own_settings import own_settings
from tracking.touches import own

__all__ = ["database", "furnished"]


@dataclass(frozen=True)
class Furnished:
    """The database that is cloned, the shop in it, and the business time at which that was ready."""

    name: str
    shop: trade.Trade
    ready_at: dt.datetime

    def move_into(self, clone: Database) -> sa.Engine:
        """Let a clone be as if the shop had been built in it just now, whatever time passed since; return its engine."""
        ahead = math.ceil((self.ready_at - clock.wall()).total_seconds())
        # Kept open, because the shop looks into its rows again and again.
        engine = sa.create_engine(clone.url("bootstrap"), pool_size=1)
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE business_clock SET offset_seconds = :s"), {"s": ahead})
            connection.execute(
                sa.text(
                    "UPDATE auth_session SET password_at = now(), last_seen_at = now(),"
                    " expires_at = now() + interval '1 hour'"
                )
            )
        clock.set_offset(dt.timedelta(seconds=ahead))
        # Tries of the same people in another test are none in this one.
        limits._storage.cache_clear()
        own._noted.clear()
        trade.ready[clone.name] = self.shop, engine
        return engine


@pytest.fixture(scope="session")
def furnished(pg: Postgres) -> Iterator[Furnished]:
    """A shop in business as `Trade` builds it, committed."""
    before = list(config._current)
    made = Database(f"furnished_{secrets.token_hex(6)}", pg)
    pg.create_database(made.name, template=TEMPLATE)
    config.use(own_settings())
    # Whichever test ran before may have left the clock elsewhere, and nobody has asked this database yet.
    clock.set_offset(dt.timedelta(0))
    made.open("app")
    try:
        shop = trade.Trade.new(made)
        ready_at = clock.now() + dt.timedelta(**trade.TO_BUSINESS)
        shop.everything.dispose()
    finally:
        db.close()
        clock.set_offset(dt.timedelta(0))
        config._current[:] = before
    yield Furnished(made.name, shop, ready_at)
    pg.drop(made.name)


@pytest.fixture
def database(pg: Postgres, settings: config.Settings, furnished: Furnished) -> Iterator[Database]:
    """A fresh clone of the database with the shop; this process works on it as the web role."""
    with opened(pg, furnished.name) as clone:
        engine = furnished.move_into(clone)
        yield clone
        engine.dispose()
        trade.ready.pop(clone.name, None)
