"""Small JSON files that hold passwords: mode 0600 from the first byte, replaced as a whole."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_secret(path: Path, content: Any) -> None:
    """Write `content` as JSON to `path` with mode 0600; a reader sees the old file or the new one, never a half."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def read_secret(path: Path) -> dict[str, Any]:
    """Return what `write_secret` wrote; empty when there is no such file."""
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
