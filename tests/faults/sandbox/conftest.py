"""One sandbox process for all schedules of faults; each begins with an empty one and a fresh database."""

from __future__ import annotations

from tests.integration.payouts.settling import world
from tests.scenarios.conftest import shared_sandbox

__all__ = ["shared_sandbox", "world"]
