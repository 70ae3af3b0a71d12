"""Packs pages on their way out, so that a page costs its reader few bytes and its length tells a stranger nothing.

A packed page whose length a stranger can watch, while they choose a part of its words, tells them guess by guess what
else stands in it (BREACH, Gluck, Harris and Prado 2013). docs/decisions/0047 tells what stands against that here.
"""

from __future__ import annotations

import gzip
import io
import secrets

import flask

# Fewer bytes fit into one packet anyway.
SMALLEST = 1_000
LEVEL = 6
# A name of up to so many letters stands in the header of each packed page, so that lengths say less (Heal the BREACH,
# Palacios, Fernandez Saavedra and others 2022; Django's GZipMiddleware has the same).
MOST_PADDING = 100


def pack(response: flask.Response) -> flask.Response:
    """Return an answer, packed when it is a page, the browser takes that, and it is safe."""
    request = flask.request
    if (
        response.mimetype == "text/html"
        and "gzip" in request.headers.get("Accept-Encoding", "")
        and "Content-Encoding" not in response.headers
        and not response.is_streamed
        and _is_safe(request)
        and len(body := response.get_data()) >= SMALLEST
    ):
        response.set_data(packed(body))
        response.headers["Content-Encoding"] = "gzip"
        response.headers.add("Vary", "Accept-Encoding")
    return response


def packed(body: bytes) -> bytes:
    """Return bytes as gzip, longer by a number of bytes that nobody can foretell."""
    out = io.BytesIO()
    name = "a" * secrets.randbelow(MOST_PADDING + 1)
    with gzip.GzipFile(filename=name, mode="wb", compresslevel=LEVEL, fileobj=out, mtime=0) as file:
        file.write(body)
    return out.getvalue()


def _is_safe(request: flask.Request) -> bool:
    """Tell whether the answer holds no secret that a stranger could ask for again and again.

    Secrets that are shown once (keys, seeds, recovery codes) are answers to forms, and those stay as they are; the
    token of forms is masked anew on each page. What a browser sends for another site is answered unpacked.
    """
    if not request.cookies and "Authorization" not in request.headers:
        return True
    own = request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")
    return own and request.method in ("GET", "HEAD")
