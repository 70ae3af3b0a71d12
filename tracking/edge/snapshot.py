"""A copy of the link table and the clock beside the segments, for a start while PostgreSQL is away."""

import json
from pathlib import Path

from tracking.links.table import LinkRow
from tracking.touches.segments import replace_file

_NAME = "links.json"
_FORMAT = 1


def save(folder: Path, rows: list[LinkRow], offset_ms: int) -> None:
    """Write the copy, whole or not at all."""
    text = json.dumps({"format": _FORMAT, "offset_ms": offset_ms, "rows": rows}, separators=(",", ":"))
    replace_file(folder / _NAME, text)


def load(folder: Path) -> tuple[list[LinkRow], int] | None:
    """Return the rows and the clock's offset in milliseconds, or None when there is no usable copy."""
    try:
        found = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        if found["format"] != _FORMAT:
            return None
        rows = [LinkRow(*row)._replace(hosts=tuple(row[-1])) for row in found["rows"]]
        return rows, int(found["offset_ms"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
