"""Answers whose time tells nothing: they wait for the next tenth of a second, whatever had to be done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from marketplace.core import config

STEP = 0.1
# Tests sign hundreds of people up; the length of a step is the only thing about it that is shorter for them.
STEP_OF_TESTS = 0.005


@contextmanager
def evenly() -> Iterator[None]:
    """Run the block and then wait until a whole number of steps (a tenth of a second) has passed since it began.

    A known address costs a few statements more than an unknown one; whoever measures answers sees steps instead.
    The wait comes after the block, so it holds no transaction when the block closed its own.
    """
    step = STEP_OF_TESTS if config.current().mode == "test" else STEP
    began = time.monotonic()
    try:
        yield
    finally:
        taken = time.monotonic() - began
        time.sleep(step - taken % step)
