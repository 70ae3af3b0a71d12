"""Applications that tests share: building one costs more than most tests, and it keeps nothing of a test but its settings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import flask
import jinja2
from jinja2.bccache import Bucket

from marketplace.core import config, web

_made: dict[tuple[object, ...], flask.Flask] = {}


def application(blueprints: Iterable[flask.Blueprint], given: config.Settings | None = None) -> flask.Flask:
    """Return the application of these blueprints under given settings, else those of now.

    Equal blueprints give the same application, so it serves one test at a time: who keeps one longer, as the
    standing worlds do, builds its own.
    """
    settings, wanted = given or config.current(), tuple(blueprints)
    # Everything else that an application keeps of its settings is set anew below.
    key = (*wanted, *settings.trusted_hosts, settings.base_url, settings.trusted_proxies)
    if key not in _made:
        _made[key] = web.create_app(settings, wanted)
    app = _made[key]
    app.config.update(
        SECRET_KEY=settings.secret_key, SECRET_KEY_FALLBACKS=list(settings.secret_key_fallbacks)
    )
    app.extensions["settings"] = settings
    return app


class Compiled(jinja2.BytecodeCache):
    """Templates that this process has compiled; every application would compile them again."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give what was compiled of the same source."""
        if code := self._code.get(self._key(bucket)):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._code[self._key(bucket)] = bucket.bytecode_to_string()

    @staticmethod
    def _key(bucket: Bucket) -> str:
        return hashlib.sha256(f"{bucket.key} {bucket.checksum}".encode()).hexdigest()
