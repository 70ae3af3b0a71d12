"""A committed world, an edge on it, and a shipper to call."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from marketplace.core.config import Settings
from tests.conftest import Database
from tests.integration.tracking.edge.conftest import Caller
from tests.integration.tracking.world import World
from tracking.touches import ship, shipper


@dataclasses.dataclass
class Road:
    """The way of a click: an edge with the database behind it, its segments, and the shipper's connection."""

    world: World
    click: Caller
    segments: Path
    connection: psycopg.Connection[Any]

    @property
    def folder(self) -> Path:
        return self.click.edge.slot.folder

    def ship(self) -> ship.Shipment:
        """Ship what is there."""
        return shipper.ship_all(self.connection, self.segments)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return rows as the worker sees them."""
        return self.connection.execute(query, values).fetchall()

    def tally(self) -> dict[str, int]:
        """Return all counts together."""
        return dict(self.rows("SELECT name, sum(clicks)::int FROM click_tally GROUP BY name"))


@pytest.fixture
def road(database: Database, settings: Settings) -> Iterator[Road]:
    world = World(database, consent_mode="exempt")
    click = Caller(dataclasses.replace(settings, database_url=database.url("edge")))
    try:
        with contextlib.closing(shipper.connect(database.url("worker"))) as connection:
            yield Road(world, click, Path(settings.segments_dir), connection)
    finally:
        click.edge.close()
