"""Failpoints: named places around every commit of money and every call to Stripe where a test may end the process.

Unarmed, which is always in production, reaching one costs a single look at a module's variable. A `point` is given as a
literal to `db.transaction`, `db.run_in_transaction` and to the calls of the gateway, the edge and the shipper; each
has two names, `<point>.before_...` and `<point>.after_...`. This module imports nothing of ours and reads nothing:
`core.config` arms it from AANRADER_FAILPOINT.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

ACTIONS = ("kill", "raise")


class Reached(BaseException):
    """The armed failpoint was reached and asked to raise; no ordinary handler may swallow it."""


class NotAFailpoint(ValueError):
    """The text that should arm a failpoint does not read NAME:kill, NAME:kill:NTH or NAME:raise."""


@dataclass(slots=True)
class _Armed:
    name: str
    action: str
    left: int


# What happens at a failpoint; None is the everyday case, and all that is looked at then.
_hook: Callable[[str], None] | None = None


def reach(point: str, moment: str) -> None:
    """Pass the failpoint `<point>.<moment>`; nothing happens unless it is armed. An empty point has no name."""
    if _hook is not None and point:
        _hook(f"{point}.{moment}")


def arm(text: str) -> None:
    """End this process with SIGKILL (or raise Reached) at a failpoint: NAME:kill, NAME:kill:NTH or NAME:raise[:NTH].

    NTH counts from 1 and means that the failpoint is passed NTH - 1 times first. Raises NotAFailpoint.
    """
    name, _, rest = text.partition(":")
    action, _, nth = rest.partition(":")
    if not name or action not in ACTIONS or not (nth or "1").isdigit() or int(nth or "1") < 1:
        raise NotAFailpoint(f"{text!r} does not read NAME:kill[:NTH] or NAME:raise[:NTH]")
    armed = _Armed(name, action, int(nth or "1"))

    def fire(reached: str) -> None:
        if reached != armed.name:
            return
        armed.left -= 1
        if armed.left == 0 and armed.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif armed.left == 0:
            raise Reached(reached)

    watch(fire)


def watch(hook: Callable[[str], None] | None) -> None:
    """Call `hook` with the name of every failpoint that is reached; None disarms."""
    global _hook
    _hook = hook
