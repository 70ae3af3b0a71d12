"""Who is acting: the person or key behind a request, as policy and services see it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from marketplace.core.errors import NotFound


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who asks for something.

    `roles` holds any of adviser, owner, staff, finance, admin, member (a verified person without a role yet).
    `shop_ids` are the shops whose rows may be seen; `owned_shop_ids` the ones where the person is owner.
    `via` says how they came: session (cookie), token (bearer from a password sign-in) or key (API key).
    `password_at` and `totp_at` are wall times of the last proof.
    """

    user_id: UUID | None = None
    roles: frozenset[str] = frozenset({"anonymous"})
    shop_ids: tuple[UUID, ...] = ()
    owned_shop_ids: tuple[UUID, ...] = ()
    adviser_id: UUID | None = None
    via: str | None = None
    mode: str = "live"
    scopes: tuple[str, ...] = ()
    key_shop_id: UUID | None = None
    key_adviser_id: UUID | None = None
    credential_id: UUID | None = None
    password_at: dt.datetime | None = None
    totp_enrolled: bool = False
    totp_at: dt.datetime | None = None
    name: str = ""

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody is signed in."""
        return self.user_id is None

    @property
    def is_authenticated(self) -> bool:
        """Tell flask-login whether somebody is signed in."""
        return self.user_id is not None

    @property
    def is_active(self) -> bool:
        """Tell flask-login that this person may act; suspended people are never loaded."""
        return self.user_id is not None

    def get_id(self) -> str:
        """Return for flask-login the id of the credential, so that ending it ends what hangs on it."""
        return str(self.credential_id or "")

    @property
    def is_platform(self) -> bool:
        """Tell whether this is finance or admin, who see every tenant's rows."""
        return bool(self.roles & {"finance", "admin"})

    @property
    def label(self) -> str:
        """Return how history names this actor: user and way, never a name or address."""
        return f"{self.via or 'none'}:{self.user_id or 'anonymous'}"

    def adviser(self) -> UUID:
        """Return the adviser that this actor is. Raises NotFound when it is none."""
        if self.adviser_id is None:
            raise NotFound("adviser", "of yours")
        return self.adviser_id


ANONYMOUS = Actor()
SYSTEM = Actor(roles=frozenset({"system"}), via="system")
