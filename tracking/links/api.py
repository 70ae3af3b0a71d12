"""Routes of tracked links."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from marketplace.core import db
from marketplace.core.auth import current_actor
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now
from tracking.links import counts, schemas, service, switching
from tracking.links.models import TrackedLink

blueprint = ApiBlueprint(
    "links", __name__, url_prefix="/api/v1/links", description="Tracked links of advisers, with their clicks."
)


@blueprint.post("")
@policy("links", "create")
@blueprint.arguments(schemas.NewLink)
@blueprint.response(201, schemas.Link)
def create(data: dict[str, Any]) -> dict[str, Any]:
    """Make a tracked link from the address of a product page of a shop whose offer you accepted."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="links.create") as session:
        link = service.make(session, actor, data, now)
        return _facts(session, [link])[0]


@blueprint.get("")
@policy("links", "read")
@blueprint.arguments(schemas.OfOffer, location="query")
@blueprint.response(200, schemas.LinkPage)
def index(query: dict[str, Any]) -> dict[str, Any]:
    """List your links, newest first, with raw, unique, billable and unqualified clicks."""
    after = id_after(query["cursor"])
    session = db.session()
    links = service.listed(
        session, current_actor(), after=after, limit=query["limit"], offer_id=query["offer_id"]
    )
    return page(_facts(session, links), query["limit"], lambda link: (link["id"],), lambda link: link)


@blueprint.get("/<uuid:link_id>")
@policy("links", "read")
@blueprint.response(200, schemas.Link)
def show(link_id: uuid.UUID) -> dict[str, Any]:
    """Return one link with its clicks."""
    session = db.session()
    return _facts(session, [service.get(session, current_actor(), link_id)])[0]


@blueprint.post("/<uuid:link_id>/disable")
@policy("links", "disable")
@blueprint.response(200, schemas.Link)
def disable(link_id: uuid.UUID) -> dict[str, Any]:
    """Switch a link off: it still leads shoppers to the shop, and earns nothing more."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="links.disable") as session:
        return _facts(session, [switching.disable(session, actor, link_id, now)])[0]


@blueprint.post("/<uuid:link_id>/enable")
@policy("links", "disable")
@blueprint.response(200, schemas.Link)
def enable(link_id: uuid.UUID) -> dict[str, Any]:
    """Switch a link on again: clicks from now on earn, those while it was off never do."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="links.enable") as session:
        return _facts(session, [switching.enable(session, actor, link_id, now)])[0]


def _facts(session: Any, links: Sequence[TrackedLink]) -> list[dict[str, Any]]:
    ids = [link.id for link in links]
    clicks, standings = counts.by_link(session, ids), service.standings(session, ids)
    return [
        {
            "id": link.id,
            "kind": link.kind,
            "code": link.code,
            "url": service.url(link),
            "target_url": link.target_url,
            "shop_id": link.shop_id,
            "offer_id": link.offer_id,
            "adviser_id": link.adviser_id,
            "product_id": link.product_id,
            "placement": link.placement,
            "standing": standings[link.id],
            "created_at": link.created_at,
            "disabled_at": link.disabled_at,
            "clicks": clicks[link.id],
        }
        for link in links
    ]
