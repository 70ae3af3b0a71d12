"""A world that stands for a whole module works in each of its tests, whatever the test before it left behind."""

from __future__ import annotations

import sqlalchemy as sa

from marketplace.core import config, db
from tests.standing import standing


class Empty:
    """A world without anybody."""

    def __init__(self, database: object) -> None:
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


def present() -> tuple[str, str]:
    with db.transaction() as session:
        row = session.execute(sa.text("SELECT current_database(), current_user")).one()
        return row[0], row[1]


def test_a_standing_world_is_open_again_after_a_test_that_had_a_database_of_its_own(pg, valkey):
    before = list(config._current)
    with standing(pg, valkey.url, Empty) as one, standing(pg, valkey.url, Empty) as another:
        for world in (one, another, one):
            with world.at_work():
                assert present() == (world.database.name, "aanrader_app")
                assert config.current() == world.settings
        one.database.open("worker")
        config.use(config.Settings(mode="test"))
        with one.at_work():
            assert present() == (one.database.name, "aanrader_app")
        db.close()
        with one.at_work():
            assert present() == (one.database.name, "aanrader_app")
    assert one.world.is_closed
    assert another.world.is_closed
    assert config._current == before
    assert not db._engine
