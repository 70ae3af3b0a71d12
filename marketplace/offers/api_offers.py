"""Offers and their terms over the API."""

from __future__ import annotations

import uuid
from typing import Any

from marketplace.core import tenancy
from marketplace.core.auth import current_actor
from marketplace.core.db import session, transaction
from marketplace.core.paging import id_after, number_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from marketplace.offers import publishing, service, terms
from marketplace.offers.schemas import (
    OfferChange,
    OfferPage,
    OfferRequest,
    OfferSchema,
    OffersQuery,
    TermsPage,
    TermsRequest,
    TermsSchema,
)

blueprint = ApiBlueprint(
    "offers", __name__, url_prefix="/api/v1/offers", description="Invitations to advise, and their terms"
)


@blueprint.route("", methods=["POST"])
@policy("offers", "create")
@blueprint.arguments(OfferRequest)
@blueprint.response(201, OfferSchema)
def create(data: dict[str, Any]) -> Any:
    """Make an offer, in draft."""
    actor = current_actor()
    with transaction(point="offers.create") as writing:
        return service.create(
            writing,
            actor,
            tenancy.meant_shop(actor, data["shop_id"]),
            name=data["name"],
            description=data["description"],
            currency=data["currency"],
            notice_days=data["notice_days"],
            joining=data["joining"],
            now=request_now(),
        )


@blueprint.route("")
@policy("offers", "read")
@blueprint.arguments(OffersQuery, location="query")
@blueprint.response(200, OfferPage)
def listed(query: dict[str, Any]) -> Any:
    """List offers: a shop's people their own, advisers the open ones and those they joined."""
    limit = query["limit"]
    rows = service.listed(
        session(),
        current_actor(),
        shop_id=query["shop_id"],
        state=query["state"],
        after=id_after(query["cursor"]),
        limit=limit,
    )
    return page(rows, limit, lambda offer: (offer.id,), lambda offer: offer)


@blueprint.route("/<uuid:offer_id>")
@policy("offers", "read")
@blueprint.response(200, OfferSchema)
def shown(offer_id: uuid.UUID) -> Any:
    """Show an offer."""
    return service.get(session(), current_actor(), offer_id)


@blueprint.route("/<uuid:offer_id>", methods=["PATCH"])
@policy("offers", "change")
@blueprint.arguments(OfferChange)
@blueprint.response(200, OfferSchema)
def change(data: dict[str, Any], offer_id: uuid.UUID) -> Any:
    """Say how advisers join an offer from now on; who advises or applied before stays as they are."""
    with transaction(point="offers.change") as writing:
        return service.change_joining(writing, current_actor(), offer_id, data["joining"], now=request_now())


@blueprint.route("/<uuid:offer_id>/open", methods=["POST"])
@policy("offers", "move")
@blueprint.response(200, OfferSchema)
def open_offer(offer_id: uuid.UUID) -> Any:
    """Open an offer that has terms in force."""
    return _move(offer_id, "open")


@blueprint.route("/<uuid:offer_id>/pause", methods=["POST"])
@policy("offers", "move")
@blueprint.response(200, OfferSchema)
def pause(offer_id: uuid.UUID) -> Any:
    """Pause an offer: its links lead on without credit."""
    return _move(offer_id, "paused")


@blueprint.route("/<uuid:offer_id>/close", methods=["POST"])
@policy("offers", "move")
@blueprint.response(200, OfferSchema)
def close(offer_id: uuid.UUID) -> Any:
    """Close an offer for good."""
    return _move(offer_id, "closed")


def _move(offer_id: uuid.UUID, wanted: str) -> Any:
    with transaction(point="offers.move") as writing:
        return service.move(writing, current_actor(), offer_id, wanted, now=request_now())


@blueprint.route("/<uuid:offer_id>/terms", methods=["POST"])
@policy("terms", "publish")
@blueprint.arguments(TermsRequest)
@blueprint.response(201, TermsSchema)
def publish(data: dict[str, Any], offer_id: uuid.UUID) -> Any:
    """Publish the next version of an offer's terms; it never changes afterwards."""
    with transaction(point="offers.publish") as writing:
        return publishing.publish(
            writing,
            current_actor(),
            offer_id,
            data["document"],
            effective_from=data["effective_from"],
            now=request_now(),
        )


@blueprint.route("/<uuid:offer_id>/terms")
@policy("terms", "read")
@blueprint.arguments(OffersQuery(only=("limit", "cursor")), location="query")
@blueprint.response(200, TermsPage)
def versions(query: dict[str, Any], offer_id: uuid.UUID) -> Any:
    """List the versions of an offer's terms, newest first."""
    limit, below = query["limit"], number_after(query["cursor"])
    rows = publishing.versions(session(), current_actor(), offer_id, below=below, limit=limit)
    told = page(rows, limit, lambda row: (row.version,), lambda row: row)
    shown = [terms.Terms.of(row) for row in told["items"]]
    titles = terms.titles(session(), rows[0].shop_id, shown) if rows else {}
    return told | {"product_titles": titles}
