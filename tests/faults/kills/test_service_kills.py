"""Web, edge, worker, shipper, sandbox and PostgreSQL may die at any moment, in the middle of a payout run too."""

from __future__ import annotations

import gc
import os
import random
from typing import Any

import pytest

from bench._kill_services import kill_services

# The callers of the workshop leave their connections to the end of the process.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

KILLS = 24


def test_services_killed_under_load_and_during_runs_lose_nothing_and_pay_nobody_twice() -> None:
    told: dict[str, dict[str, Any]] = {}

    def tell(figure: str, **facts: Any) -> None:
        print(figure, facts)
        told[figure] = facts

    seed = int(os.environ.get("KILLS_SEED", random.randrange(2**32)))
    print(f"seed {seed}")
    wrong = kill_services(KILLS, seed, tell)
    # Here, where the warnings about connections are not heeded.
    gc.collect()
    assert wrong == []
    total = told["services_total"]
    assert total["kills"] == KILLS
    assert total["during_payout"] > 0
    assert total["transfers"] > 0
