"""What administration on screen hangs up: its pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def register() -> None:
    """Register nothing: these pages show and repeat what other rooms do."""


def blueprints() -> Iterable[Any]:
    """Return the pages of administration."""
    from payouts.administration import views_overview, views_webhooks, views_work

    return (views_overview.blueprint, views_work.blueprint, views_webhooks.blueprint)
