"""Accepting an offer, or joining at once, makes the link for the whole shop, so it stands with the links."""

from __future__ import annotations

import uuid

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.auth import current_actor
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from marketplace.offers import joining, partnerships
from tracking.links import service

blueprint = flask.Blueprint("adviser_joining", __name__)


@blueprint.post("/adviser/partnerships/<uuid:partnership_id>/accept")
@policy("partnerships", "accept")
def accept(partnership_id: uuid.UUID) -> Response:
    """Accept the terms now in force; from this instant clicks can earn."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="pages.accept_offer") as session:
        partnership = partnerships.accept(session, partnership_id, actor, now)
        service.ensure_offer_link(session, partnership, now)
    pages.said(_("You joined. Paste the address of one of the shop's products to make your first link."))
    return pages.go(flask.url_for("adviser_links.index"))


@blueprint.post("/adviser/offers/<uuid:offer_id>/join-at-once")
@policy("partnerships", "apply")
def join(offer_id: uuid.UUID) -> Response:
    """Accept the terms of an offer that is joined at once; from this instant clicks can earn."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="pages.join_at_once") as session:
        service.ensure_offer_link(session, joining.join(session, actor, offer_id, now=now), now)
    pages.said(_("You joined. Paste the address of one of the shop's products to make your first link."))
    return pages.go(flask.url_for("adviser_links.index"))
