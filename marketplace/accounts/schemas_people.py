"""What people send and get: sign-up, sign-in, second factor, the session, the profile of an adviser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.accounts import advisers, passwords
from marketplace.accounts import schemas_influence as shapes
from marketplace.core import schemas


class Secret(fields.String):
    """A password or code, taken as it is: not stripped, and never more than 256 characters."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.Length(min=1, max=passwords.LONGEST), load_only=True, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if any(character == "\0" or 0xD800 <= ord(character) <= 0xDFFF for character in text):
            raise ma.ValidationError("NUL and broken Unicode are not taken.")
        return text


def _no_address(text: str) -> None:
    # Names stand in mails to others; an address in a name would make us send somebody's advertisement.
    if "://" in text or "www." in text.lower():
        raise ma.ValidationError("A name holds no address of a site.")


def person_name(**kwargs: Any) -> schemas.Text:
    """Return the field of a name as others read it."""
    return schemas.Text(minimum=1, maximum=80, validate=[_no_address], **kwargs)


class Nothing(schemas.Schema):
    """A body without fields."""


class SignUp(schemas.Schema):
    """Somebody who wants an account; there is no field for a role, and none is taken."""

    kind = schemas.Text(required=True, validate=[validate.OneOf(("shop_owner", "adviser"))])
    email = schemas.Email(required=True)
    name = person_name(required=True)
    password = Secret(required=True)
    locale = schemas.Text(load_default="nl", validate=[validate.OneOf(("nl", "en"))])
    display_name = person_name(load_default=None)
    adviser_kind = schemas.Text(load_default="user", validate=[validate.OneOf(advisers.KINDS)])
    country = schemas.Country(load_default="NL")
    code = schemas.Text(minimum=2, maximum=40, load_default=None)

    @ma.validates_schema
    def advisers_only(self, data: Mapping[str, Any], **_kwargs: Any) -> None:
        """Refuse an adviser's fields from a shop owner."""
        if data.get("kind") == "shop_owner" and (data.get("code") or data.get("display_name")):
            raise ma.ValidationError("Only for advisers.", "code" if data.get("code") else "display_name")


class Accepted(schemas.Schema):
    """An answer that is the same whoever asked."""

    state = fields.String(required=True)
    next = fields.String(required=True)


class TokenIn(schemas.Schema):
    """A token from a mail."""

    token = schemas.Text(required=True, minimum=1, maximum=200)


class Verified(schemas.Schema):
    """A mailbox that is proved."""

    state = fields.String(required=True)
    email = fields.String(required=True)


class SignIn(schemas.Schema):
    """Address and password, and the second factor where there is one; `session` asks for a browser's cookie."""

    email = schemas.Email(required=True)
    password = Secret(required=True)
    totp = schemas.Text(minimum=6, maximum=6, load_default=None)
    recovery_code = schemas.Text(minimum=8, maximum=64, load_default=None)
    session = schemas.Boolean(load_default=False)


class SignInCode(schemas.Schema):
    """The second step of a browser's sign-in: a code, or a recovery code."""

    totp = schemas.Text(minimum=6, maximum=6, load_default=None)
    recovery_code = schemas.Text(minimum=8, maximum=64, load_default=None)


class SignedIn(schemas.Schema):
    """A sign-in; `token` is null when the browser got a cookie, and `csrf_token` belongs to that cookie."""

    token = fields.String(required=True, allow_none=True)
    csrf_token = fields.String(required=True, allow_none=True)
    expires_at = schemas.Instant(required=True)
    totp_enrolment_needed = fields.Boolean(required=True)


class Reauthenticate(schemas.Schema):
    """The password again, and the second factor where enrolled."""

    password = Secret(required=True)
    totp = schemas.Text(minimum=6, maximum=6, load_default=None)
    recovery_code = schemas.Text(minimum=8, maximum=64, load_default=None)


class Fresh(schemas.Schema):
    """Until when this sign-in counts as fresh."""

    fresh_until = schemas.Instant(required=True)


class RevokeEverywhere(schemas.Schema):
    """End all sessions and tokens; with `api_keys` the keys too."""

    api_keys = schemas.Boolean(load_default=False)


class Revoked(schemas.Schema):
    """What is ended, and how many API keys still live."""

    state = fields.String(required=True)
    api_keys_alive = fields.Integer(required=True)


class PasswordReset(schemas.Schema):
    """Whose password."""

    email = schemas.Email(required=True)


class PasswordResetConfirm(schemas.Schema):
    """The token of the mail and the new password."""

    token = schemas.Text(required=True, minimum=1, maximum=200)
    password = Secret(required=True)


class ChangePassword(schemas.Schema):
    """The present password and the new one."""

    password = Secret(required=True)
    new_password = Secret(required=True)


class State(schemas.Schema):
    """What is so now."""

    state = fields.String(required=True)


class TotpEnrolment(schemas.Schema):
    """What an authenticator needs; shown once."""

    secret = fields.String(required=True)
    uri = fields.String(required=True)


class TotpCode(schemas.Schema):
    """Six digits of an authenticator."""

    code = schemas.Text(required=True, minimum=6, maximum=6)


class RecoveryCodes(schemas.Schema):
    """Eight codes, each good once; shown once."""

    recovery_codes = fields.List(fields.String(), required=True)


class MeChange(schemas.Schema):
    """How somebody is called from now on."""

    name = person_name(required=True)


class Me(schemas.Schema):
    """Who is asking, and what holds for them."""

    user_id = schemas.Uuid(required=True)
    email = fields.String(required=True)
    name = fields.String(required=True)
    locale = fields.String(required=True)
    role = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    shop_ids = fields.List(schemas.Uuid(), required=True)
    owned_shop_ids = fields.List(schemas.Uuid(), required=True)
    adviser_id = schemas.Uuid(required=True, allow_none=True)
    via = fields.String(required=True)
    mode = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    totp_enrolled = fields.Boolean(required=True)
    totp_enrolment_needed = fields.Boolean(required=True)
    csrf_token = fields.String(required=True, allow_none=True)


class SessionRow(schemas.Schema):
    """A sign-in that still counts."""

    id = schemas.Uuid(required=True)
    kind = fields.String(required=True)
    address_net = fields.String(allow_none=True)
    created_at = schemas.Instant()
    last_seen_at = schemas.Instant()
    expires_at = schemas.Instant()


class SessionList(schemas.Schema):
    """The sign-ins of one person; never more than 100."""

    items = fields.List(fields.Nested(SessionRow), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class AdviserPublic(schemas.Schema):
    """What everybody may know of an adviser; the badge shows only on verified evidence of their kind."""

    id = schemas.Uuid(required=True)
    code = fields.String(required=True)
    display_name = fields.String(required=True)
    kind = fields.String(required=True)
    country = fields.String(required=True)
    state = fields.String(required=True)
    headline = fields.String(required=True, allow_none=True)
    biography = fields.Nested(shapes.Biography, required=True)
    topics = fields.List(fields.String(), required=True)
    languages = fields.List(fields.String(), required=True)
    home_page = fields.String(required=True, allow_none=True)
    since = schemas.Instant(required=True)
    badge = fields.Nested(shapes.Badge, required=True, allow_none=True)
    evidence = fields.List(fields.Nested(shapes.PublicEvidence), required=True)


class AdviserProfile(AdviserPublic):
    """What the adviser knows of themselves."""

    vat_status = fields.String(required=True)
    vat_no = fields.String(required=True, allow_none=True)


class BecomeAdviser(schemas.Schema):
    """Somebody with an account who wants to advise."""

    display_name = person_name(required=True)
    kind = schemas.Text(required=True, validate=[validate.OneOf(advisers.KINDS)])
    country = schemas.Country(load_default="NL")
    code = schemas.Text(minimum=2, maximum=40, load_default=None)


class ProfileChange(schemas.Schema):
    """What an adviser changes; a field that is left out stays."""

    display_name = person_name()
    kind = schemas.Text(validate=[validate.OneOf(advisers.KINDS)])
    country = schemas.Country()
    vat_status = schemas.Text(validate=[validate.OneOf(advisers.VAT_STATUSES)])
    vat_no = schemas.Text(minimum=2, maximum=40, allow_none=True)
    headline = schemas.Text(maximum=120, allow_none=True)
    biography = fields.Nested(shapes.BiographyChange)
    topics = shapes.topics()
    languages = shapes.languages()
    home_page = schemas.Url(allow_none=True)


class Person(schemas.Schema):
    """A person as an admin sees them after a change."""

    id = schemas.Uuid(required=True)
    role = fields.String(required=True)
    suspended_at = schemas.Instant(required=True, allow_none=True)
