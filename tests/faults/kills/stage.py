"""Everybody in one process: the shop's and the adviser's requests, the worker's sweeps, the edge, the shipper, Stripe's
webhooks. Whatever a client was told (2xx, 302) is written to a file first thing, because the process may die any moment.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import http.client
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import flask
import psycopg
import pyotp
import sqlalchemy as sa
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import Client

from marketplace.core import clock, config, db, hooks, jobs
from payouts.settlement.stripe_gateway import StripeGateway
from tests.faults.kills.town import DEAF, stripe_at, webhooks_to
from tests.integration.payouts.sandbox.sandbox_process import Description, Sandbox
from tracking.edge.app import Edge, create_edge
from tracking.touches import own, shipper, tokens

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
VISIT = {
    "User-Agent": BROWSER,
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
}
# Other people's work: mail needs a server, feeds need a shop's site.
_NOT_HERE = {"mail", "feeds"}
_NO_WORK = {"edges", "mail", "jobs", "feeds"}
_MOST_ROUNDS = 14
# What can be told, with how it is called and the table in which it must be exactly once afterwards.
_TOLD = {
    "click": ("click_id::text", "click"),
    "order": ("order_ref", "shop_order"),
    "dispute": ("dispute_id || ' ' || kind", "dispute_event"),
    "claim": ("claim_id || ' ' || seq", "claim_event"),
    "evidence": ("evidence_id || ' ' || state", "influence_evidence_event"),
    "store": ("shop_id || ' ' || code", "store"),
    "adviser of a store": ("store_id || ' ' || adviser_id", "store_adviser"),
    "page": ("id::text", "advice_page"),
    "question": ("id::text", "question"),
    "answer": ("id::text", "answer"),
    "review": ("id::text", "review"),
}


class Refused(AssertionError):
    """A request was answered with something that the story does not expect."""


class Quiet(WSGIRequestHandler):
    """A server that does not tell of each request."""

    def log(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


class Rooms:
    """Engines of the web role and the worker that were made once; each clone has the same name as the one before.

    Their statements stay compiled from one child to the next; nothing is connected when a child is forked.
    """

    engines: ClassVar[dict[str, sa.Engine]] = {}

    @classmethod
    def enter(cls, role: str, url: str) -> sa.Engine:
        """Return the engine of a role."""
        if role not in cls.engines:
            db._engine.clear()
            cls.engines[role] = db.init(url, clock_moves=True, pool_size=2)
        return cls.engines[role]

    @classmethod
    def leave(cls) -> None:
        """Close all connections."""
        for engine in cls.engines.values():
            engine.dispose()
        db._engine.clear()


class Stage:
    """One process' view of the town; play a role with `play`, speak with `call`, and let time pass with `advance`."""

    def __init__(self, app: flask.Flask, settings: config.Settings, spec: dict[str, Any]) -> None:
        self.app, self.spec, self.facts = app, spec, spec["facts"]
        self.sandbox = Sandbox(Path("-"), Description.__new__(Description))
        self.sandbox.base = spec["sandbox"]
        self.folder = Path(spec["folder"])
        self.told = os.open(self.folder / "told", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        config.use(
            dataclasses.replace(
                settings, stripe_api_base=spec["sandbox"], segments_dir=str(self.folder / "segments")
            )
        )
        self.gateway: StripeGateway = stripe_at(spec["sandbox"])
        self.edge: Edge | None = None
        self._visitors: Client | None = None
        self.play("worker")
        self.hear_the_time()
        self.play("app")

    # Who one is

    def play(self, role: str) -> None:
        """Be the web role or the worker from here on; connections are kept from role to role."""
        url = self.spec["urls"][role]
        engine = Rooms.enter(role, url)
        db._engine[:] = [engine]
        config.use(dataclasses.replace(config.current(), database_url=url))

    def tell(self, kind: str, what: str) -> None:
        """Write down, before anything else happens, that somebody was told something."""
        os.write(self.told, f"{kind}\t{what}\n".encode())

    def was_told(self) -> list[tuple[str, str]]:
        """Return what was told, by this process and those before it."""
        lines = (self.folder / "told").read_text().splitlines()
        return [(kind, what) for kind, _, what in (text.partition("\t") for text in lines)]

    # Requests

    def call(
        self,
        method: str,
        path: str,
        who: str,
        body: Any = None,
        *,
        also: tuple[int, ...] = (),
        tell: str = "",
    ) -> Any:
        """Send a request as somebody (nobody for ""); return its JSON, or None when refused with a status in `also`."""
        self.play("app")
        answer = self.app.test_client(use_cookies=False).open(
            f"/api/v1{path}",
            method=method,
            json=body,
            headers={"Authorization": f"Bearer {who}"} if who else {},
        )
        if answer.status_code in also:
            return None
        if answer.status_code >= 300:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.get_data(as_text=True)[:600]}")
        if tell:
            self.tell("order", tell)
        return answer.get_json()

    def post(self, path: str, who: str, body: Any = None, **more: Any) -> Any:
        """Send a POST as somebody."""
        return self.call("POST", path, who, {} if body is None else body, **more)

    def code(self, person: dict[str, str]) -> str:
        """Return the code that somebody of finance reads now."""
        return pyotp.TOTP(person["secret"]).at(clock.wall())

    # Clicks

    def visitors(self) -> tuple[Client, Edge]:
        """Return a client of the edge, which is started (in its slot, with a new segment) when there is none."""
        if self._visitors is None or self.edge is None:
            settings = dataclasses.replace(config.current(), database_url=self.spec["urls"]["edge"])
            app = create_edge(settings)
            self.edge = app.extensions["edge"]
            self._visitors = Client(app)
        return self._visitors, self.edge

    def close_edge(self) -> None:
        """Stop the edge, with everything on disk."""
        if self.edge is not None:
            self.edge.close()
        self.edge = self._visitors = None

    def click(self, path: str) -> str | None:
        """Click on a link; return the token that the shop gets, noting the click as promised."""
        answer = self.visitors()[0].get(path, headers=VISIT)
        if answer.status_code != 302:
            return None
        token = parse_qs(urlsplit(answer.headers["Location"]).query)["aan"][0]
        read = tokens.read(config.current().token_keys, token)
        if read is None:
            raise Refused(f"the edge gave a token that nobody can read: {token}")
        self.tell("click", str(read.click_id))
        return token

    def ship(self) -> int:
        """Ship what every edge has written; return how many clicks were new."""
        segments = self.folder / "segments"
        if not segments.exists():
            return 0
        if self.edge is not None:
            self.edge.spool.heartbeat()
        with contextlib.closing(shipper.connect(self.spec["urls"]["worker"])) as connection:
            return shipper.ship_all(connection, segments).clicks

    # The worker, Stripe and time

    def sweep(self, *names: str) -> int:
        """Run sweeps of the worker (all without names) once; an error of one is an error of the story."""
        self.play("worker")
        chosen = names or tuple(sorted(set(jobs.sweeps) - _NOT_HERE))
        return sum(jobs.sweeps[name].run() for name in chosen)

    def fault(self, name: str, path: str, **more: Any) -> None:
        """Let Stripe misbehave at the next call to a path."""
        self.sandbox.fault(name, path=path, **more)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Let Stripe's webhooks reach our own routes, over HTTP."""
        server = make_server("127.0.0.1", 0, self.app.wsgi_app, request_handler=Quiet)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.play("app")
        self.sandbox.ask("settings", webhooks_to(f"http://127.0.0.1:{server.server_port}"))
        try:
            yield
        finally:
            self.sandbox.ask("settings", webhooks_to(DEAF))
            server.shutdown()
            server.server_close()

    def hear(self) -> int:
        """Let Stripe deliver the webhooks that wait; return how many we took."""
        with self.listening():
            return int(self.sandbox.ask("webhooks/flush", {})["accepted"])

    def superuser(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run SQL as one who may do anything; return the rows."""
        with psycopg.connect(
            self.spec["urls"]["postgres"].replace("+psycopg", "", 1), autocommit=True
        ) as connection:
            cursor = connection.execute(statement, values or None)
            return list(cursor.fetchall()) if cursor.description else []

    def advance(self, **parts: int) -> None:
        """Let time pass for everybody: business time, Stripe's, and that of what was set aside."""
        seconds = int(dt.timedelta(**parts).total_seconds())
        self.superuser(f"UPDATE business_clock SET offset_seconds = offset_seconds + {seconds}")
        self.superuser("UPDATE accrual_set_aside SET retry_at = now() - interval '1 second'")
        self.sandbox.ask("clock", {"advance": f"{seconds}s"})
        self.play("worker")
        self.hear_the_time()
        if self.edge is not None:
            self.edge.spool.set_offset(round(clock.offset().total_seconds() * 1000))

    def hear_the_time(self) -> None:
        """Learn what business time it is, which every transaction hears first; nobody begins in the past."""
        with db.session() as session:
            session.execute(sa.text("SELECT 1"))

    # The end

    def close(self) -> None:
        """Let go of everything that this process opened."""
        self.close_edge()
        Rooms.leave()
        self.gateway.close()
        os.close(self.told)
        own._noted.clear()
        clock.set_offset(dt.timedelta(0))

    def lags(self) -> dict[str, Any]:
        """Return what is due at business now and not done."""
        self.play("worker")
        with db.session() as session:
            session.execute(sa.text("SELECT 1"))
            found = {
                name: lag(session, clock.now()) for name, lag in hooks.lags.items() if name not in _NO_WORK
            }
        return {name: figure for name, figure in found.items() if figure}

    def settle_down(self) -> dict[str, Any]:
        """Ship, sweep and hear until nothing is due twice in a row; return what is due still after many rounds."""
        left: dict[str, Any] = {}
        quiet = 0
        self.visitors()
        for _ in range(_MOST_ROUNDS):
            # Whoever died holds what was in his hands until then.
            self.advance(minutes=12)
            done = 1
            while done:
                done = self.ship() + self.sweep()
                pending = self.sandbox.ask("state")["webhooks_pending"]
                done += self.hear() if pending else 0
            left = self.lags()
            quiet = quiet + 1 if not left else 0
            if quiet == 2:
                return {}
        return left

    def broken(self) -> dict[str, int]:
        """Return every promise that does not hold now."""
        self.play("worker")
        with db.session() as session:
            found = {name: one.check(session) for name, one in hooks.invariants.items()}
        return {name: finding.figure for name, finding in found.items() if not finding.holds}

    def wrongs(self) -> list[str]:
        """Return in words what is wrong with money, orders and clicks after everything came to rest."""
        wrong = [f"due still: {name} {figure}" for name, figure in self.settle_down().items()]
        wrong += [f"promise broken: {name} {figure}" for name, figure in self.broken().items()]
        paid = self.superuser(
            "SELECT stripe_transfer_id, id::text FROM payout WHERE state IN ('paid', 'in_bank', 'bank_failed')"
        )
        with contextlib.closing(
            http.client.HTTPConnection(urlsplit(self.sandbox.base).netloc, timeout=20)
        ) as ask:
            ask.request(
                "GET", "/v1/transfers?limit=100", headers={"Authorization": f"Bearer {self.gateway_key}"}
            )
            transfers = json.loads(ask.getresponse().read())["data"]
        booked = {
            one for (one,) in self.superuser("SELECT transfer_id FROM transfer_booking WHERE entry_id > 0")
        }
        made = sorted(
            (one["id"], one["metadata"].get("payout_id")) for one in transfers if one["id"] not in booked
        )
        if made != sorted((str(transfer), str(payout)) for transfer, payout in paid):
            wrong.append(f"transfers at Stripe {made} are not the payouts paid {sorted(paid)}")
        if len({payout for _, payout in made}) != len(made):
            wrong.append(f"a payout was paid twice: {made}")
        wrong += self._forgotten()
        return wrong

    @property
    def gateway_key(self) -> str:
        """The key under which we speak to the sandbox."""
        return config.current().stripe_api_key

    def _forgotten(self) -> list[str]:
        told = self.was_told()
        wrong = []
        for kind, (what, table) in _TOLD.items():
            there = dict(self.superuser(f"SELECT {what}, count(*) FROM {table} GROUP BY 1"))
            missing = {what for one, what in told if one == kind} - set(there)
            twice = [what for what, count in there.items() if count != 1]
            if missing or twice:
                wrong.append(f"{kind}s told and missing: {sorted(missing)}, there twice: {twice}")
        return wrong
