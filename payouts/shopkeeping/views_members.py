"""/shop/members: who works for the shop, as what, and who is invited."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import invitations, limits, members, shops
from marketplace.accounts.schemas_shops import ChangeRole, NewInvitation
from marketplace.core import clock, db, pages
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.forms import Form
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from payouts.shopkeeping import schemas, surroundings

blueprint = flask.Blueprint("shop_members", __name__)
MOST = 200


@blueprint.get("/shop/members")
@policy("shop_pages", "read")
def index() -> Response:
    """List members and open invitations."""
    return _page(current_actor(), Form(NewInvitation, {"role": "staff"}))


@blueprint.post("/shop/members")
@policy("invitations", "send")
def invite() -> Response:
    """Mail somebody an invitation."""
    actor, form, wall = current_actor(), Form(NewInvitation), clock.wall()

    def act(data: dict[str, Any]) -> str:
        shop_id = shops.require_owner(actor, data["shop_id"] or pages.current_shop(actor))
        limits.spend("invitation", str(shop_id))
        with db.transaction(point="shop_pages.invite") as session:
            made = invitations.invite(
                session, actor, shop_id, data["email"], data["role"], request_now(), wall
            )
            return made.email

    email = form.send(act)
    if email is None:
        return _page(actor, form)
    pages.said(_("The invitation to %(email)s is on its way; it works for seven days.", email=email))
    return pages.go("/shop/members")


@blueprint.post("/shop/members/<uuid:member_id>/role")
@policy("members", "change")
def change_role(member_id: UUID) -> Response:
    """Make a member owner or staff."""
    actor, form = current_actor(), Form(ChangeRole)

    def act(data: dict[str, Any]) -> bool:
        with db.transaction(point="shop_pages.change_role") as session:
            members.change_role(session, actor, member_id, data["role"], request_now())
        return True

    if form.send(act) is None:
        return _page(actor, form)
    pages.said(_("The role is changed; they sign in anew."))
    return pages.go("/shop/members")


@blueprint.post("/shop/members/<uuid:member_id>/remove")
@policy("members", "change")
def remove(member_id: UUID) -> Response:
    """End a membership at once."""
    actor, form = current_actor(), Form(schemas.WithShop)

    def act(_data: dict[str, Any]) -> bool:
        with db.transaction(point="shop_pages.remove_member") as session:
            members.remove(session, actor, member_id, request_now(), clock.wall())
        return True

    if form.send(act) is None:
        return _page(actor, form)
    pages.said(_("They no longer work for your shop; their keys and sign-ins lost it at once."))
    return pages.go("/shop/members")


@blueprint.post("/shop/members/invitations/<uuid:invitation_id>/revoke")
@policy("invitations", "revoke")
def revoke(invitation_id: UUID) -> Response:
    """Take an invitation back."""
    actor, form = current_actor(), Form(schemas.WithShop)

    def act(_data: dict[str, Any]) -> bool:
        with db.transaction(point="shop_pages.revoke_invitation") as session:
            invitations.revoke(session, actor, invitation_id, request_now(), clock.wall())
        return True

    if form.send(act) is None:
        return _page(actor, form)
    pages.said(_("The invitation is taken back."))
    return pages.go("/shop/members")


def _page(actor: Actor, form: Form) -> Response:
    wall = clock.wall()
    with db.session() as session:
        here = surroundings.of(session, actor)
        people = members.listed(session, actor, here.shop.id, None, MOST)
        asked = invitations.listed(session, actor, here.shop.id, None, MOST)
    waiting = [one for one in asked if invitations.state_of(one, wall) == "open"]
    return pages.render(
        "shop/members.html", form.status, people=people, waiting=waiting, form=form, **here.context()
    )
