"""A shop in business that is made once a run: each test gets a clone of its database, which costs a third of making it."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from marketplace.core import clock, config, db
from marketplace.devtools.postgres import Postgres
from tests.conftest import Database
from tests.integration.tracking.trade import Trade
from tests.own_settings import own_settings
from tests.standing import cloned


@dataclass(frozen=True)
class Stamp:
    """The shop that all are copies of, which nobody acts in: its database is a template."""

    trade: Trade
    ahead: dt.timedelta

    @property
    def template(self) -> str:
        """Return the name of the database to clone."""
        return self.trade.database.name

    def on(self, database: Database) -> Trade:
        """Return the same shop on a clone, which this process has opened; everybody signed in just now."""
        made = copy.copy(self.trade)
        made.database, made.world = database, copy.copy(self.trade.world)
        made.world.database = database
        made._settings = config.current()
        made.everything = sa.create_engine(database.url("bootstrap"), poolclass=sa.pool.NullPool)
        made.execute(
            "UPDATE auth_session SET last_seen_at = clock_timestamp(), password_at = clock_timestamp(),"
            " expires_at = clock_timestamp() + interval '1 hour'"
        )
        clock.set_offset(self.ahead)
        return made


@contextmanager
def stamped(postgres: Postgres) -> Iterator[Stamp]:
    """Make the shop and leave its database, which this process then forgets."""
    before = list(config._current)
    with cloned(postgres) as database:
        config.use(own_settings())
        try:
            database.open("app")
            trade = Trade(database)
            trade.everything.dispose()
            made = Stamp(trade, clock.offset())
        finally:
            db.close()
            clock.set_offset(dt.timedelta(0))
            config._current[:] = before
        yield made
