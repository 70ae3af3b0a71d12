"""What all worlds of one process share: servers, a furnished template to clone, a virtual clock, Stripe in-process.

Nothing here waits and nothing is left to chance: time stands still until the scheduler moves it, ids are counted, and a
crash is an exception at a commit, a failpoint or a call that the scheduler chose.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import types
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
import stripe
import uuid_utils.compat
from sqlalchemy.orm import Session
from werkzeug.test import EnvironBuilder, run_wsgi_app

import wsgi
from marketplace.core import clock, config, db, failpoints, hooks, migrate
from marketplace.devtools.postgres import Postgres
from payouts.sandbox import clock as sandbox_clock
from payouts.sandbox.app import create_app
from payouts.sandbox.store import Store
from payouts.sandbox.webhooks import Sender
from payouts.settlement import sending, stripe_gateway
from payouts.settlement.stripe_gateway import StripeGateway
from tracking.touches import segments

START = dt.datetime(2030, 3, 1, 9, tzinfo=dt.UTC)
PASSWORDS = {f"aanrader_{role}": f"{role}-secret" for role in ("app", "worker", "edge")}
SECRETS = {"account": "whsec_account", "connect": "whsec_connect"}
KEY, PLATFORM, BASE = "sk_test_simulation", "acct_platform", "http://sandbox.invalid"
TEMPLATE, FURNISHED = "simulation_empty", "simulation_furnished"


class Time:
    """The one clock of everybody."""

    now = START
    ids = 0

    @classmethod
    def next_id(cls) -> uuid.UUID:
        """Return a UUID version 7 of virtual time; later ones sort later."""
        cls.ids += 1
        ms = int(cls.now.timestamp() * 1000)
        return uuid.UUID(int=(ms << 80) | (7 << 76) | (2 << 62) | cls.ids)


class Crash:
    """Ends the process, as an exception, when the point that was chosen is reached."""

    left = 0
    where = ""
    # Somebody who looks from outside at the moment of death, with the transaction open (I8).
    witness: Callable[[], None] | None = None

    @classmethod
    def reach(cls, name: str) -> None:
        """Pass a point, unless it is the one."""
        if cls.left:
            cls.left -= 1
            if not cls.left:
                cls.where = name
                if cls.witness is not None:
                    cls.witness()
                raise failpoints.Reached(name)


class _Line(socket.socket):
    """The server's end of a connection that may be hung up."""

    is_cut = False

    def shutdown(self, _how: int) -> None:
        """Be cut."""
        self.is_cut = True


class Wire(stripe.RequestsClient):
    """Stripe's library speaks to the sandbox without a network; a crash may come before and after each call."""

    def __init__(self, app: Any) -> None:
        super().__init__()
        self._app = app
        self.line = _Line()

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_more: Any) -> Any:
        """Send one request and return body, status and headers; a cut line is a connection error."""
        Crash.reach(f"stripe.before {method}")
        path, _, query = url.removeprefix(BASE).partition("?")
        builder = EnvironBuilder(
            path, BASE, query, method=method.upper(), headers=dict(headers), data=post_data
        )
        environ = builder.get_environ() | {"werkzeug.socket": self.line}
        self.line.is_cut = False
        chunks, status, answered = run_wsgi_app(self._app, environ)
        body = b"".join(chunks)
        Crash.reach(f"stripe.after {method}")
        if self.line.is_cut:
            raise stripe.APIConnectionError("the line was cut", should_retry=True)
        return body.decode(), int(status.split()[0]), dict(answered)


class Environment:
    """Servers and patches of one process, as long as the `with` lasts."""

    def __init__(self, postgres: Postgres, folder: Path, template: str) -> None:
        self.postgres, self.folder, self.template, self.database = postgres, folder, template, ""
        self.store = Store(str(folder / "stripe.sqlite"), PLATFORM)
        self.app = create_app(self.store, Sender(self.store))
        self.wire = Wire(self.app)
        self.gateway = StripeGateway(KEY, BASE, retries=0)
        self.gateway._client = stripe.StripeClient(
            KEY, max_network_retries=0, http_client=self.wire, base_addresses={"api": BASE}
        )
        self.gateway._pace = types.SimpleNamespace(wait=lambda: None)  # type: ignore[assignment]
        # Compiling a statement costs more than running it here, so engines outlive the databases behind them.
        self.engines = {role: self._engine(f"aanrader_{role}") for role in ("app", "worker")}
        self.owner = self._engine("postgres")
        self.eyes: psycopg.Connection[Any] | None = None
        self.guest: psycopg.Connection[Any] | None = None
        self.promises: dict[str, str] = {}
        self.settings = config.Settings(
            mode="test", secret_key="5" * 64, token_keys=((1, b"k" * 32),), base_url="http://localhost",
            edge_url="http://localhost", segments_dir=str(folder / "segments"), stripe_api_key=KEY,
            stripe_webhook_secret_account=SECRETS["account"], stripe_webhook_secret_connect=SECRETS["connect"],
        )  # fmt: skip

    def dsn(self, user: str) -> str:
        url = self.postgres.url(user, self.database, password=PASSWORDS.get(user))
        return url.replace("+psycopg", "", 1)

    def _engine(self, user: str) -> sa.Engine:
        return sa.create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(self.dsn(user)),
            pool_size=5,
            max_overflow=5,
        )

    def play(self, role: str) -> None:
        """Be the web role or the worker from here on."""
        db._engine[:] = [self.engines[role]]

    def clone(self, template: str, name: str) -> None:
        """Leave the present database for a fresh copy of a template."""
        self.leave()
        self.postgres.create_database(name, template=template)
        self.database = name
        self.eyes = psycopg.connect(self.dsn("postgres"), autocommit=True)
        self.guest = psycopg.connect(self.dsn("aanrader_app"), autocommit=True)
        # What is read after every step is planned once: planning it costs ten times what running it does.
        for one in (self.eyes, self.guest):
            one.prepare_threshold = 0
            one.execute("SET plan_cache_mode = force_generic_plan")

    def leave(self) -> None:
        """Let go of the present database; drop it when it was a world's."""
        for engine in (*self.engines.values(), self.owner):
            engine.dispose()
        for one in (self.eyes, self.guest):
            if one is not None:
                one.close()
        if self.database.startswith("w_"):
            self.postgres.drop(self.database)
        self.database = ""

    def reopen_store(self, path: Path) -> None:
        """Let the sandbox go on with another file."""
        Store.__init__(self.store, str(path), PLATFORM)


def _commit(session: Session, real: Callable[[Session], None] = Session.commit) -> None:
    Crash.reach("commit.before")
    real(session)
    Crash.reach("commit.after")


def _position(folder: Path, position: Any, real: Any = segments.write_position) -> None:
    Crash.reach("shipper.before position")
    real(folder, position)
    Crash.reach("shipper.after position")


PATCHES: tuple[tuple[Any, str, Any], ...] = (
    (clock, "wall", lambda: Time.now),
    (sandbox_clock, "wall", lambda: int(Time.now.timestamp())),
    (sandbox_clock, "wall_ms", lambda: int(Time.now.timestamp() * 1000)),
    (uuid_utils.compat, "uuid7", Time.next_id),
    (sending, "time", types.SimpleNamespace(sleep=lambda _seconds: None, monotonic_ns=lambda: Time.ids)),
    (Session, "commit", _commit),
    (segments, "write_position", _position),
)


@contextlib.contextmanager
def environment(
    folder: Path, postgres: Postgres | None = None, template: str = TEMPLATE
) -> Iterator[Environment]:
    """Give the environment of this process; everything is put back afterwards.

    template: a migrated database on that server, whose roles have PASSWORDS; it is made where there is none.
    """
    before = [(thing, name, getattr(thing, name)) for thing, name, _ in PATCHES]
    kept = list(config._current), list(db._engine), list(db._clock_moves), stripe_gateway._shared
    registries = dict(hooks.invariants), dict(hooks.lags)
    with contextlib.ExitStack() as stack:
        server = postgres or stack.enter_context(Postgres.throwaway())
        here = Environment(server, folder, template)
        for thing, name, value in PATCHES:
            setattr(thing, name, value)
        stripe_gateway._shared = lambda _key, _base: here.gateway  # type: ignore[assignment]
        config.use(here.settings)
        db._clock_moves[:] = [False]
        clock.set_offset(dt.timedelta(0))
        hooks.invariants.clear()
        hooks.lags.clear()
        wsgi.register()
        failpoints.watch(Crash.reach)
        try:
            if not server.has_database(template):
                server.create_database(template)
                migrate.upgrade(server.url("bootstrap", template), PASSWORDS)
            yield here
        finally:
            failpoints.watch(None)
            here.leave()
            here.store.close()
            here.wire.line.close()
            for thing, name, value in before:
                setattr(thing, name, value)
            config._current[:], db._engine[:], db._clock_moves[:] = kept[:3]
            stripe_gateway._shared = kept[3]
            hooks.invariants.clear()
            hooks.lags.clear()
            hooks.invariants.update(registries[0])
            hooks.lags.update(registries[1])
