"""Routes of advisers: the public part, one's own profile, and what an admin does to people."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.accounts import advisers, profiles, staff, users
from marketplace.accounts import schemas_people as shapes
from marketplace.accounts.models import Adviser, UserAccount
from marketplace.core import auth, clock, db
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint(
    "advisers", __name__, url_prefix="/api/v1/advisers", description="Advisers in public"
)
profile_blueprint = ApiBlueprint(
    "adviser_profile",
    __name__,
    url_prefix="/api/v1/adviser-profile",
    description="One's own profile as adviser",
)
users_blueprint = ApiBlueprint(
    "users", __name__, url_prefix="/api/v1/users", description="People, for admins"
)


@blueprint.get("/<uuid:adviser_id>")
@policy("advisers", "read")
@blueprint.response(200, shapes.AdviserPublic)
def show(adviser_id: UUID) -> Any:
    """Show what everybody may know of an adviser."""
    with db.session() as session:
        return profiles.shown(session, adviser_id, request_now())


@blueprint.post("/<uuid:adviser_id>/ban")
@policy("advisers", "ban")
@blueprint.arguments(shapes.Nothing)
@blueprint.response(200, shapes.AdviserPublic)
def ban(_data: dict[str, Any], adviser_id: UUID) -> dict[str, Any]:
    """Ban an adviser from now on: links go on, and earn nothing."""
    with db.transaction() as session:
        advisers.change_state(session, adviser_id, "banned", auth.current_actor(), request_now())
        return profiles.shown(session, adviser_id, request_now())


@blueprint.post("/<uuid:adviser_id>/reinstate")
@policy("advisers", "ban")
@blueprint.arguments(shapes.Nothing)
@blueprint.response(200, shapes.AdviserPublic)
def reinstate(_data: dict[str, Any], adviser_id: UUID) -> dict[str, Any]:
    """Let a banned adviser earn again from now on."""
    with db.transaction() as session:
        advisers.change_state(session, adviser_id, "active", auth.current_actor(), request_now())
        return profiles.shown(session, adviser_id, request_now())


@profile_blueprint.get("")
@policy("advisers", "update")
@profile_blueprint.response(200, shapes.AdviserProfile)
def show_profile() -> dict[str, Any]:
    """Show your own profile as adviser."""
    with db.session() as session:
        return _own(session, advisers.get(session, auth.current_actor().adviser()))


@profile_blueprint.post("")
@policy("advisers", "become")
@profile_blueprint.arguments(shapes.BecomeAdviser)
@profile_blueprint.response(201, shapes.AdviserProfile)
def become(data: dict[str, Any]) -> dict[str, Any]:
    """Become an adviser with the account that you have."""
    actor = auth.current_actor()
    with db.transaction() as session:
        made = advisers.become(session, users.get(session, users.id_of(actor)), data, request_now())
        return _own(session, made)


@profile_blueprint.patch("")
@policy("advisers", "update")
@profile_blueprint.arguments(shapes.ProfileChange)
@profile_blueprint.response(200, shapes.AdviserProfile)
def update_profile(data: dict[str, Any]) -> dict[str, Any]:
    """Change your own profile; your code never changes, because it stands in addresses."""
    with db.transaction() as session:
        return _own(session, advisers.update_profile(session, auth.current_actor(), data, request_now()))


@users_blueprint.post("/<uuid:user_id>/suspend")
@policy("users", "suspend")
@users_blueprint.arguments(shapes.Nothing)
@users_blueprint.response(200, shapes.Person)
def suspend(_data: dict[str, Any], user_id: UUID) -> UserAccount:
    """Shut somebody out at once."""
    with db.transaction() as session:
        return staff.suspend(session, auth.current_actor(), user_id, request_now(), clock.wall())


@users_blueprint.post("/<uuid:user_id>/reinstate")
@policy("users", "suspend")
@users_blueprint.arguments(shapes.Nothing)
@users_blueprint.response(200, shapes.Person)
def reinstate_user(_data: dict[str, Any], user_id: UUID) -> UserAccount:
    """Let somebody in again."""
    with db.transaction() as session:
        return staff.reinstate(session, auth.current_actor(), user_id, request_now())


def _own(session: Session, adviser: Adviser) -> dict[str, Any]:
    """Return what everybody reads of an adviser, and what only they do."""
    shown = profiles.shown(session, adviser.id, request_now())
    return shown | {"vat_status": adviser.vat_status, "vat_no": adviser.vat_no}
