"""Played in a process of its own with a small disk: an edge and a shipper whose folder takes no more, then does again.

Arguments: folder, address of the edge's role, address of the worker's, path of a link. Prints one JSON line.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from marketplace.core import logs
from marketplace.core.config import Settings
from tests.integration.tracking.edge.conftest import Caller
from tracking.touches import segments, shipper


def main(folder: Path, edge_url: str, worker_url: str, path: str) -> dict[str, Any]:
    """Fill the disk with clicks, look at the alarms, ship, make room, and ship the rest."""
    logs.configure()
    settings = Settings(
        mode="test",
        database_url=edge_url,
        secret_key=secrets.token_hex(32),
        token_keys=((1, secrets.token_bytes(32)),),
        segments_dir=str(folder),
        base_url="http://localhost",
        edge_url="http://localhost",
    )
    filler = folder / "filler"
    click = Caller(settings)
    spool, statuses, clicks = click.edge.spool, set(), 0
    for _ in range(200):
        statuses.add(click(path)[0])
        clicks += 1
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    deadline = time.monotonic() + 60
    while spool.unwritten < 200:
        statuses.add(click(path)[0])
        clicks += 1
        assert time.monotonic() < deadline, (spool.unwritten, clicks)
    time.sleep(0.3)
    found: dict[str, Any] = {
        "statuses": sorted(statuses),
        "alarm": segments.alarms(folder)["unwritten"] > 0,
        "health": click.edge.health()["alarms"]["unwritten"] > 0,
        "whole_lines": all(
            segments.is_line(line)
            for number in segments.segment_numbers(click.edge.slot.folder)
            for line in segments.segment_path(click.edge.slot.folder, number).read_bytes().splitlines()
        ),
    }
    with contextlib.closing(shipper.connect(worker_url)) as connection:
        # The disk is still full: what was written before is shipped all the same.
        found["shipped_while_full"] = shipper.ship_all(connection, folder).clicks
        # The edge closes the segment that can't grow, the shipper removes it, and that alone makes some room.
        while spool.unwritten and time.monotonic() < deadline:
            statuses.add(click(path)[0])
            clicks += 1
            shipper.ship_all(connection, folder)
            time.sleep(0.1)
            if time.monotonic() > deadline - 45:
                filler.unlink(missing_ok=True)
        found["room_by_shipping"] = filler.exists()
        filler.unlink(missing_ok=True)
        while spool.unwritten and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
        found |= {
            "unwritten": spool.unwritten,
            "lost": spool.lost,
            "alarm_after": segments.alarms(folder)["unwritten"],
        }
        click.edge.close()
        shipper.ship_all(connection, folder)
        shipper.ship_all(connection, folder)
        row = connection.execute("SELECT count(*), count(DISTINCT click_id) FROM click").fetchone()
    assert row is not None
    return found | {"statuses": sorted(statuses), "clicks": clicks, "stored": row[0], "distinct": row[1]}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), *sys.argv[2:5])))
