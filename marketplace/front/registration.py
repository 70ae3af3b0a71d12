"""What this room hangs up: its pages."""

from __future__ import annotations

import flask

from marketplace.front import views


def register() -> None:
    """Nothing runs in the background here."""


def blueprints() -> tuple[flask.Blueprint, ...]:
    """Return the pages of this room."""
    return (views.blueprint,)
