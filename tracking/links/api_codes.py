"""Routes of discount codes."""

from __future__ import annotations

import uuid
from typing import Any

from marketplace.core import db
from marketplace.core.auth import current_actor
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from tracking.links import codes, schemas
from tracking.links.models import DiscountCode

blueprint = ApiBlueprint(
    "codes", __name__, url_prefix="/api/v1/codes", description="Discount codes that stand for an adviser."
)


@blueprint.post("")
@policy("codes", "create")
@blueprint.arguments(schemas.NewCode)
@blueprint.response(201, schemas.Code)
def create(data: dict[str, Any]) -> DiscountCode:
    """Give an adviser who accepted your offer a code; giving the same again returns it."""
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


@blueprint.post("/<uuid:code_id>/revoke")
@policy("codes", "revoke")
@blueprint.response(200, schemas.Code)
def revoke(code_id: uuid.UUID) -> DiscountCode:
    """End a code: orders from now on find nobody behind it."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="codes.revoke") as session:
        return codes.revoke(session, actor, code_id, now)
