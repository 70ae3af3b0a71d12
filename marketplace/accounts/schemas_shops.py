"""What shops send and get: legal details, hosts, members, invitations, API keys, agreements."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.accounts import agreements, keys, members, shops
from marketplace.accounts.models_shops import PROOFS
from marketplace.accounts.schemas_people import Nothing, TokenIn, person_name
from marketplace.core import schemas

__all__ = ["Nothing", "TokenIn"]


class NewShop(schemas.Schema):
    """A shop with its legal details."""

    name = person_name(required=True)
    legal_name = schemas.Text(required=True, minimum=1, maximum=160)
    registration_no = schemas.Text(required=True, minimum=2, maximum=40)
    vat_no = schemas.Text(minimum=2, maximum=40, load_default=None, allow_none=True)
    country = schemas.Country(load_default="NL")
    currency = schemas.Currency(load_default="EUR")
    consent_mode = schemas.Text(load_default="none", validate=[validate.OneOf(shops.CONSENT_MODES)])
    code = schemas.Text(minimum=2, maximum=40, load_default=None)


class ShopChange(schemas.Schema):
    """What an owner changes; a field that is left out stays."""

    name = person_name()
    legal_name = schemas.Text(minimum=1, maximum=160)
    registration_no = schemas.Text(minimum=2, maximum=40)
    vat_no = schemas.Text(minimum=2, maximum=40, allow_none=True)
    consent_mode = schemas.Text(validate=[validate.OneOf(shops.CONSENT_MODES)])


class ShopRow(schemas.Schema):
    """A shop."""

    id = schemas.Uuid(required=True)
    code = fields.String(required=True)
    name = fields.String(required=True)
    legal_name = fields.String(required=True)
    registration_no = fields.String(required=True)
    vat_no = fields.String(required=True, allow_none=True)
    country = fields.String(required=True)
    currency = fields.String(required=True)
    state = fields.String(required=True)
    consent_mode = fields.String(required=True)
    created_at = schemas.Instant(required=True)


class ShopList(schemas.Schema):
    """A page of shops."""

    items = fields.List(fields.Nested(ShopRow), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class NewDomain(schemas.Schema):
    """A host that the shop says is its own, and how it will prove that."""

    host = schemas.Text(required=True, minimum=1, maximum=300)
    proof = schemas.Text(load_default="file", validate=[validate.OneOf(PROOFS)])
    shop_id = schemas.Uuid(load_default=None)


class NewProof(schemas.Schema):
    """Which way of proving to look at; left out, the one that was chosen."""

    proof = schemas.Text(load_default=None, validate=[validate.OneOf(PROOFS)])


class DomainRow(schemas.Schema):
    """A host with its proof; `instructions` say what to place where."""

    id = schemas.Uuid(required=True)
    shop_id = schemas.Uuid(required=True)
    host = fields.String(required=True)
    proof = fields.String(required=True)
    proof_token = fields.String(required=True)
    proof_url = fields.String(required=True)
    instructions = fields.String(required=True)
    state = fields.String(required=True)
    verified_at = schemas.Instant(required=True, allow_none=True)


class DomainList(schemas.Schema):
    """A page of hosts."""

    items = fields.List(fields.Nested(DomainRow), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class MemberRow(schemas.Schema):
    """A person who works for a shop."""

    id = schemas.Uuid(required=True)
    shop_id = schemas.Uuid(required=True)
    user_id = schemas.Uuid(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True)
    role = fields.String(required=True)


class MemberList(schemas.Schema):
    """A page of members."""

    items = fields.List(fields.Nested(MemberRow), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ChangeRole(schemas.Schema):
    """The role that a member gets."""

    role = schemas.Text(required=True, validate=[validate.OneOf(members.ROLES)])


class MemberChanged(schemas.Schema):
    """A membership after a change."""

    id = schemas.Uuid(required=True)
    shop_id = schemas.Uuid(required=True)
    user_id = schemas.Uuid(required=True)
    role = fields.String(required=True)
    removed_at = schemas.Instant(required=True, allow_none=True)


class NewInvitation(schemas.Schema):
    """Whom to invite, as what."""

    email = schemas.Email(required=True)
    role = schemas.Text(load_default="staff", validate=[validate.OneOf(members.ROLES)])
    shop_id = schemas.Uuid(load_default=None)


class InvitationRow(schemas.Schema):
    """An invitation; its token is only in the mail."""

    id = schemas.Uuid(required=True)
    shop_id = schemas.Uuid(required=True)
    email = fields.String(required=True)
    role = fields.String(required=True)
    state = fields.String(required=True)
    expires_at = schemas.Instant(required=True)


class InvitationList(schemas.Schema):
    """A page of invitations."""

    items = fields.List(fields.Nested(InvitationRow), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class NewKey(schemas.Schema):
    """A key for a program; no scopes means everything that its owner may do by key."""

    name = schemas.Text(required=True, minimum=1, maximum=80)
    mode = schemas.Text(load_default="live", validate=[validate.OneOf(tuple(keys.PREFIXES))])
    scopes = fields.List(
        schemas.Text(minimum=3, maximum=80), load_default=list, validate=validate.Length(max=50)
    )
    bound_to = schemas.Text(load_default=None, validate=[validate.OneOf(("shop", "adviser"))])
    shop_id = schemas.Uuid(load_default=None)


class KeyRow(schemas.Schema):
    """A key without its text."""

    id = schemas.Uuid(required=True)
    name = fields.String(required=True)
    mode = fields.String(required=True)
    prefix = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    shop_id = schemas.Uuid(required=True, allow_none=True)
    adviser_id = schemas.Uuid(required=True, allow_none=True)
    user_id = schemas.Uuid(required=True)
    created_at = schemas.Instant(required=True)
    last_used_at = schemas.Instant(required=True, allow_none=True)
    revoked_at = schemas.Instant(required=True, allow_none=True)


class KeyMade(KeyRow):
    """A key just made; `key` is never shown again."""

    key = fields.String(required=True)


class KeyList(schemas.Schema):
    """A page of keys."""

    items = fields.List(fields.Nested(KeyRow), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class NewAgreement(schemas.Schema):
    """Which text is agreed to; version and hash must be those of the text in force."""

    kind = schemas.Text(required=True, validate=[validate.OneOf(agreements.KINDS)])
    version = schemas.Integer(required=True, minimum=1, maximum=10_000)
    sha256 = schemas.Text(required=True, minimum=64, maximum=64)
    shop_id = schemas.Uuid(load_default=None)


class AgreementRow(schemas.Schema):
    """Somebody agreed to a text."""

    id = schemas.Uuid(required=True)
    kind = fields.String(required=True)
    version = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    user_id = schemas.Uuid(required=True)
    shop_id = schemas.Uuid(required=True, allow_none=True)
    adviser_id = schemas.Uuid(required=True, allow_none=True)
    accepted_at = schemas.Instant(required=True)


class DocumentRow(schemas.Schema):
    """A text in force."""

    kind = fields.String(required=True)
    version = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    text = fields.String(required=True)


class AgreementList(schemas.Schema):
    """What was agreed to, and the texts in force; few enough for one page."""

    items = fields.List(fields.Nested(AgreementRow), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    documents = fields.List(fields.Nested(DocumentRow), required=True)
