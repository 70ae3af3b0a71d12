"""Routes of discount codes."""

from __future__ import annotations

import uuid
from typing import Any

import flask

from marketplace.core import db, tenancy
from marketplace.core.auth import current_actor
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from tracking.links import cards, codes, resolving, schemas
from tracking.links.models import DiscountCode

blueprint = ApiBlueprint(
    "codes", __name__, url_prefix="/api/v1/codes", description="Discount codes that stand for an adviser."
)


@blueprint.post("")
@policy("codes", "create")
@blueprint.arguments(schemas.NewCode)
@blueprint.response(201, schemas.Code)
def create(data: dict[str, Any]) -> DiscountCode:
    """Give an adviser who accepted your offer a code, drawn when you name none; the same again returns it."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="codes.create") as session:
        return codes.create(session, actor, data, now)


@blueprint.get("")
@policy("codes", "read")
@blueprint.arguments(schemas.OfOffer, location="query")
@blueprint.response(200, schemas.CodePage)
def index(query: dict[str, Any]) -> dict[str, Any]:
    """List the codes of your shops, or your own as adviser, newest first."""
    found = codes.listed(
        db.session(),
        current_actor(),
        after=id_after(query["cursor"]),
        limit=query["limit"],
        offer_id=query["offer_id"],
    )
    return page(found, query["limit"], lambda code: (code.id,), lambda code: code)


@blueprint.get("/resolve")
@policy("codes", "resolve")
@blueprint.arguments(schemas.TypedCode, location="query")
@blueprint.response(200, schemas.ResolvedCode)
def resolve(query: dict[str, Any]) -> resolving.Resolved:
    """Say whose a typed code is, for your till; after one error, which code was meant. Limited, so nobody guesses."""
    actor = current_actor()
    shop_id = tenancy.require_shop(actor, "codes.resolve", tenancy.meant_shop(actor, query["shop_id"]))
    return resolving.resolve(db.session(), shop_id, query["code"], request_now())


@blueprint.get("/<uuid:code_id>/qr.svg")
@policy("codes", "card")
@blueprint.arguments(schemas.CardQuery, location="query")
@blueprint.response(200, {"type": "string"}, content_type="image/svg+xml")
def card(query: dict[str, Any], code_id: uuid.UUID) -> flask.Response:
    """Draw the QR of an adviser's card: the link to the offer, or the code itself for a till's scanner."""
    code, link = codes.card(db.session(), current_actor(), code_id)
    text = code.code if query["content"] == "code" else cards.address(code, link)
    return flask.Response(cards.drawing(text, title=code.code), mimetype="image/svg+xml")


@blueprint.post("/<uuid:code_id>/revoke")
@policy("codes", "revoke")
@blueprint.response(200, schemas.Code)
def revoke(code_id: uuid.UUID) -> DiscountCode:
    """End a code: orders from now on find nobody behind it."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="codes.revoke") as session:
        return codes.revoke(session, actor, code_id, now)
