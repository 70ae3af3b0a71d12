"""The place in which processes are killed: a shop in business, advisers with and without a bank account, money to pay.

It is built once, through the product's own services and Stripe's sandbox; each kill gets a clone of the database and a
copy of the sandbox's file.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyotp

import wsgi
from marketplace.accounts import totp
from marketplace.core import clock, config, db
from marketplace.core.money import Money
from marketplace.devtools.postgres import Postgres
from marketplace.devtools.throwaway import memory_folder, throwaway_folder
from payouts.accrual import registration as accrual
from payouts.funding import service as funding
from payouts.reconciliation import registration as reconciliation
from payouts.settlement import checkouts, stripe_gateway
from payouts.settlement.stripe_gateway import StripeGateway
from tests.conftest import TEMPLATE, Database
from tests.integration.payouts.sandbox.sandbox_process import SECRETS, Description, Sandbox
from tests.integration.payouts.settling import KEY, World
from tests.integration.tracking.trade import Joined, Trade, line, money
from tests.own_settings import own_settings
from tracking.commissions import sweeps

# Nobody listens there; a child that wants to hear from Stripe says where it listens.
DEAF = "http://127.0.0.1:9"
SETTINGS = own_settings(
    stripe_api_key=KEY,
    stripe_webhook_secret_account=SECRETS["account"],
    stripe_webhook_secret_connect=SECRETS["connect"],
)


def stripe_at(base: str) -> StripeGateway:
    """Return a gateway that repeats nothing by itself, as the one that this process shares."""
    gateway = StripeGateway(KEY, base, retries=0)
    stripe_gateway._shared = lambda *_: gateway  # type: ignore[assignment]
    return gateway


@dataclasses.dataclass
class Town:
    """Where everything of one round of kills is."""

    postgres: Postgres
    sandbox: Sandbox
    folder: Path
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def furnished(self) -> str:
        """The name of the database that is cloned for each kill."""
        return f"furnished_{self.folder.name.replace('-', '_').lower()}"

    def urls(self, name: str) -> dict[str, str]:
        """Return the addresses of a database for each role."""
        database = Database(name, self.postgres)
        return {role: database.url(role) for role in ("app", "worker", "edge", "bootstrap")} | {
            "postgres": self.postgres.url("postgres", name)
        }

    def build(self) -> None:
        """Furnish the database and the sandbox, and keep both as what each kill begins with."""
        before, shared = list(config._current), stripe_gateway._shared
        self.postgres.create_database(self.furnished, template=TEMPLATE)
        config.use(dataclasses.replace(SETTINGS, stripe_api_base=self.sandbox.base))
        self.sandbox.ask("reset", {})
        self.sandbox.ask("settings", webhooks_to(DEAF))
        gateway = stripe_at(self.sandbox.base)
        try:
            wsgi.register()
            database = Database(self.furnished, self.postgres)
            database.open("app")
            self.facts = _furnish(database, self.sandbox)
        finally:
            db.close()
            gateway.close()
            stripe_gateway._shared = shared
            config._current[:] = before
            clock.set_offset(dt.timedelta(0))
        with closing(sqlite3.connect(self.sandbox.data)) as live, closing(self._kept()) as kept:
            live.backup(kept)

    def _kept(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "sandbox-as-furnished.sqlite")

    @contextmanager
    def fresh(self, name: str) -> Iterator[Path]:
        """Give a folder for one kill, beside a clone of the database called `name` and a sandbox as it was."""
        self.postgres.create_database(name, template=self.furnished)
        folder = self.folder / name
        folder.mkdir()
        with closing(self._kept()) as kept, closing(sqlite3.connect(self.sandbox.data, timeout=20)) as live:
            kept.backup(live)
        try:
            yield folder
        finally:
            self.postgres.drop(name)
            shutil.rmtree(folder, ignore_errors=True)


def webhooks_to(base: str) -> dict[str, str]:
    """Return the sandbox's settings for sending webhooks to our endpoints at an address."""
    return {f"webhook_{kind}": f"{base}/webhooks/stripe/{kind}" for kind in SECRETS} | {
        f"secret_{kind}": secret for kind, secret in SECRETS.items()
    }


@contextmanager
def town(postgres: Postgres) -> Iterator[Town]:
    """Build a town on a server whose template is migrated; everything goes at the end."""
    with throwaway_folder(memory_folder()) as folder:
        sandbox = Sandbox(folder / "stripe.sqlite", Description.__new__(Description)).start()
        made = Town(postgres, sandbox, folder)
        try:
            made.build()
            yield made
        finally:
            sandbox.close()
            postgres.drop(made.furnished)


def _furnish(database: Database, sandbox: Sandbox) -> dict[str, Any]:
    trade = Trade(database)
    world = World(database, sandbox, None)  # type: ignore[arg-type]
    world._role = "app"
    bert, cees = trade.join("Bert"), trade.join("Cees")
    world.now()
    for who in (trade.anne, bert):
        world.connect(who.actor)
    _pay_in(world, trade, 50_000)
    for ref, who in (("O-1", trade.anne), ("O-2", bert), ("O-3", trade.anne), ("O-4", bert), ("O-5", cees)):
        world.play("app")
        lines = [line("1", "600.00", tax=money("126.00"), quantity=3)]
        trade.report(trade.order(ref, trade.token(who), lines=lines))
    with trade.as_worker():
        _work()
    database.open("app")
    for row in trade.rows(
        "SELECT c.id FROM commission c JOIN shop_order o ON o.id = c.order_id WHERE o.order_ref < 'O-3'"
    ):
        trade.call("POST", f"/commissions/{row['id']}/approve", {}, status=200, bearer=trade.owner)
    product = trade.world.product("/p/1")
    with trade.as_worker():
        _work()
        reconciliation.run_due()
    people = [
        {
            "key": one.key,
            "secret": one.secret,
            "token": world.token(one.actor.user_id, totp_now=True)["Authorization"].removeprefix("Bearer "),
        }
        for one in (world.maker, world.checker)
    ]
    admin = _admin(world)
    # Sign-ins of the town outlast the longest bench, and count as fresh all the while.
    trade.execute(
        "UPDATE auth_session SET password_at = now() + interval '60 days', last_seen_at = now() + interval '60 days',"
        " totp_at = totp_at + interval '60 days', expires_at = now() + interval '90 days'"
    )
    facts = {
        "shop_id": str(trade.world.shop_id),
        "offer_id": str(trade.world.offer_id),
        "shop_key": trade.key,
        "owner": trade.owner,
        "product": product,
        "advisers": {
            name: _adviser(who) for name, who in (("anne", trade.anne), ("bert", bert), ("cees", cees))
        },
        "finance": people,
        "admin": admin,
    }
    world.close()
    return json.loads(json.dumps(facts))  # type: ignore[no-any-return]


def _admin(world: World) -> str:
    """Make an admin, signed in with both factors, and return the token."""
    with world.rows() as session:
        user = world._user(session, "admin")
        user.totp_secret = totp.seal_secret(user.id, pyotp.random_base32())
    return world.token(user.id, totp_now=True)["Authorization"].removeprefix("Bearer ")


def _adviser(who: Joined) -> dict[str, str]:
    return {
        "id": str(who.id),
        "token": who.bearer,
        "path": who.link.path,
        "partnership": str(who.partnership_id),
    }


def _pay_in(world: World, trade: Trade, cents: int) -> None:
    shop = trade.world.shop_id
    row = world.web(lambda session: funding.plan(session, shop, Money(cents, "EUR"), "town", clock.now()))
    page = checkouts.open_page(world.gateway, row, "http://localhost")
    assert world.sandbox.click(page.url or "")[0] == 303
    world.worker()
    assert checkouts.confirm(world.gateway, page.stripe_session_id or "", clock.now) == "booked"
    world.play("app")


def _work() -> None:
    """Decide, approve and post what is due, as the worker."""
    while sweeps.decide_due() + sweeps.approve_due() + accrual.post_all():
        pass
