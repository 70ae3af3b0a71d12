"""A committed world with something on every page: a shop in business, advisers, money paid out, and who is new."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pyotp
import sqlalchemy as sa

import wsgi
from marketplace.accounts import totp
from marketplace.accounts.models import Adviser, Shop
from marketplace.catalogue.models import Product
from marketplace.core import clock, config, web
from payouts.reconciliation import importing
from payouts.statements import registration as statements
from tests.browser.guests import Guest, as_owner, sign_in
from tests.browser.square import talk
from tests.conftest import Database
from tests.integration.payouts.sandbox.sandbox_process import Receiver, Sandbox
from tests.integration.payouts.settling import World
from tests.integration.tracking.trade import Trade, line
from tests.scenarios.house import House
from tests.walk.town import PASSWORD, Tenant, Town

__all__ = ["PASSWORD", "Fair"]


class Fair(Town):
    """One tenant as the walk knows it, but with money that really went through the sandbox; `guests` by role."""

    def __init__(self, database: Database, sandbox: Sandbox, receiver: Receiver) -> None:
        self.database, self.sandbox, self.receiver = database, sandbox, receiver
        self.copy = f"{database.name}_copy"
        self.guests: dict[str, Guest] = {}
        self.people, self.platform = {}, {}
        wsgi.register()
        self.app = web.create_app(config.current(), wsgi.blueprints())
        self.superuser = sa.create_engine(
            self.database.postgres.url("postgres", self.database.name), poolclass=sa.pool.NullPool
        )
        self.world = World(self.database, self.sandbox, self.receiver)
        self.house = House.__new__(House)
        self.house.world = self.world
        self.a = self._tenant()
        self.a.ids |= talk(self.a)
        self._welcome()

    def _money(self, tenant: Tenant) -> None:
        """Pay a budget in, let orders be approved and paid out, and leave a second run as a draft."""
        world, house, trade = self.world, self.house, tenant.trade
        house.trade, house.anne = trade, trade.anne
        world.shop_id = trade.world.shop_id
        self._known_name(trade)
        world.now()
        # Every click that could matter has come in, so that orders are decided at once.
        trade.edge_mark(dt.timedelta(hours=-1))
        world.budget(500_000)
        house.work()
        for joined in (trade.anne, tenant.bert):
            world.connect(joined.actor)
        house.approve(house.sell("ORDER-2001", line("1", "840.00"), line("2", "129.00")))
        house.approve(house.sell("ORDER-2002", line("1", "1290.00"), who=tenant.bert))
        house.sell("ORDER-2003", line("1", "64.50"))
        house.pay()
        world.deliver()
        world.handle()
        house.approve(house.sell("ORDER-2004", line("1", "459.00")))
        world.worker()
        statements.issue_due()
        world.draft()
        # Money that nobody knows of: a difference to look into.
        self.sandbox.act("balance.topup", amount=1_234, currency="eur")
        asked = world.web(lambda session: importing.ask(session, "test", world.now())).id
        world.worker()
        importing.run(world.gateway, asked, clock.now)
        world.play("app")

    def _known_name(self, trade: Trade) -> None:
        """Give everybody and everything names that people would have; Dutch ones, and long enough."""
        with as_owner(self.superuser) as session:
            session.get_one(Shop, trade.world.shop_id).name = "Bergwinkel de Lage Landen"
            session.get_one(Adviser, trade.anne.id).display_name = "Noor van den Berg"
            for product in session.scalars(sa.select(Product).where(Product.shop_id == trade.world.shop_id)):
                product.title = "Lichtgewicht tweepersoonstent voor het voorjaar"

    def _welcome(self) -> None:
        """Let one of each role have signed in."""
        trade = self.a.trade
        owner, anne = trade.world.owner.user_id, trade.anne.actor.user_id
        assert owner is not None
        assert anne is not None
        with self.superuser.begin() as connection:
            hashed = {"h": self._hash(), "u": [owner, anne]}
            connection.execute(
                sa.text("UPDATE user_account SET password_hash = :h WHERE id = ANY(:u)"), hashed
            )
        self._let_in("owner", owner, shop_id=trade.world.shop_id)
        self._let_in("adviser", anne, adviser_id=trade.anne.id)
        self._let_in("new_owner", self._person("member"))
        newcomer = trade.join("Nieuw")
        assert newcomer.actor.user_id is not None
        self._let_in("new_adviser", newcomer.actor.user_id, adviser_id=newcomer.id)
        for role in ("finance", "checker", "admin"):
            self.guests[role] = self.hire("finance" if role == "checker" else role)

    def hire(self, role: str) -> Guest:
        """Let somebody begin to work for the platform, with a second factor, and sign in."""
        secret, user = pyotp.random_base32(), self._person(role)
        sealed = totp.seal_secret(user, secret)
        self.a.trade.execute("UPDATE user_account SET totp_secret = :s WHERE id = :i", s=sealed, i=user)
        return self._guest(role, user, totp_secret=secret)

    def carry_out(self, run_id: str) -> None:
        """Be the worker: send the payouts of a run, and issue the statements."""
        self.world.work(self.world.run(uuid.UUID(run_id)))
        self.world.deliver()
        self.world.handle()
        self.world.worker()
        statements.issue_due()
        self.world.play("app")

    def _pictures(self, tenant: Tenant) -> None:
        """Let there be none: a row without its files is a picture that does not load."""

    def _advice(self, tenant: Tenant) -> None:
        """Let there be none of the walk's, of which only whose it is matters: people really talk here."""

    def _let_in(self, role: str, user: uuid.UUID, **facts: uuid.UUID | None) -> None:
        self.guests[role] = self._guest(role, user, **facts)

    def _guest(self, role: str, user: uuid.UUID, **facts: Any) -> Guest:
        email = self._one("SELECT email FROM user_account WHERE id = :i", i=user)
        return Guest(role, email, user, **facts, cookie=sign_in(self.superuser, user))

    def make_copy(self) -> None:
        """Keep a copy of the database as it is now, for tests that spoil it; nobody may be connected."""
        self.a.trade.everything.dispose()
        self.superuser.dispose()
        self.world._owner.dispose()
        self.database.postgres.create_database(self.copy, template=self.database.name)

    def close(self) -> None:
        """Let go of connections."""
        self.a.trade.everything.dispose()
        self.superuser.dispose()
        self.world.close()
