"""Answers whose time tells nothing: they wait for the next tenth of a second, whatever had to be done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

STEP = 0.1


@contextmanager
def evenly() -> Iterator[None]:
    """Run the block and then wait until a whole number of tenths of a second has passed since it began.

    A known address costs a few statements more than an unknown one; whoever measures answers sees steps instead.
    The wait comes after the block, so it holds no transaction when the block closed its own.
    """
    began = time.monotonic()
    try:
        yield
    finally:
        taken = time.monotonic() - began
        time.sleep(STEP - taken % STEP)
