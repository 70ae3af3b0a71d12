"""Icons of the sprite, as they stand in pages."""

from __future__ import annotations

from functools import lru_cache

import flask
from markupsafe import Markup

from marketplace.core import assets

SPRITE = "vendor/lucide-1.62.0/sprite.svg"
ICON = Markup(
    '<svg class="i{cls}" aria-hidden="true" focusable="false"><use href="{href}#{name}"></use></svg>'
)


def icon(name: str, extra: str = "") -> Markup:
    """Return an icon of the sprite, hidden from screen readers: the words beside it say it."""
    return _drawn(name, extra, _sprite())


@lru_cache(maxsize=512)
def _drawn(name: str, extra: str, sprite: str) -> Markup:
    return ICON.format(cls=f" {extra}" if extra else "", href=sprite, name=name)


def _sprite() -> str:
    """Return the address of the sprite, looked up once a request: a list has an icon in each of its rows."""
    if not flask.has_app_context():
        return assets.address(SPRITE)
    if "sprite" not in flask.g:
        flask.g.sprite = assets.address(SPRITE)
    found: str = flask.g.sprite
    return found
