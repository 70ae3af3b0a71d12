"""What pictures hang on the rest of the application."""

from __future__ import annotations

from typing import Any

from marketplace.core import hooks
from marketplace.pictures import checks, turns, views_portrait


def register() -> None:
    """Register sweeps and the promise; safe to call twice. No lag: see turns."""
    turns.register()
    views_portrait.register()
    hooks.invariant("pictures_have_files", "pictures", checks.have_files)


def blueprints() -> list[Any]:
    """Return the routes of pictures."""
    from marketplace.pictures import api, views

    return [api.blueprint, views.blueprint, views_portrait.blueprint]
