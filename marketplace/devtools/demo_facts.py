"""What a running demo says of itself: the content of demo.json."""

import json
from typing import Any

from marketplace.devtools import orphans
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.state import World


def facts_of_running_demo() -> dict[str, Any]:
    """Return the content of demo.json. Raises DevtoolsError when no demo is running."""
    world = World.demo()
    if not world.demo_json.exists() or orphans.running_supervisor(world) is None:
        raise DevtoolsError("no demo is running; start it with: ./dev demo")
    facts: dict[str, Any] = json.loads(world.demo_json.read_text(encoding="utf-8"))
    return facts
