"""Who looks at pages: one person for each role, signed in by a row, in the fair or in a demo's world."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from marketplace.accounts.models import AuthSession, UserAccount
from marketplace.core import clock, ids
from marketplace.devtools.people import sign_up

# The logins of the demo that play a role: those whose pages have most on them.
_CAST = {
    "owner": "sanne@",
    "adviser": "lieke@",
    "finance": "finance1@",
    "checker": "finance2@",
    "admin": "admin@",
}
_NEWCOMERS = {"new_adviser": "adviser", "new_owner": "shop_owner"}


@dataclass(frozen=True)
class Guest:
    """Somebody who looks at pages: the facts that queries for their things take, and what signs them in."""

    role: str
    email: str
    user_id: uuid.UUID
    adviser_id: uuid.UUID | None = None
    shop_id: uuid.UUID | None = None
    totp_secret: str | None = None
    cookie: str = ""


@contextmanager
def as_owner(engine: sa.Engine) -> Iterator[orm.Session]:
    """Open a transaction as the owner of the tables, on the engine of a role that may be it."""
    with orm.Session(engine, expire_on_commit=False) as session, session.begin():
        session.execute(sa.text("SET LOCAL ROLE aanrader_owner"))
        yield session


def sign_in(engine: sa.Engine, user_id: uuid.UUID) -> str:
    """Sign somebody in now, with the second factor where they have one; return what the cookie holds."""
    token, wall = ids.secret_token(), clock.wall()
    with as_owner(engine) as session:
        user = session.get_one(UserAccount, user_id)
        row = AuthSession(
            user_id=user.id,
            kind="cookie",
            token_hash=ids.digest(token),
            session_key=user.session_key,
            password_at=wall,
            totp_at=wall if user.totp_secret else None,
            # Beyond the end of a bench, so that no page has to write down that somebody was seen.
            last_seen_at=wall + dt.timedelta(minutes=30),
            expires_at=wall + dt.timedelta(hours=9),
        )
        session.add(row)
    return token


def of_demo(facts: Mapping[str, Any], engine: sa.Engine) -> dict[str, Guest]:
    """Return who plays the roles in a demo's world, signed in; two newcomers sign up at the first time.

    facts: as they stand in demo.json; engine: of the demo's administrator.
    """
    found = {}
    for role, begins in _CAST.items():
        login = next(one for one in facts["logins"] if one["email"].startswith(begins))
        found[role] = _guest(engine, role, login)
    for role, kind in _NEWCOMERS.items():
        email = f"{role.replace('_', '-')}@pages.example"
        with as_owner(engine) as session:
            statement = (
                "SELECT u.id AS user_id, a.id AS adviser_id, NULL AS shop_id, NULL AS totp_secret FROM user_account u"
                " LEFT JOIN adviser a ON a.user_id = u.id WHERE u.email = :email"
            )
            row = session.execute(sa.text(statement), {"email": email}).mappings().first()
        known = dict(row) if row else sign_up(facts, kind, "Nina Nieuw", email).login()
        found[role] = _guest(engine, role, known | {"email": email})
    return found


def _guest(engine: sa.Engine, role: str, login: Mapping[str, Any]) -> Guest:
    ids_of = {
        name: login[name] and uuid.UUID(str(login[name])) for name in ("user_id", "adviser_id", "shop_id")
    }
    cookie = sign_in(engine, ids_of["user_id"])
    return Guest(role, login["email"], **ids_of, totp_secret=login["totp_secret"], cookie=cookie)
