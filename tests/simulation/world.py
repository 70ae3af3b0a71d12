"""One world: a fresh database, the product's services, the sandbox, and the model beside them."""

from __future__ import annotations

import copy
import datetime as dt
import shutil
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from marketplace.core import db
from marketplace.core.actor import Actor
from payouts.sandbox import schedule
from tests.simulation.environment import FURNISHED, Environment, Time
from tests.simulation.furniture import EDGES, Furniture, scope
from tests.simulation.model import Model
from tests.simulation.records import Shop
from tracking.touches.segments import heartbeat_line

T = TypeVar("T")


class World:
    """A database, a sandbox and a model that start from the same furniture."""

    count = 0

    def __init__(self, here: Environment, made: Furniture) -> None:
        self.here, self.made = here, made
        World.count += 1
        Time.now, Time.ids = made.ready_at, made.ids
        here.clone(FURNISHED, f"w_{World.count}")
        here.store.close()
        path = here.folder / f"world-{World.count}.sqlite"
        shutil.copy(here.folder / "furnished.sqlite", path)
        here.reopen_store(path)
        shops = {name: Shop(name, **copy.deepcopy(one)) for name, one in made.facts["shops"].items()}
        states = {name: list(line) for name, line in made.facts["advisers"].items()}
        self.model = Model(shops, states, dict(made.facts["marks"]))
        # Each edge has its own segments; those of one that is away lie where no shipper sees them.
        self.segments, self.away = here.folder / "segments", here.folder / "away"
        for folder in (self.segments, self.away):
            shutil.rmtree(folder, ignore_errors=True)
        for edge in EDGES:
            (self.segments / edge).mkdir(parents=True)
            self.beat(edge)
        self.away.mkdir()
        self.heard = dict.fromkeys(EDGES, made.ready_at)
        # What people and servers keep for later: clicks on their way, requests that may be repeated, drafts of runs.
        self.spool: list[tuple[str, str, Any]] = []
        self.clicks: list[uuid.UUID] = []
        self.webhooks: set[str] = set()
        self.touches: list[tuple[str, str, Any]] = []
        self.cancelled: set[tuple[str, str]] = set()
        self.commission_ids: dict[tuple[str, str, str, str], uuid.UUID] = {}
        self.numbers: Counter[str] = Counter()
        self.sent: list[Callable[[], Any]] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.pages: dict[uuid.UUID, tuple[str, int]] = {}
        self.paid: dict[uuid.UUID, tuple[str, int, int]] = {}
        self.disabled: set[str] = set()
        self.names = {str(actor.adviser_id): name for name, actor in made.advisers.items()}
        self.names |= {str(shop_id): name for name, shop_id in made.shop_ids.items()}

    def close(self) -> None:
        """Forget the world."""
        self.here.leave()
        self.here.store.close()
        for path in self.here.folder.glob("world-*"):
            path.unlink()

    def place(self, edge: str) -> Path:
        """Return where an edge's segments are now."""
        return next(folder / edge for folder in (self.segments, self.away) if (folder / edge).exists())

    def write(self, edge: str, line: bytes) -> None:
        """Append a line to an edge's segment."""
        with (self.place(edge) / "0000000001.tsv").open("ab") as file:
            file.write(line)

    def beat(self, edge: str) -> None:
        """Let an edge say that it is alive, and that these were all of its clicks."""
        self.write(edge, heartbeat_line(int(Time.now.timestamp() * 1000)))

    def wait_no_longer(self) -> None:
        """After 24 hours of silence nobody waits for an edge.

        The product measures silence by PostgreSQL's own clock, which nobody moves here, so the row is aged instead.
        """
        for edge in EDGES:
            is_silent = (self.away / edge).exists() and Time.now - self.heard[edge] >= dt.timedelta(hours=24)
            if is_silent and edge in self.model.marks:
                self.rows(
                    "UPDATE edge_mark SET seen_at = now() - interval '25 hours' WHERE edge = %s RETURNING 1",
                    edge,
                )
                del self.model.marks[edge]

    def act(self, actor: Actor, work: Callable[[Session], T], point: str = "") -> T:
        """Do something as somebody, in a transaction of the web role."""
        self.here.play("app")
        with db.use_scope(scope(actor)):
            return db.run_in_transaction(work, point=point)

    def sandbox(self, work: Callable[[Any], T]) -> T:
        """Do something at Stripe that isn't our request."""
        schedule.catch_up(self.here.store)
        with self.here.store.write() as tx:
            return work(tx)

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Read rows as nobody of ours can: all of them."""
        assert self.here.eyes is not None
        return self.here.eyes.execute(statement, values).fetchall()
