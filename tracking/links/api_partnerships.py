"""The routes that begin a partnership: the adviser accepts, and the offer's own link exists from that instant."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy.orm import Session

from marketplace.core import db
from marketplace.core.auth import current_actor
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from marketplace.offers import joining, partnerships
from marketplace.offers.models import Partnership
from tracking.links import schemas, service

blueprint = ApiBlueprint(
    "partnership-acceptance",
    __name__,
    url_prefix="/api/v1/partnerships",
    description="Accepting an offer as an adviser.",
)


@blueprint.post("/<uuid:partnership_id>/accept")
@policy("partnerships", "accept")
@blueprint.response(200, schemas.Accepted)
def accept(partnership_id: uuid.UUID) -> dict[str, Any]:
    """Accept the terms now in force; the answer holds your link for the whole offer."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="partnerships.accept") as session:
        partnership = partnerships.accept(session, partnership_id, actor, now)
        return _begun(session, partnership, now)


@blueprint.post("/join")
@policy("partnerships", "apply")
@blueprint.arguments(schemas.Joining)
@blueprint.response(201, schemas.Accepted)
def join(data: dict[str, Any]) -> dict[str, Any]:
    """Accept the terms of an offer that is joined at once; the answer holds your link for the whole offer."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="partnerships.join") as session:
        partnership = joining.join(session, actor, data["offer_id"], now=now)
        return _begun(session, partnership, now)


def _begun(session: Session, partnership: Partnership, now: dt.datetime) -> dict[str, Any]:
    link = service.ensure_offer_link(session, partnership, now)
    return {
        "id": partnership.id,
        "offer_id": partnership.offer_id,
        "shop_id": partnership.shop_id,
        "adviser_id": partnership.adviser_id,
        "state": partnership.state,
        "accepted_at": partnership.accepted_at,
        "link": {"id": str(link.id), "url": service.url(link)},
    }
