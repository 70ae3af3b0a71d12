"""The top of the house and the only module that knows every room.

`granian wsgi:app` serves the product, `granian wsgi:edge` the redirects alone. Importing this opens nothing: the
applications are built when a server first asks for them.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from marketplace.core import config, hooks, logs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Bottom up: a room may only use what stands before it.
ROOMS = (
    "marketplace.core",
    "marketplace.accounts",
    "marketplace.stores",
    "marketplace.catalogue",
    "marketplace.pictures",
    "marketplace.offers",
    "marketplace.advice",
    "marketplace.community",
    "marketplace.front",
    "tracking.links",
    "tracking.touches",
    "tracking.orders",
    "tracking.attribution",
    "tracking.commissions",
    "tracking.disputes",
    "tracking.claims",
    "payouts.ledger",
    "payouts.funding",
    "payouts.accrual",
    "payouts.settlement",
    "payouts.runs",
    "payouts.statements",
    "payouts.reconciliation",
    "payouts.receipts",
    "payouts.finance",
    "payouts.administration",
    "payouts.earnings",
    "payouts.shopkeeping",
    "payouts.finding",
)
EDGE_PREFIXES = ("/t/", "/o/", "/_edge/")


def _rooms() -> Iterable[Any]:
    for room in ROOMS:
        yield importlib.import_module(f"{room}.registration")


def register(command: str | None = None) -> None:
    """Let every room register its jobs, sweeps, invariants, commands and lags. Safe to call twice.

    command: the only thing that will be run; rooms above the one that has it stay unloaded unless it needs them.
    """
    for room in _rooms():
        room.register()
        if command in hooks.commands and command not in hooks.commands_of_every_room:
            return


def blueprints() -> Iterable[Any]:
    """Return the blueprints of every room, bottom up."""
    for room in _rooms():
        yield from room.blueprints()


def build_app(settings: config.Settings) -> WSGIApplication:
    """Build the product: the web application, with the edge in front of it for redirects."""
    # Loaded here, because an edge of its own needs neither and starts in half the time without them.
    from marketplace.core import db, web

    db.init(settings.database_url, pool_size=8, clock_moves=settings.clock_moves)
    db.refuse_powerful_start()
    register()
    return switch(web.create_app(settings, blueprints()).wsgi_app, build_edge(settings))


def build_edge(settings: config.Settings) -> WSGIApplication:
    """Build the redirect application alone."""
    edge: WSGIApplication = importlib.import_module("tracking.edge.app").create_edge(settings)
    return edge


def switch(product: WSGIApplication, redirects: WSGIApplication) -> WSGIApplication:
    """Return an application that sends tracked links to the edge before anything of the product runs."""

    def dispatch(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        return (redirects if path.startswith(EDGE_PREFIXES) else product)(environ, start_response)

    return dispatch


def __getattr__(name: str) -> Any:
    builders = {"app": build_app, "edge": build_edge}
    if name not in builders:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    logs.configure()
    application = globals()[name] = builders[name](config.current())
    return application
