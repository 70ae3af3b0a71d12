"""`python -m marketplace.devtools.world.advice.now DEMO_JSON [WEB]`: play all written words in a running demo, once.

For demos that were played before there were any: DEMO_JSON is the demo's file, WEB another address of its product.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.talk import Caller
from marketplace.devtools.world.advice.ground import of_demo
from marketplace.devtools.world.advice.playing import Writing
from marketplace.devtools.world.plan import plan


def main(argv: list[str]) -> int:
    """Play everything at once, whatever its day. Raises DevtoolsError when there is advice already."""
    demo = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    if len(argv) > 1:
        demo["web"] = argv[1]
    if Caller(demo["web"]).get("advice-pages", limit=1)["items"]:
        raise DevtoolsError("there is advice in this demo already")
    with contextlib.closing(Writing(of_demo(demo), plan())) as writing:
        writing.rest()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
