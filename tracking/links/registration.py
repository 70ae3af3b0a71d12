"""What links hang up: their routes, and the links that buttons of advice pages lead by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tracking.links import advice, api, api_codes, api_partnerships, views, views_joining, views_sheet


def register() -> None:
    """Let advice pages have links of their products. Safe to call twice."""
    advice.register()


def blueprints() -> Iterable[Any]:
    """Return the routes of links, codes and the acceptance of partnerships."""
    return (
        api.blueprint,
        api_codes.blueprint,
        api_partnerships.blueprint,
        views.blueprint,
        views_sheet.blueprint,
        views_joining.blueprint,
    )
