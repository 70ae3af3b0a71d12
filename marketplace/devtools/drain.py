"""`./dev drain`: wake everything and wait until nothing is due at business now."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from typing import Any

from marketplace.devtools import business_time
from marketplace.devtools.demo_facts import facts_of_running_demo
from marketplace.devtools.talk import Caller

# Facts in the answer that are not work.
_NOT_WORK = frozenset({"business_now", "edges"})
_WAKE_SECONDS, _LOOK_SECONDS, _LONGEST_SECONDS = 1.0, 0.04, 0.25


def due(facts: Mapping[str, Any], *, only_first: bool = False) -> dict[str, Any]:
    """Return what is due at business now and not done; empty when everything is. only_first: at most one such thing."""
    lag = Caller(facts["web"]).get("/_dev/lag", **({"any": "1"} if only_first else {}))
    return {name: figure for name, figure in lag.items() if name not in _NOT_WORK and figure}


def drain(facts: Mapping[str, Any], timeout: float = 60.0, *, is_awake: bool = False) -> dict[str, Any]:
    """Wake everything until nothing is due twice in a row, and return what is still due at the end of `timeout` s.

    Twice, because one thing done makes the next one due: a payout makes a webhook, a webhook makes an entry.
    is_awake: everything was woken a moment ago, as moving the clock does.
    """
    deadline = time.monotonic() + timeout
    if not is_awake:
        business_time.wake(facts)
    woken_at = time.monotonic()
    quiet, looks = 0, 0
    while True:
        left = due(facts, only_first=True)
        quiet, looks = (0, looks + 1) if left else (quiet + 1, 0)
        if quiet == 2:
            return {}
        if time.monotonic() > deadline:
            return due(facts)
        # Looking costs as much as a little work does, so whoever has to wait longer looks less often.
        time.sleep(min(_LOOK_SECONDS * 1.5 ** min(looks, 10), _LONGEST_SECONDS))
        # A wake-up goes round all sweeps until they find nothing, so another one during that only costs time.
        if time.monotonic() - woken_at > _WAKE_SECONDS:
            business_time.wake(facts)
            woken_at = time.monotonic()


def run(args: argparse.Namespace) -> int:
    """Drain the running demo (args.timeout in seconds); 1 names what is left."""
    left = drain(facts_of_running_demo(), args.timeout)
    for name, figure in sorted(left.items()):
        print(f"still due: {name}: {figure}", file=sys.stderr)
    if not left:
        print("nothing is due")
    return 1 if left else 0
