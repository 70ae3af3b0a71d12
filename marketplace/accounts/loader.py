"""Finds who is behind a request: the bearer of a key or token, or a browser with our cookie."""

from __future__ import annotations

from uuid import UUID

import flask
from sqlalchemy.orm import Session

from marketplace.accounts import keys, members, sessions
from marketplace.accounts.models import ApiKey, AuthSession, UserAccount
from marketplace.core import clock, config, db, policy
from marketplace.core.actor import Actor
from marketplace.core.errors import Forbidden

COOKIE = "aanrader"
LONGEST_TOKEN = 200
# What somebody of the platform may do before the second factor is enrolled.
BEFORE_ENROLMENT = frozenset(
    {
        ("me", "read"),
        ("totp", "enrol"),
        ("totp", "confirm"),
        ("accounts", "sign_out"),
        ("accounts", "reauthenticate"),
    }
)


class TotpEnrolmentNeeded(Forbidden):
    """People of finance and admin enrol a second factor before anything else."""

    code = "totp_enrolment_needed"
    title = "Set up your second factor first"
    detail = "Your role needs a second factor, and none is set up."
    next = "Send POST /api/v1/totp/enrol, then POST /api/v1/totp/confirm with a code."


def cookie_name() -> str:
    """Return the cookie's name; over https browsers hold it to this host and to https."""
    return f"__Host-{COOKIE}" if config.current().base_url.startswith("https") else COOKIE


def load(request: flask.Request) -> Actor | None:
    """Return the actor of a request, or None when it carries nothing that counts.

    A request with an Authorization header is judged by that alone. Raises TotpEnrolmentNeeded when somebody of
    the platform without a second factor asks for anything but enrolment.
    """
    header = request.headers.get("Authorization")
    if header is None:
        token, kind = request.cookies.get(cookie_name(), ""), "cookie"
    else:
        scheme, _, token = header.partition(" ")
        token, kind = token.strip(), "token" if scheme.lower() == "bearer" else ""
    if not token or not kind or len(token) > LONGEST_TOKEN or not token.isascii():
        return None
    with db.use_scope(db.DOOR), db.transaction() as session:
        if kind == "token" and token.startswith(tuple(keys.PREFIXES.values())):
            actor = _of_key(session, token)
        else:
            actor = _of_session(session, token, kind)
    if actor is not None and actor.is_platform and not actor.totp_enrolled:
        _only_enrolment(request)
    return actor


def _only_enrolment(request: flask.Request) -> None:
    rule = policy.rule_of(flask.current_app.view_functions.get(request.endpoint or ""))
    if rule is None:
        raise TotpEnrolmentNeeded()
    # What is open to anybody stays open to them.
    is_open = rule.public or "anonymous" in rule.marks
    if not is_open and (rule.resource, rule.action) not in BEFORE_ENROLMENT:
        raise TotpEnrolmentNeeded()


def _of_session(session: Session, token: str, kind: str) -> Actor | None:
    wall = clock.wall()
    found = sessions.find(session, token, kind, wall, *members.places())
    if found is None:
        return None
    row, user, (at_shops, adviser_id) = found
    sessions.touch(session, row, wall)
    return _of_person(user, row, [(UUID(shop_id), role) for shop_id, role in at_shops or ()], adviser_id)


def _of_person(
    user: UserAccount, row: AuthSession, present: list[tuple[UUID, str]], adviser_id: UUID | None
) -> Actor:
    """Return the actor that a sign-in makes of a person, with the roles that hold at this moment."""
    # People of the platform are neither advisers nor of a shop: the keys of both tables want role "member".
    roles = {role for _shop_id, role in present}
    if user.is_staff:
        roles.add(user.role)
    if adviser_id is not None:
        roles.add("adviser")
    return Actor(
        user_id=user.id,
        roles=frozenset(roles or {"member"}),
        shop_ids=tuple(shop_id for shop_id, _role in present),
        owned_shop_ids=tuple(shop_id for shop_id, role in present if role == "owner"),
        adviser_id=adviser_id,
        via="session" if row.kind == "cookie" else "token",
        credential_id=row.id,
        password_at=row.password_at,
        totp_enrolled=user.totp_enrolled,
        totp_at=row.totp_at,
        name=user.name,
    )


def _of_key(session: Session, text: str) -> Actor | None:
    found = keys.find(session, text)
    if found is None:
        return None
    key, user = found
    shop_ids: tuple[UUID, ...] = ()
    roles = frozenset({user.role}) if user.is_staff else frozenset[str]()
    if key.shop_id is not None:
        # A key of a shop lives while the person who made it is one of its owners.
        if not any(
            one.shop_id == key.shop_id and one.role == "owner" for one in members.of_user(session, user.id)
        ):
            return None
        shop_ids, roles = (key.shop_id,), frozenset({"owner"})
    elif key.adviser_id is not None:
        roles = frozenset({"adviser"})
    elif not user.is_staff:
        return None
    keys.touch(session, key, clock.wall())
    return _actor_of_key(key, user, roles, shop_ids)


def _actor_of_key(key: ApiKey, user: UserAccount, roles: frozenset[str], shop_ids: tuple[UUID, ...]) -> Actor:
    return Actor(
        user_id=user.id,
        roles=roles,
        shop_ids=shop_ids,
        owned_shop_ids=shop_ids,
        adviser_id=key.adviser_id,
        via="key",
        mode=key.mode,
        scopes=tuple(key.scopes),
        key_shop_id=key.shop_id,
        key_adviser_id=key.adviser_id,
        credential_id=key.id,
        totp_enrolled=user.totp_enrolled,
        name=user.name,
    )
