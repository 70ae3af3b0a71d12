"""The product as a WSGI application that says in a header how many statements each answer took."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

import wsgi
from marketplace.core import config, db

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_counted = threading.local()


def _count(_connection: Any, _cursor: Any, _statement: str, *_rest: Any) -> None:
    _counted.statements = getattr(_counted, "statements", 0) + 1


def counting(product: Any) -> Any:
    """Return an application that counts statements from the first to the last byte's making."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _counted.statements = 0

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, ("X-Statements", str(_counted.statements))], *more)

        return product(environ, start)  # type: ignore[no-any-return]

    return answer


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(name)
    product = wsgi.build_app(config.current())
    sa.event.listen(db.engine(), "before_cursor_execute", _count)
    application = globals()["app"] = counting(product)
    return application
