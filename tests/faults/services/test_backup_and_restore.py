"""A backup holds everything; a restore pays nobody twice, loses no click and changes nothing when it fails."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from marketplace.core import clock, db
from marketplace.core.config import Settings
from marketplace.devtools import archive, backup, books, restore
from marketplace.devtools.books import Books, Failed
from marketplace.devtools.errors import DevtoolsError
from payouts.reconciliation import promises
from payouts.reconciliation.registration import nudged
from payouts.runs import service as runs
from payouts.settlement.freeze import PayoutsFrozen
from tests.conftest import Database
from tests.faults.services.test_payout_freeze import reconcile
from tests.integration.payouts.settling import World
from tests.integration.tracking.edge.conftest import Caller
from tests.integration.tracking.world import World as Trade
from tracking.touches import shipper


def books_of(database: Database, segments: Path | None = None) -> Books:
    """Return the books of a test's database."""
    return Books(
        make_url(database.url("bootstrap")), segments, {"secret_key": "k"}, embedded=database.postgres
    )


@pytest.fixture
def taken(database: Database, tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Return a function that makes a backup; databases that restores replaced are dropped at the end."""

    def make(segments: Path | None = None) -> Path:
        file = tmp_path / "books.backup"
        backup.make(books_of(database, segments), file)
        return file

    yield make
    db.close()
    with psycopg.connect(
        database.postgres.url("postgres", "postgres").replace("+psycopg", ""), autocommit=True
    ) as boss:
        rows = boss.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{database.name}_"]
        )
        for (name,) in rows.fetchall():
            database.postgres.drop(name)


@contextlib.contextmanager
def _unpacked(file: Path) -> Iterator[tuple[Path, archive.Manifest]]:
    with tempfile.TemporaryDirectory(dir=file.parent) as name:
        yield Path(name), archive.unpack(file, Path(name))


def bring_back(database: Database, file: Path, segments: Path | None = None) -> None:
    """Restore a backup in the place of a test's database, as the command does."""
    db.close()
    with _unpacked(file) as (folder, manifest):
        restore.put(books_of(database, segments), folder, manifest)
    database.open("app")


def test_after_a_restore_nothing_is_paid_twice_and_the_difference_ends_at_nothing(
    world: World, taken: Callable[..., Path]
) -> None:
    world.budget(200_000)
    first, second = world.adviser(earned=5_000), world.adviser(earned=7_000)
    begun = world.approve(world.draft())
    file = taken()

    # After the backup: the approved run is paid, and a second run that the backup does not know.
    world.web(lambda session: runs.execute(session, world.maker.actor, begun.id, world.now()))
    world.work(begun)
    world.earn(first.id, 3_000)
    world.work(world.start())
    assert world.transfers() == (3, 15_000)
    assert reconcile(world).difference_minor == 0

    world._owner.dispose()
    bring_back(world.database, file)
    world._role = "app"

    # The same runs again, by every way there is.
    with pytest.raises(PayoutsFrozen):
        world.web(lambda session: runs.execute(session, world.maker.actor, begun.id, world.now()))
    assert world.work(begun) == 0
    assert world.transfers() == (3, 15_000)

    made = reconcile(world)
    assert made.difference_minor == -3_000
    assert {one.state for one in world.payouts(begun)} == {"paid"}
    with pytest.raises(PayoutsFrozen):
        world.start()
    token = [world.token(one.actor.user_id, totp_now=True) for one in (world.maker, world.checker)]
    shown = world.call("GET", "/payout-freeze", token[0])[1]
    [lost] = shown["unknown_transfers"]
    assert (shown["freeze"]["reason"], lost["amount"]["amount"]) == ("restore", "30.00")
    path = f"/payout-freeze/transfers/{lost['difference_id']}"
    assert world.call("POST", f"{path}/book", token[0], note="the second run was lost")[0] == 202
    assert world.call("POST", f"{path}/approve", token[1])[0] == 202
    assert world.call("POST", "/payout-freeze/lift", token[0])[1]["in_the_way"] != []
    assert world.call("POST", "/payout-freeze/lift", token[1])[1]["code"] == "freeze_not_explained"
    world.worker()
    nudged()
    assert reconcile(world).difference_minor == 0
    status, lifted = world.call("POST", "/payout-freeze/lift", token[1])
    assert (status, lifted["frozen"]) == (200, False)

    # The money of the lost run was not earned in these books either, so it is owed back and netted.
    assert world.balance("adviser:receivable", first.id) == 3_000
    world.earn(second.id, 4_000)
    world.work(world.start())
    assert world.transfers() == (4, 19_000)
    assert reconcile(world).difference_minor == 0
    for check in (
        promises.certificate_difference,
        promises.movements_are_whole,
        promises.transfers_equal_payouts,
    ):
        assert world.read(check).holds


def test_a_restore_that_fails_leaves_everything_as_it_was(
    database: Database, taken: Callable[..., Path]
) -> None:
    file = taken()

    def identity() -> tuple[object, object]:
        with database.open("app").connect() as connection:
            row = connection.execute(
                sa.text(
                    "SELECT (SELECT oid FROM pg_database WHERE datname = current_database()), (SELECT count(*)"
                    " FROM pg_database WHERE starts_with(datname, current_database() || '_'))"
                )
            ).one()
        return row[0], row[1]

    before = identity()
    db.close()
    with _unpacked(file) as (folder, manifest):
        # As after a dump that was cut off: fewer rows than there were.
        expects_more = dataclasses.replace(manifest, counts={"entry": 1_000_000})
        with pytest.raises(Failed, match="nothing was replaced"):
            restore.put(books_of(database), folder, expects_more)
    assert identity() == before == (before[0], 0)


def test_clicks_in_neither_and_in_both_are_there_once_after_a_restore(
    database: Database, settings: Settings, taken: Callable[..., Path]
) -> None:
    trade = Trade(database)
    path, folder = trade.offer_link.path, Path(settings.segments_dir)
    click = Caller(dataclasses.replace(settings, database_url=database.url("edge")))

    def count() -> tuple[int, int]:
        with contextlib.closing(shipper.connect(database.url("worker"))) as connection:
            row = connection.execute("SELECT count(*), count(DISTINCT click_id) FROM click").fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def ship() -> None:
        with contextlib.closing(shipper.connect(database.url("worker"))) as connection:
            shipper.ship_all(connection, folder)

    def clicks(number: int) -> None:
        for _ in range(number):
            assert click(path)[0] == "302"

    try:
        clicks(3)
        ship()
        clicks(4)
        file = taken(folder)
        clicks(5)
        ship()
        clicks(6)
        assert count() == (12, 12)
        bring_back(database, file, folder)
        # In the backup: 3 in its database, 4 in its segments; on disk: all of them.
        assert count() == (7, 7)
        clicks(7)
        ship()
        assert count() == (25, 25)
        ship()
        assert count() == (25, 25)
    finally:
        click.edge.close()


def test_a_backup_names_no_secret_and_is_readable_by_its_owner_alone(
    database: Database, taken: Callable[..., Path]
) -> None:
    file = taken()
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as tar:
        assert tar.getnames() == ["manifest.json", "database.dump"]
        found = tar.extractfile("manifest.json")
        assert found is not None
        manifest = json.loads(found.read())
    assert manifest["keys"] == {"secret_key": archive.fingerprint("k")}


def test_a_damaged_backup_is_refused_before_anything_is_touched(
    taken: Callable[..., Path], tmp_path: Path
) -> None:
    file = taken()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    (tmp_path / "folder").mkdir()
    with pytest.raises(archive.NotABackup, match="damaged"):
        archive.unpack(file, tmp_path / "folder")
    (tmp_path / "other").mkdir()
    (tmp_path / "text").write_text("not a tar")
    with pytest.raises(archive.NotABackup, match="can't be read"):
        archive.unpack(tmp_path / "text", tmp_path / "other")


@pytest.mark.parametrize("kind", ["above", "absolute", "link", "device", "twice"])
def test_a_forged_backup_writes_nothing_outside_its_folder(tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    member = tarfile.TarInfo({"above": "../outside", "absolute": str(outside)}.get(kind, "inside"))
    member.type = {"link": tarfile.SYMTYPE, "device": tarfile.CHRTYPE}.get(kind, tarfile.REGTYPE)
    member.linkname, member.size = str(outside) if kind == "link" else "", 1 if member.isreg() else 0
    with tarfile.open(tmp_path / "forged", "w") as tar:
        for _ in range(2 if kind == "twice" else 1):
            tar.addfile(member, io.BytesIO(b"x"))
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(archive.NotABackup):
        archive.unpack(tmp_path / "forged", folder)
    assert not outside.exists()
    assert kind == "twice" or not list(folder.iterdir())


def test_a_backup_of_a_newer_schema_is_refused(taken: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    manifest = archive.unpack(taken(), tmp_path / "folder")
    restore.refuse_unknown_schema(manifest)
    with pytest.raises(archive.NotABackup, match="update first"):
        restore.refuse_unknown_schema(dataclasses.replace(manifest, revision="9999"))


def test_a_full_database_another_key_and_an_existing_file_need_force(
    database: Database, taken: Callable[..., Path], tmp_path: Path
) -> None:
    file = taken()
    (tmp_path / "folder").mkdir()
    manifest = archive.unpack(file, tmp_path / "folder")
    with pytest.raises(DevtoolsError, match="not empty"):
        restore._refuse(books_of(database), manifest, force=False)
    other = dataclasses.replace(books_of(database), keys={"secret_key": "other"})
    with pytest.raises(DevtoolsError, match="another secret_key"):
        restore._refuse(other, manifest, force=False)
    restore._refuse(other, manifest, force=True)
    args = argparse.Namespace(file=str(file), force=False, with_secrets=False, called_from=tmp_path)
    with pytest.raises(DevtoolsError, match="exists already"):
        backup.run(args)


def test_a_database_in_use_by_others_is_not_replaced(database: Database) -> None:
    with (
        database.open("app").connect(),
        pytest.raises(DevtoolsError, match="in use"),
        restore._quiet(books_of(database)),
    ):
        raise AssertionError("not reached")


def test_the_address_of_the_shipper_acts_as_the_worker(database: Database) -> None:
    with contextlib.closing(shipper.connect(books.as_worker(database.url("bootstrap")))) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("aanrader_worker",)
    assert clock.wall() is not None
