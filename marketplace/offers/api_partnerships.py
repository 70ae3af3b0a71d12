"""Partnerships over the API; accepting one also makes its link, so that route stands with the links."""

from __future__ import annotations

import uuid
from typing import Any

from marketplace.core.auth import current_actor
from marketplace.core.db import session, transaction
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from marketplace.offers import partnerships
from marketplace.offers.schemas import (
    Parting,
    PartnershipPage,
    PartnershipRequest,
    PartnershipSchema,
    PartnershipsQuery,
)

blueprint = ApiBlueprint(
    "partnerships", __name__, url_prefix="/api/v1/partnerships", description="Advisers who join an offer"
)


@blueprint.route("", methods=["POST"])
@policy("partnerships", "apply")
@blueprint.arguments(PartnershipRequest)
@blueprint.response(201, PartnershipSchema)
def apply(data: dict[str, Any]) -> Any:
    """Ask to advise on an open offer."""
    with transaction(point="partnerships.apply") as writing:
        return partnerships.apply(
            writing, current_actor(), data["offer_id"], message=data["message"], now=request_now()
        )


@blueprint.route("")
@policy("partnerships", "read")
@blueprint.arguments(PartnershipsQuery, location="query")
@blueprint.response(200, PartnershipPage)
def listed(query: dict[str, Any]) -> Any:
    """List partnerships of the actor's shops and of the actor as adviser."""
    limit = query["limit"]
    rows = partnerships.listed(
        session(),
        current_actor(),
        offer_id=query["offer_id"],
        state=query["state"],
        after=id_after(query["cursor"]),
        limit=limit,
    )
    return page(rows, limit, lambda one: (one.id,), lambda one: one)


@blueprint.route("/<uuid:partnership_id>/approve", methods=["POST"])
@policy("partnerships", "judge")
@blueprint.response(200, PartnershipSchema)
def approve(partnership_id: uuid.UUID) -> Any:
    """Take an adviser on, as the shop."""
    with transaction(point="partnerships.approve") as writing:
        return partnerships.approve(writing, current_actor(), partnership_id, now=request_now())


@blueprint.route("/<uuid:partnership_id>/decline", methods=["POST"])
@policy("partnerships", "judge")
@blueprint.arguments(Parting)
@blueprint.response(200, PartnershipSchema)
def decline(data: dict[str, Any], partnership_id: uuid.UUID) -> Any:
    """Refuse an adviser, or end with one who advises, as the shop; the adviser reads the reason."""
    with transaction(point="partnerships.decline") as writing:
        return partnerships.decline(writing, current_actor(), partnership_id, now=request_now(), **data)


@blueprint.route("/<uuid:partnership_id>/leave", methods=["POST"])
@policy("partnerships", "leave")
@blueprint.response(200, PartnershipSchema)
def leave(partnership_id: uuid.UUID) -> Any:
    """Leave an offer, as the adviser: its links earn nothing more from now on."""
    with transaction(point="partnerships.leave") as writing:
        return partnerships.leave(writing, current_actor(), partnership_id, now=request_now())
