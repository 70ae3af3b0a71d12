"""kill -9 anywhere: no acknowledged click is lost, and none is counted twice."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from marketplace.core.config import Settings
from tests.conftest import Database
from tests.integration.tracking.edge.edge_process import ROOT, EdgeProcess
from tests.integration.tracking.world import World
from tracking.touches import shipper, tokens


def clicks_in(locations: list[str], settings: Settings) -> set[str]:
    texts = (location.partition("aan=")[2] for location in locations)
    return {tokens.read(settings.token_keys, text).click_id.hex for text in texts}


@pytest.mark.parametrize("durability", ["process", pytest.param("disk", marks=pytest.mark.slow)])
def test_killed_edges_lose_no_acknowledged_click(
    database: Database, settings: Settings, tmp_path: Path, durability: str
) -> None:
    world = World(database)
    path = world.offer_link.path
    settings = dataclasses.replace(settings, database_url=database.url("edge"))
    edge = EdgeProcess(settings, tmp_path / "edge.log", {"AANRADER_EDGE_DURABILITY": durability})
    answered: list[str] = []
    with contextlib.closing(shipper.connect(database.url("worker"))) as connection:
        for life in range(3):
            edge.start()
            assert edge.health()["slot"] == "edge"
            threads = [
                threading.Thread(
                    target=edge.click_until_it_dies, args=(path, answered, f"198.51.{life}.{100 + n}")
                )
                for n in range(4)
            ]
            for thread in threads:
                thread.start()
            time.sleep(0.7)
            shipper.ship_all(connection, Path(settings.segments_dir))
            time.sleep(0.3)
            edge.kill()
            for thread in threads:
                thread.join()
        shipper.ship_all(connection, Path(settings.segments_dir))
        # Whatever was read already is read once more, as after a crash of the shipper.
        for folder in Path(settings.segments_dir).iterdir():
            (folder / "shipped.json").unlink()
        shipper.ship_all(connection, Path(settings.segments_dir))
        stored = {click.hex for (click,) in connection.execute("SELECT click_id FROM click").fetchall()}
        rows = connection.execute("SELECT count(*) FROM click").fetchone()
        raw = connection.execute("SELECT sum(clicks) FROM click_tally WHERE name = 'raw'").fetchone()
        unique = connection.execute("SELECT sum(clicks) FROM click_tally WHERE name = 'unique'").fetchone()
    acknowledged = clicks_in(answered, settings)
    assert len(acknowledged) == len(answered) > 100
    assert acknowledged <= stored
    # An answer that was on its way when the edge died may be stored and not acknowledged: one per connection.
    assert len(stored - acknowledged) <= 3 * 4
    assert rows == (len(stored),) and raw is not None and raw[0] == len(stored)
    assert unique == (3,)


def test_a_killed_shipper_loses_and_doubles_nothing(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    world = World(database)
    settings = dataclasses.replace(settings, database_url=database.url("edge"))
    edge = EdgeProcess(settings, tmp_path / "edge.log")
    answered: list[str] = []
    edge.start()
    clicking = threading.Thread(
        target=edge.click_until_it_dies, args=(world.offer_link.path, answered, "198.51.100.1")
    )
    clicking.start()
    environment = {
        "PATH": os.environ["PATH"],
        "AANRADER_MODE": "test",
        "DATABASE_URL": database.url("worker"),
        "AANRADER_SEGMENTS_DIR": settings.segments_dir,
    }
    code = "import sys; from tracking.touches import shipper; sys.exit(shipper.run([]))"
    for pause in (0.8, 1.0, 1.1):
        with (tmp_path / "shipper.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", code], env=environment, cwd=ROOT, stdout=log, stderr=log
            )
        time.sleep(pause)
        process.kill()
        process.wait(20)
    edge.kill(signal.SIGTERM)
    clicking.join()
    with contextlib.closing(shipper.connect(database.url("worker"))) as connection:
        shipper.ship_all(connection, Path(settings.segments_dir))
        stored = [click.hex for (click,) in connection.execute("SELECT click_id FROM click").fetchall()]
        raw = connection.execute("SELECT sum(clicks) FROM click_tally WHERE name = 'raw'").fetchone()
    acknowledged = clicks_in(answered, settings)
    assert acknowledged <= set(stored) and len(stored) == len(set(stored))
    assert raw is not None and raw[0] == len(stored) > 50


_FULL_DISK = """
import resource, signal, sys, time
from pathlib import Path
from tracking.edge.spool import Spool
folder = Path(sys.argv[1])
spool = Spool(folder)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool.record(spool.now_ms(), "a" * 400)
resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
for number in range(10):
    spool.record(spool.now_ms(), str(number) * 400)
assert spool.unwritten > 0 and spool.clicks == 11, (spool.unwritten, spool.clicks)
size = (folder / "0000000001.tsv").stat().st_size
assert (folder / "0000000001.tsv").read_bytes()[-1:] == b"\\n"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
deadline = time.monotonic() + 10
while spool.unwritten and time.monotonic() < deadline:
    time.sleep(0.01)
spool.close()
assert spool.lost == 0 and spool.unwritten == 0
"""


def test_a_full_disk_keeps_lines_in_memory_until_there_is_room(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [
        line for line in (tmp_path / "0000000001.tsv").read_text().splitlines() if "heartbeat" not in line
    ]
    assert [line.split("\t")[2][:1] for line in lines] == ["a", *"0123456789"]
    times = [int(line.split("\t")[1]) for line in lines]
    assert times == sorted(times)
