"""The edge as a Flask application: the redirect in front of Flask's own machinery, a health page behind it."""

import datetime as dt
from typing import Any

import flask

from marketplace.core import config
from marketplace.core.config import Settings
from marketplace.core.reachable import for_browsers
from tracking.edge import choice
from tracking.edge.consent import Visitors
from tracking.edge.directory import Directory
from tracking.edge.redirect import PREFIXES, Redirect
from tracking.edge.slot import Slot
from tracking.edge.spool import Spool
from tracking.touches.pseudonyms import visitor_key

_START_SECONDS = 2.0


class Edge:
    """The running parts of an edge in this process: slot, spool, directory, redirect."""

    def __init__(self, settings: Settings) -> None:
        """Take the slot, begin a segment, load the links.

        Raises SlotUnavailable when clicks could not be kept, SettingsError when they could not be signed.
        """
        config.refuse_without_keys(settings)
        self.slot = Slot(settings.segments_dir, settings.edge_slot)
        self.spool = Spool(self.slot.folder, disk=settings.edge_durability == "disk")
        self.directory = Directory(
            settings.database_url,
            self.slot.folder,
            self.spool,
            http_allowed=settings.http_targets_allowed,
            clock_moves=settings.clock_moves,
        )
        self.redirect = Redirect(
            self.spool,
            self.directory,
            Visitors(visitor_key(settings.secret_key), is_https=settings.edge_url.startswith("https:")),
            keys=settings.token_keys,
            secret=settings.secret_key,
            base_url=settings.base_url,
            proxies=settings.trusted_proxies,
        )
        self.directory.wait_until_ready(_START_SECONDS)

    def close(self) -> None:
        """Stop, with every line on disk and the slot free; safe to call twice."""
        self.directory.close()
        self.spool.close()
        self.slot.release()

    def health(self) -> dict[str, Any]:
        """Return how this edge is doing; every alarm is a count that is 0 on a good day."""
        spool, directory = self.spool, self.directory
        return {
            "slot": self.slot.name,
            "mark": _text(spool.last_ms),
            "business_now": _text(spool.now_ms()),
            "offset_seconds": spool.offset_ms // 1000,
            "clicks": spool.clicks,
            "unknown": self.redirect.unknown,
            "links": len(directory.entries),
            "table_version": directory.version,
            "table_source": directory.source,
            "postgres": directory.is_listening,
            "alarms": {
                "unwritten": spool.unwritten,
                "lost": spool.lost,
                "sync_failures": spool.sync_failures,
                "refused_targets": directory.refused,
            },
        }


def create_edge(settings: Settings) -> flask.Flask:
    """Return the redirector as an application of its own; its running parts are `app.extensions["edge"]`.

    Paths below /t/ and /o/ never reach Flask's request machinery: that costs ten times what the redirect does.
    """
    app = flask.Flask("tracking.edge", static_folder=None)
    edge = Edge(settings)
    app.extensions["edge"] = edge
    choice.add_to(app, settings)
    app.add_url_rule("/_edge/health", "health", lambda: flask.jsonify(edge.health()))
    behind, redirect = app.wsgi_app, for_browsers(edge.redirect, settings)

    def switch(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"][:3] in PREFIXES:
            return redirect(environ, start_response)
        return behind(environ, start_response)

    app.wsgi_app = switch  # type: ignore[method-assign]
    return app


def _text(ms: int) -> str:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
