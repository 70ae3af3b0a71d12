"""Edges that start from the copy of the link table, as they do when PostgreSQL is away."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from marketplace.core.config import Settings
from tracking.edge import snapshot
from tracking.edge.app import Edge, create_edge
from tracking.links.table import LinkRow
from tracking.touches.segments import COLUMNS, segment_numbers, segment_path

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
AWAY = "postgresql+psycopg://nobody@/none?host=/nonexistent"


def link_row(path: str = "/t/abc12345", **changes: Any) -> LinkRow:
    """Return a row of the link table, live and to a verified domain unless changed."""
    row = LinkRow(
        path=path,
        link_id=uuid.uuid5(uuid.NAMESPACE_URL, path).hex,
        shop_id=uuid.uuid5(uuid.NAMESPACE_DNS, "shop").hex,
        adviser_id=uuid.uuid4().hex,
        offer_id=uuid.uuid4().hex,
        kind="link",
        target_url="https://shop.example/p?x=1#part",
        consent_mode="none",
        standing="live",
        hosts=("shop.example",),
    )
    return row._replace(**changes)


class Caller:
    """Clicks on an edge in this process through WSGI, and reads what it wrote."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_edge(settings)
        self.edge: Edge = self.app.extensions["edge"]

    def __call__(
        self, path: str = "/t/abc12345", method: str = "GET", query: str = "", **headers: str
    ) -> tuple[str, dict[str, str]]:
        environ: dict[str, Any] = {
            "PATH_INFO": path,
            "REQUEST_METHOD": method,
            "QUERY_STRING": query,
            "REMOTE_ADDR": "192.0.2.1",
            "HTTP_USER_AGENT": BROWSER,
            "SERVER_NAME": "edge",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
        }
        environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        if "remote_addr" in headers:
            environ["REMOTE_ADDR"] = headers["remote_addr"]
        answer: list[Any] = []
        body = self.app(environ, lambda status, head, *_: answer.extend((status, head)))
        self.body = b"".join(body)
        assert len({name for name, _ in answer[1]}) == len(answer[1])
        return answer[0][:3], dict(answer[1])

    def lines(self) -> list[dict[str, str]]:
        """Return the click lines written so far."""
        folder = self.edge.slot.folder
        text = b"".join(segment_path(folder, number).read_bytes() for number in segment_numbers(folder))
        rows = [
            dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in text.decode("ascii").splitlines()
        ]
        return [row for row in rows if row["verdict"] != "heartbeat"]


@pytest.fixture
def edges(settings: Settings) -> Iterator[Callable[..., Caller]]:
    """Return a function that starts an edge with the link rows given; all are stopped at the end."""
    started: list[Caller] = []

    def start(*rows: LinkRow, offset_ms: int = 0, **changes: Any) -> Caller:
        made = dataclasses.replace(settings, database_url=AWAY, **changes)
        folder = Path(made.segments_dir) / made.edge_slot
        folder.mkdir(parents=True, exist_ok=True)
        snapshot.save(folder, list(rows or [link_row()]), offset_ms)
        caller = Caller(made)
        started.append(caller)
        return caller

    yield start
    for caller in started:
        caller.edge.close()
