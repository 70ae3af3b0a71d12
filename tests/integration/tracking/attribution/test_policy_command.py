"""`aanrader run attribution-policy`: the platform's policy, in force from that business instant on."""

import dataclasses
import datetime as dt

import pytest
import sqlalchemy as sa

import wsgi
from marketplace.core import clock, config, db, heartbeat, hooks, migrate
from tests.conftest import database
from tracking.attribution.models import AttributionPolicy

# Here nobody trades, and business time begins before any shop.
__all__ = ["database"]
PAST = -90 * 86_400


@pytest.fixture
def in_the_past(as_worker):
    """Business time begins ninety days ago, and this process has not asked for it yet."""
    engine = sa.create_engine(as_worker.url("bootstrap"), poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        migrate.prepare_connection(connection)
        connection.execute(sa.text("UPDATE business_clock SET offset_seconds = :s"), {"s": PAST})
        connection.commit()
    config.use(dataclasses.replace(config.current(), database_url=as_worker.url("worker")))
    wsgi.register("attribution-policy")
    clock.set_offset(dt.timedelta(0))
    return as_worker


def newest():
    with db.transaction() as session:
        query = sa.select(AttributionPolicy).order_by(AttributionPolicy.version.desc()).limit(1)
        row = session.scalars(query).one()
        return row.version, row.shop_id, row.guard_seconds, row.effective_from


def test_a_policy_is_in_force_from_the_business_instant_at_which_it_was_published(in_the_past, capsys):
    assert hooks.commands["attribution-policy"](["--guard-seconds", "120"]) == 0
    in_the_past.open("worker")
    version, shop, guard, effective = newest()
    assert (version, shop, guard) == (2, None, 120)
    assert capsys.readouterr().out.split() == ["2"]
    assert abs(effective - (clock.wall() + dt.timedelta(seconds=PAST))) < dt.timedelta(minutes=5)


def test_a_guard_of_more_than_a_day_is_wrong_usage(in_the_past):
    with pytest.raises(SystemExit) as ended:
        hooks.commands["attribution-policy"](["--guard-seconds", "86401"])
    assert ended.value.code == 2


def test_a_heartbeat_reports_the_offset_of_this_moment_and_not_of_the_last_transaction(in_the_past):
    heartbeat.beat("player")
    with db.transaction() as session:
        beat = session.scalars(
            sa.select(heartbeat.Heartbeat).where(heartbeat.Heartbeat.name == "player")
        ).one()
        assert beat.offset_seconds == PAST
