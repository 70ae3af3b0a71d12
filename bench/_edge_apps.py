"""The applications that the edge bench serves: our edge, and the same job written as a plain Flask route."""

import sys
import uuid
from pathlib import Path
from typing import Any

import flask

from marketplace.core import config
from tracking.edge import snapshot
from tracking.edge.app import Edge, create_edge
from tracking.edge.screening import Agents, is_prefetch, placement, referrer_host
from tracking.links.table import LinkRow
from tracking.touches import tokens
from tracking.touches.pseudonyms import DAY_MS, client_address, day_key, namer, network

LINKS = 1000


def code(number: int) -> str:
    """Return the code of one of the bench's links."""
    return f"bench{number:03d}"


def write_links(folder: Path) -> None:
    """Put the bench's link table where an edge without PostgreSQL finds it."""
    rows = [
        LinkRow(
            path=f"/t/{code(number)}",
            link_id=uuid.UUID(int=number).hex,
            shop_id=uuid.UUID(int=1).hex,
            adviser_id=uuid.UUID(int=number).hex,
            offer_id=uuid.UUID(int=1).hex,
            kind="link",
            target_url=f"https://shop.example/products/{number}?ref=x",
            consent_mode="none",
            standing="live",
            hosts=("shop.example",),
        )
        for number in range(LINKS)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    snapshot.save(folder, rows, 0)


def ours() -> flask.Flask:
    """Return the edge as it is served in production."""
    return create_edge(config.load())


def plain() -> flask.Flask:
    """Return a Flask application whose one route does what the edge's redirect does, with the same parts."""
    settings = config.load()
    edge = Edge(settings)
    app = flask.Flask("plain", static_folder=None)
    app.secret_key = settings.secret_key
    agents = Agents()
    number, key = settings.token_keys[0]
    mac = tokens.signer(key)
    name = namer(day_key(settings.secret_key, edge.spool.now_ms() // DAY_MS))

    def track(word: str) -> Any:
        request = flask.request
        before, after, link, standing, _, _, target = edge.directory.entries[f"/t/{word}"]
        agent = request.headers.get("User-Agent", "")
        is_bot, family = agents.known.get(agent) or agents.learn(agent)
        ms = edge.spool.now_ms()
        who = name(network(client_address(request.environ)), agent)
        verdict = "qualified"
        if request.method == "HEAD":
            verdict = "head"
        elif is_bot:
            verdict = "bot"
        elif is_prefetch(request.environ):
            verdict = "prefetch"
        elif request.headers.get("Sec-Fetch-Dest", "document") != "document":
            verdict = "not_document"
        elif standing:
            verdict = standing
        page = placement(request.query_string.decode("latin-1"))
        host = referrer_host(request.headers.get("Referer", ""))
        click = edge.spool.record(ms, f"{link}\t{verdict}\t{who}\t\\N\t{page}\t{host}\t{family}")
        body = f"1{number:02x}{link}{click}{click[:12]}"
        answer = flask.redirect(target if standing else f"{before}{body}{mac(body)}{after}")
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
        return answer

    app.add_url_rule("/t/<word>", "track", track)
    return app


if __name__ == "__main__":
    import bjoern

    bjoern.run(ours(), "127.0.0.1", int(sys.argv[1]))
