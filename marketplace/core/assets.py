"""What stands under /static: addressed by its hash so that browsers keep it for good, packed once, sent packed."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import os
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import flask

from marketplace.core.errors import NotFound

FOLDER = Path(__file__).resolve().parents[2] / "static"
PACKED = frozenset({".css", ".js", ".svg", ".webmanifest", ".txt"})
KEPT = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent: its bytes, packed when that helps, and the hash that stands in its address."""

    kind: str
    plain: bytes
    packed: bytes | None
    version: str


@cache
def _read(name: str, _stamp: int) -> Asset:
    file = FOLDER / name
    plain = file.read_bytes()
    packed = gzip.compress(plain, 9, mtime=0) if file.suffix in PACKED else None
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if file.suffix == ".woff2":
        kind = "font/woff2"
    return Asset(kind, plain, packed, hashlib.sha256(plain).hexdigest()[:12])


def find(name: str) -> Asset:
    """Return a file of ours by its name below static/. Raises NotFound for anything else."""
    try:
        # A page asks for five, and to resolve a path each time cost a third of a millisecond.
        stamp = os.stat(_place(name)).st_mtime_ns
    except OSError as error:
        raise NotFound("page", f"/static/{name}") from error
    return _read(name, stamp)


@lru_cache(maxsize=512)
def _place(name: str) -> str:
    file = (FOLDER / name).resolve()
    if not file.is_relative_to(FOLDER) or not file.is_file():
        raise NotFound("page", f"/static/{name}")
    return str(file)


def address(name: str) -> str:
    """Return the address of a file of ours, with the hash of what is in it."""
    return f"/static/{name}?v={find(name).version}"


def serve(filename: str) -> flask.Response:
    """Answer with a file of ours: for good when the address names what is in it, else looked at again."""
    asset = find(filename)
    takes_gzip = "gzip" in flask.request.headers.get("Accept-Encoding", "")
    body = asset.packed if asset.packed is not None and takes_gzip else asset.plain
    response = flask.Response(body, mimetype=asset.kind)
    if body is asset.packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = KEPT if flask.request.args.get("v") == asset.version else "no-cache"
    response.set_etag(asset.version)
    response.make_conditional(flask.request)
    return response
