"""Pictures over the API: an adviser sends one for a page or of themselves, lists and removes them."""

from __future__ import annotations

import uuid
from typing import Any

import flask
import marshmallow as ma

from marketplace.accounts import limits
from marketplace.core import db
from marketplace.core.auth import current_actor
from marketplace.core.errors import InvalidInput, UnsupportedMedia
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.schemas import flatten
from marketplace.core.web import ApiBlueprint, body_limit, request_now, takes_bytes
from marketplace.pictures import drawing, reading, schemas, service
from marketplace.pictures.models import Picture

blueprint = ApiBlueprint(
    "pictures", __name__, url_prefix="/api/v1/pictures", description="Pictures of pages and people."
)
_KINDS = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/svg+xml")
_BYTES = {"type": "string", "format": "binary"}
_FORM = {
    "type": "object",
    "required": ["file", "kind"],
    "properties": {"file": _BYTES, "kind": {"type": "string"}, "alt": {"type": "string"}},
}
_BODY = {
    "required": True,
    "description": "The picture itself, up to 10 MB; or a form with `file`, `kind` and `alt`.",
    "content": {kind: {"schema": _BYTES} for kind in (*_KINDS, "application/octet-stream")}
    | {"multipart/form-data": {"schema": _FORM}},
}
# What a form says beside the file.
_BESIDE = 20_000


@blueprint.route("", methods=["POST"])
@policy("pictures", "send")
@body_limit(drawing.MOST_BYTES + _BESIDE)
@takes_bytes
@blueprint.doc(requestBody=_BODY)
@blueprint.arguments(schemas.UploadQuery, location="query")
@blueprint.response(201, schemas.PictureView)
def send(query: dict[str, Any]) -> Any:
    """Send a picture for a page, or your portrait; it is drawn anew and kept without anything else that was in it."""
    actor = current_actor()
    limits.spend("picture.send", str(actor.adviser()))
    wish, data = _given(flask.request, query)
    errors = {}
    if wish["kind"] is None:
        errors["kind"] = ["Say page or portrait."]
    if wish["kind"] == "page" and not (wish["alt"] or "").strip():
        errors["alt"] = ["Say in words what the picture shows, for who can't see it."]
    if errors:
        raise InvalidInput(errors)
    drawn = drawing.draw(data)
    with db.transaction() as session:
        picture = service.take(session, actor, drawn, kind=wish["kind"], alt=wish["alt"], now=request_now())
    return _view(picture), 201, {"Location": reading.shown(picture).url_960}


def _given(request: flask.Request, query: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return what is wished and the bytes of the picture. Raises UnsupportedMedia, InvalidInput, PictureRefused."""
    packed = request.headers.get("Content-Encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise UnsupportedMedia(wanted="the picture unpacked", got=f"Content-Encoding: {packed[:40]}")
    if request.mimetype != "multipart/form-data":
        if request.mimetype not in ("", "application/octet-stream", *_KINDS):
            raise UnsupportedMedia(wanted="a picture", got=request.mimetype[:100])
        return query, request.get_data()
    if "form" not in request.__dict__:
        # Read whole before it is taken apart, with a place among those who wait for bodies.
        request.get_data(cache=True)
    given = {name: value for name, value in request.form.items() if name != "csrf_token"}
    try:
        wish: dict[str, Any] = query | schemas.UploadQuery().load(given)
    except ma.ValidationError as error:
        raise InvalidInput(flatten(error.normalized_messages())) from error  # type: ignore[no-untyped-call]
    sent = request.files.getlist("file")
    if len(sent) != 1 or len(request.files) != 1:
        raise InvalidInput({"file": ["Send one file."]})
    data = sent[0].read()
    service.refuse_name(sent[0].filename or "", data)
    return wish, data


@blueprint.get("")
@policy("pictures", "read")
@blueprint.arguments(schemas.PicturesQuery, location="query")
@blueprint.response(200, schemas.PicturePage)
def listed(query: dict[str, Any]) -> dict[str, Any]:
    """List the pictures that you sent and did not remove, newest first."""
    found = service.listed(
        db.session(),
        current_actor(),
        kind=query["kind"],
        after=id_after(query["cursor"]),
        limit=query["limit"],
    )
    return page(found, query["limit"], lambda picture: (picture.id,), _view)


@blueprint.post("/<uuid:picture_id>/remove")
@policy("pictures", "send")
@blueprint.response(200, schemas.PictureView)
def remove(picture_id: uuid.UUID) -> dict[str, Any]:
    """Remove a picture: nobody is shown it any more, and in a month its files are gone."""
    with db.transaction() as session:
        return _view(service.remove(session, current_actor(), picture_id, request_now()))


def _view(picture: Picture) -> dict[str, Any]:
    shown = reading.shown(picture)
    urls = {f"url_{width}": shown.url(width) for width in drawing.WIDTHS}
    kept = ("id", "kind", "alt", "width", "height", "created_at", "removed_at")
    return {name: getattr(picture, name) for name in kept} | {"urls": urls}
