"""The files of pictures: public, never changing, and nothing but pixels for whoever opens one by itself."""

from __future__ import annotations

import uuid

import flask

from marketplace.core.errors import NotFound
from marketplace.core.policy import policy
from marketplace.pictures import reading

blueprint = flask.Blueprint("picture_files", __name__)
# An address shows one picture for ever or nothing: another picture of the same product has another address.
_KEPT = "public, max-age=31536000, immutable"


@blueprint.get("/pictures/<uuid:picture_id>/<int:width>.webp")
@policy("pictures", "see")
def file(picture_id: uuid.UUID, width: int) -> flask.Response:
    """Send a picture in one of its widths; the same to everybody."""
    webp = reading.file(picture_id, width)
    if webp is None:
        raise NotFound("picture", picture_id)
    response = flask.Response(webp, mimetype="image/webp")
    response.headers["Cache-Control"] = _KEPT
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.set_etag(f"{picture_id}-{width}")
    response.make_conditional(flask.request)
    return response
