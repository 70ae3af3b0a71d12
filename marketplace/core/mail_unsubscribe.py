"""The link that switches a kind of mail off without signing in: signed, for one person and one kind, for good.

Readers without an account have one of the same make that ends one follow. It can do nothing else, so it may lie in
mailboxes for years; it survives a change of the application's key as long as the old key is among the fallbacks.
"""

from __future__ import annotations

from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from marketplace.core import config, mail_kinds
from marketplace.core.errors import Gone

LONGEST = 200
_FOLLOW = "mail.follow"


class UnsubscribeLinkBroken(Gone):
    """The link is not one of ours, or was cut on its way."""

    code = "unsubscribe_link_broken"
    title = "This link does not work"
    detail = "The link is not whole, so we can't tell which mails to switch off."
    next = "Sign in and switch them off under Account, Notifications."


def _serializer(salt: str = "mail.unsubscribe") -> URLSafeSerializer:
    settings = config.current()
    # It signs with the last key and believes them all.
    return URLSafeSerializer([*settings.secret_key_fallbacks, settings.secret_key], salt=salt)


def token(user_id: UUID, kind: str) -> str:
    """Return the signed token for a person and a kind."""
    signed: str = _serializer().dumps([user_id.hex, kind])
    return signed


def address(user_id: UUID, kind: str) -> str:
    """Return the address that stands in a mail."""
    return f"{config.current().base_url}/unsubscribe?t={token(user_id, kind)}"


def read(text: str) -> tuple[UUID, mail_kinds.Kind]:
    """Return whose and which mails a token is about. Raises UnsubscribeLinkBroken (410)."""
    if len(text) > LONGEST:
        raise UnsubscribeLinkBroken()
    try:
        person, name = _serializer().loads(text)
        kind = mail_kinds.kinds()[name]
        return UUID(hex=person), kind
    except (BadData, KeyError, ValueError, TypeError) as error:
        raise UnsubscribeLinkBroken() from error


def end_of(follow_id: UUID) -> str:
    """Return the signed token that ends one follow of somebody without an account."""
    signed: str = _serializer(_FOLLOW).dumps(follow_id.hex)
    return signed


def follow_of(text: str) -> UUID | None:
    """Return the follow that a token ends, or None when it is no such token."""
    try:
        return UUID(hex=_serializer(_FOLLOW).loads(text[:LONGEST]))
    except (BadData, ValueError, TypeError, AttributeError):
        return None
