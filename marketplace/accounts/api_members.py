"""Routes of members and invitations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.accounts import entrance, invitations, limits, members, shops
from marketplace.accounts import schemas_shops as shapes
from marketplace.accounts.models import Invitation, Membership, UserAccount
from marketplace.core import auth, clock, db, tenancy
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.schemas import ShopPage
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint(
    "members", __name__, url_prefix="/api/v1/members", description="Who works for a shop"
)
invitations_blueprint = ApiBlueprint(
    "invitations",
    __name__,
    url_prefix="/api/v1/invitations",
    description="Asking somebody to work for a shop",
)


@blueprint.get("")
@policy("members", "read")
@blueprint.arguments(ShopPage, location="query")
@blueprint.response(200, shapes.MemberList)
def list_members(query: dict[str, Any]) -> dict[str, Any]:
    """List who works for your shops."""
    with db.session() as session:
        rows = members.listed(
            session, auth.current_actor(), query["shop_id"], id_after(query["cursor"]), query["limit"] + 1
        )
        return page(rows, query["limit"], lambda row: (row[0].id,), _shown)


@blueprint.post("/<uuid:member_id>/remove")
@policy("members", "change")
@blueprint.arguments(shapes.Nothing)
@blueprint.response(200, shapes.MemberChanged)
def remove(_data: dict[str, Any], member_id: UUID) -> Membership:
    """End a membership; the person's keys and sessions lose the shop at once."""
    with db.transaction() as session:
        return members.remove(session, auth.current_actor(), member_id, request_now(), clock.wall())


@blueprint.post("/<uuid:member_id>/change-role")
@policy("members", "change")
@blueprint.arguments(shapes.ChangeRole)
@blueprint.response(200, shapes.MemberChanged)
def change_role(data: dict[str, Any], member_id: UUID) -> Membership:
    """Make a member owner or staff."""
    with db.transaction() as session:
        return members.change_role(session, auth.current_actor(), member_id, data["role"], request_now())


@invitations_blueprint.post("")
@policy("invitations", "send")
@invitations_blueprint.arguments(shapes.NewInvitation)
@invitations_blueprint.response(201, shapes.InvitationRow)
def invite(data: dict[str, Any]) -> dict[str, Any]:
    """Mail somebody an invitation to your shop."""
    actor, wall = auth.current_actor(), clock.wall()
    shop_id = shops.require_owner(actor, tenancy.meant_shop(actor, data["shop_id"]))
    limits.spend("invitation", str(shop_id))
    with db.transaction() as session:
        made = invitations.invite(session, actor, shop_id, data["email"], data["role"], request_now(), wall)
        return _invitation(made)


@invitations_blueprint.get("")
@policy("invitations", "read")
@invitations_blueprint.arguments(ShopPage, location="query")
@invitations_blueprint.response(200, shapes.InvitationList)
def list_invitations(query: dict[str, Any]) -> dict[str, Any]:
    """List the invitations of your shops."""
    with db.session() as session:
        rows = invitations.listed(
            session, auth.current_actor(), query["shop_id"], id_after(query["cursor"]), query["limit"] + 1
        )
        return page(rows, query["limit"], lambda row: (row.id,), _invitation)


@invitations_blueprint.post("/accept")
@policy("invitations", "accept")
@invitations_blueprint.arguments(shapes.TokenIn)
@invitations_blueprint.response(200, shapes.MemberChanged)
def accept(data: dict[str, Any]) -> Membership:
    """Join a shop with the token of the mail, signed in with the address that it was sent to."""
    return entrance.accept_invitation(auth.current_actor(), data["token"])


@invitations_blueprint.post("/<uuid:invitation_id>/revoke")
@policy("invitations", "revoke")
@invitations_blueprint.arguments(shapes.Nothing)
@invitations_blueprint.response(200, shapes.InvitationRow)
def revoke(_data: dict[str, Any], invitation_id: UUID) -> dict[str, Any]:
    """Take an invitation back."""
    with db.transaction() as session:
        return _invitation(
            invitations.revoke(session, auth.current_actor(), invitation_id, request_now(), clock.wall())
        )


def _shown(row: tuple[Membership, UserAccount]) -> dict[str, Any]:
    member, user = row
    return {
        "id": member.id,
        "shop_id": member.shop_id,
        "user_id": user.id,
        "name": user.name,
        "email": user.email,
        "role": member.role,
    }


def _invitation(row: Invitation) -> dict[str, Any]:
    return {
        "id": row.id,
        "shop_id": row.shop_id,
        "email": row.email,
        "role": row.role,
        "state": invitations.state_of(row, clock.wall()),
        "expires_at": row.expires_at,
    }
