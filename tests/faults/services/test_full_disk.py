"""A full disk: visitors are sent on, the alarm is raised, no line is torn, and all is shipped once there is room."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.core import config, db, hooks, web
from marketplace.core.config import Settings
from marketplace.devtools.postgres import Postgres
from tests.conftest import Database
from tests.integration.tracking.world import World
from tracking.edge.spool import Spool
from tracking.touches import registration, segments, ship
from tracking.touches.segments import Position

ROOT = Path(__file__).resolve().parents[3]


def small_disk(folder: Path, kilobytes: int) -> list[str]:
    """Return the command that runs another with a small disk at `folder`, in a mount namespace of its own.

    A plain user gets one too where the kernel lets users have namespaces.
    """
    namespace = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-r", "-m"]
    script = 'mount -t tmpfs -o "size=$1" none "$2" && shift 2 && exec "$@"'
    return [*namespace, "sh", "-c", script, "sh", f"{kilobytes}k", str(folder)]


def has_small_disks(folder: Path) -> bool:
    """Say whether this user may have a mount namespace; root may, or the test fails."""
    if os.getuid() == 0:
        return True
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*small_disk(folder, 64), "true"], capture_output=True, check=False).returncode == 0


def test_a_full_disk_costs_no_visitor_and_no_click(database: Database, tmp_path: Path) -> None:
    world = World(database)
    folder = tmp_path / "small"
    folder.mkdir()
    command = [sys.executable, "-m", "tests.faults.services.full_disk", str(folder)]
    command += [database.url("edge"), database.url("worker"), world.offer_link.path]
    if has_small_disks(tmp_path):
        command = [*small_disk(folder, 256), *command]
        makes_room = True
    else:
        makes_room = False
        # A limit on the size of files is the small disk of whoever may not mount one.
        command = ["sh", "-c", 'ulimit -f 256 && trap "" XFSZ && exec "$@"', "sh", *command]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["statuses"] == ["302"]
    assert (found["alarm"], found["health"], found["whole_lines"]) == (True, True, True)
    assert "edge_disk_takes_no_clicks" in done.stderr
    assert found["shipped_while_full"] >= 200
    assert (found["unwritten"], found["lost"], found["alarm_after"]) == (0, 0, 0)
    # Nobody freed any room but the shipper, by removing what was shipped.
    assert found["room_by_shipping"] or not makes_room
    assert found["clicks"] == found["stored"] == found["distinct"] > 200


def test_the_alarm_of_an_edge_is_a_lag_and_a_broken_promise(
    as_worker: Database, settings: Settings, tmp_path: Path
) -> None:
    registration.register()
    config.use(settings)
    folder = Path(settings.segments_dir) / "edge"
    folder.mkdir(parents=True)
    segments.alarm_path(folder).write_bytes(segments.alarm_text(7, 0, 1))
    with db.session() as session:
        assert hooks.lags["clicks_unwritten"](session, None) == 7
        assert not hooks.invariants["clicks_find_room_on_disk"].check(session).holds
        segments.alarm_path(folder).write_bytes(segments.alarm_text(0, 0, 1))
        assert hooks.lags["clicks_unwritten"](session, None) == 0
        assert hooks.invariants["clicks_find_room_on_disk"].check(session).holds


_TORN = """
import os, resource, signal, sys
from pathlib import Path
from tracking.edge.spool import Spool
folder = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(folder)
spool.record(spool.now_ms(), "a" * 400)
truncate = os.ftruncate
# The disk fails while the torn line is taken back, as a broken one does.
def fail(_fd, _size):
    raise OSError(5, "EIO")
os.ftruncate = fail
resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
spool.record(spool.now_ms(), "b" * 400)
assert spool.unwritten == 1 and spool.sync_failures == 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.close()
"""


def test_a_torn_line_that_can_not_be_taken_back_harms_no_other(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TORN, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "0000000001.tsv").read_text(encoding="ascii").splitlines()
    facts = [
        line.split("\t")[2] for line in lines if line.count("\t") == 2 and len(line.split("\t")[2]) == 400
    ]
    assert [one[0] for one in facts] == ["a", "b"]


def test_a_segment_that_can_not_grow_is_closed_so_that_shipping_makes_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    try:
        spool._unwritten.append(b"x")
        spool._stuck_since = 1.0
        assert spool._is_stuck(10.0)
        assert not spool._is_stuck(10.5)
    finally:
        spool._unwritten.clear()
        spool.close()


def test_a_position_that_the_disk_does_not_take_is_kept_in_memory(tmp_path: Path) -> None:
    folder = tmp_path / "edge"
    ship._keep_position(folder, Position(3, 40))
    assert ship._read_position(folder) == Position(3, 40)
    folder.mkdir()
    ship._keep_position(folder, Position(3, 50))
    assert ship._unwritten == {}
    assert ship._read_position(folder) == Position(3, 50)


@pytest.mark.slow
def test_a_database_without_room_is_refused_with_nothing_half_and_comes_back() -> None:
    if os.getuid() != 0:
        pytest.skip("a small disk for PostgreSQL needs root")
    with tempfile.TemporaryDirectory(prefix="aan-s") as name:
        # Short, for the socket's path, and open to the account that runs the server.
        folder = Path(name)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m,mode=777", "none", name], check=True)
        try:
            folder.chmod(0o777)
            with Postgres.throwaway(near=folder) as postgres:
                assert postgres.folder.is_relative_to(folder)
                fill(postgres, folder)
        finally:
            subprocess.run(["umount", "-l", name], check=True)


def fill(postgres: Postgres, folder: Path) -> None:
    """Write transactions of two statements until there is no room; then there is, and each is whole or not there."""
    db.init(postgres.url("bootstrap"))
    with db.transaction() as session:
        session.execute(sa.text("CREATE TABLE books (id bigint PRIMARY KEY, other text NOT NULL)"))
    filler, written = folder / "filler", 0
    refused: Exception | None = None
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(65536))
            file.flush()
    insert = sa.text("INSERT INTO books SELECT :first + n, repeat('x', 500) FROM generate_series(0, 499) n")
    for number in range(400):
        try:
            with db.transaction() as session:
                session.execute(insert, {"first": 1000 * number})
                session.execute(insert, {"first": 1000 * number + 500})
            written += 1
        except sa.exc.OperationalError as error:
            refused = error
            break
    assert refused is not None
    assert web.name_error(refused).status == 503
    filler.unlink()
    rows: int | None = None
    for _ in range(60):
        try:
            with db.session() as session:
                rows = session.execute(sa.text("SELECT count(*) FROM books")).scalar_one()
                break
        except sa.exc.OperationalError:
            time.sleep(0.5)
    # A commit whose answer was lost may stand; half of one never.
    assert rows in (1000 * written, 1000 * (written + 1)), (rows, written, refused)
    with db.transaction() as session:
        session.execute(sa.text("INSERT INTO books VALUES (987654321, 'y')"))
    db.close()
