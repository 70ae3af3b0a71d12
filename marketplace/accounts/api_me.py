"""Routes about oneself: who am I, my sign-ins, my second factor."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.accounts import schemas_people as shapes
from marketplace.accounts import sessions, totp, users
from marketplace.accounts.models import AuthSession, UserAccount
from marketplace.core import auth, clock, db
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint(
    "me", __name__, url_prefix="/api/v1", description="Who is asking, and their sign-ins"
)
totp_blueprint = ApiBlueprint("totp", __name__, url_prefix="/api/v1/totp", description="The second factor")
# The role that is shown when several hold: the one that may do most.
ROLE_ORDER = ("finance", "admin", "owner", "staff", "adviser", "member")


@blueprint.get("/me")
@policy("me", "read")
@blueprint.response(200, shapes.Me)
def me() -> dict[str, Any]:
    """Tell who is asking, in which roles, for which shops, and how they came."""
    with db.session() as session:
        return _me(users.get(session, users.id_of(auth.current_actor())))


@blueprint.patch("/me")
@policy("me", "update")
@blueprint.arguments(shapes.MeChange)
@blueprint.response(200, shapes.Me)
def change_me(data: dict[str, Any]) -> dict[str, Any]:
    """Be called otherwise from now on; what was signed before keeps the name that it had."""
    with db.transaction() as session:
        return _me(users.rename(session, auth.current_actor(), data["name"], request_now()))


def _me(user: UserAccount) -> dict[str, Any]:
    actor = auth.current_actor()
    return {
        "user_id": user.id,
        "email": user.email,
        "name": user.name,
        "locale": user.locale,
        "role": next(role for role in ROLE_ORDER if role in actor.roles),
        "roles": sorted(actor.roles),
        "shop_ids": actor.shop_ids,
        "owned_shop_ids": actor.owned_shop_ids,
        "adviser_id": actor.adviser_id,
        "via": actor.via,
        "mode": actor.mode,
        "scopes": actor.scopes,
        "totp_enrolled": actor.totp_enrolled,
        "totp_enrolment_needed": user.is_staff and not user.totp_enrolled,
        "csrf_token": auth.csrf_token(actor) if actor.via == "session" else None,
    }


@blueprint.get("/sessions")
@policy("accounts", "sessions")
@blueprint.response(200, shapes.SessionList)
def list_sessions() -> dict[str, Any]:
    """List your sign-ins that still count, newest first."""
    with db.session() as session:
        return {"items": sessions.living(session, auth.current_actor(), clock.wall()), "next_cursor": None}


@blueprint.post("/sessions/<uuid:session_id>/revoke")
@policy("accounts", "sessions")
@blueprint.arguments(shapes.Nothing)
@blueprint.response(200, shapes.SessionRow)
def revoke_session(_data: dict[str, Any], session_id: UUID) -> AuthSession:
    """End one of your sign-ins."""
    with db.transaction() as session:
        return sessions.revoke(session, auth.current_actor(), session_id, request_now(), clock.wall())


@totp_blueprint.post("/enrol")
@policy("totp", "enrol")
@totp_blueprint.arguments(shapes.Nothing)
@totp_blueprint.response(200, shapes.TotpEnrolment)
def enrol(_data: dict[str, Any]) -> totp.Enrolment:
    """Begin a second factor: a secret for the authenticator, which counts once a code confirmed it."""
    with db.transaction() as session:
        return totp.enrol(session, auth.current_actor(), request_now())


@totp_blueprint.post("/confirm")
@policy("totp", "confirm")
@totp_blueprint.arguments(shapes.TotpCode)
@totp_blueprint.response(200, shapes.RecoveryCodes)
def confirm(data: dict[str, Any]) -> dict[str, Any]:
    """Confirm the second factor with a code, and get eight recovery codes, shown once."""
    with db.transaction() as session:
        codes = totp.confirm(session, auth.current_actor(), data["code"], request_now(), clock.wall())
    return {"recovery_codes": codes}


@totp_blueprint.post("/disable")
@policy("totp", "disable")
@totp_blueprint.arguments(shapes.Nothing)
@totp_blueprint.response(200, shapes.State)
def disable(_data: dict[str, Any]) -> dict[str, str]:
    """Take the second factor away; finance and admin can't."""
    with db.transaction() as session:
        totp.disable(session, auth.current_actor(), request_now(), clock.wall())
    return {"state": "disabled"}
