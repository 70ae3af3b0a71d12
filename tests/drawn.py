"""How much of a large space a test takes: the fast tests a part that is drawn anew each run, `--all` the whole.

What was drawn can be drawn again: the seed stands in the output of a test that failed, and SAMPLE_SEED=n sets it.
"""

from __future__ import annotations

import os
import random
from typing import Any

from hypothesis import settings

# Of every five examples that hypothesis would try, the fast tests try so many; it draws others in each run.
_OF_FIVE = [5]


def be_fast() -> None:
    """Try fewer examples from here on."""
    _OF_FIVE[0] = 2
    settings.register_profile("fast", settings.get_profile("aanrader"), max_examples=_fewer(100))
    settings.load_profile("fast")


def is_fast() -> bool:
    """Tell whether the tests must be fast."""
    return _OF_FIVE[0] < 5


def _fewer(most: int) -> int:
    return -(-most * _OF_FIVE[0] // 5)


def examples(most: int, **more: Any) -> settings:
    """Return hypothesis' settings for that many examples, fewer where the tests must be fast."""
    return settings(max_examples=_fewer(most), **more)


def chance() -> random.Random:
    """Return a source of chance whose seed is printed."""
    drawn = random.SystemRandom().randrange(2**32)
    # Whether a change lands depends on the change and not on the draw; everybody else draws anew.
    seed = int(os.environ.get("SAMPLE_SEED") or (1 if os.environ.get("CI") == "true" else drawn))
    print(f"SAMPLE_SEED={seed}")
    return random.Random(seed)
