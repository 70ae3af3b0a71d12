"""Whose rows a transaction may touch: said to PostgreSQL at its beginning, where row-level security holds it to that.

A request acts as its actor. The few places that act before an actor is known, or for nobody in particular, name one
of the scopes below; docs/decisions/0018 lists these places, and a test holds the list complete.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import orm


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a transaction may touch, as row-level security sees it.

    role: finance or admin, or one of the named scopes below; empty for everybody else.
    """

    actor_id: uuid.UUID | None = None
    shop_ids: tuple[uuid.UUID, ...] = ()
    adviser_id: uuid.UUID | None = None
    role: str = ""

    def settings(self) -> dict[str, str]:
        """Return the values of app.actor, app.shop_ids, app.adviser_id and app.role."""
        return {
            "actor": str(self.actor_id or ""),
            "shops": "{" + ",".join(str(shop) for shop in self.shop_ids) + "}",
            "adviser": str(self.adviser_id or ""),
            "role": self.role,
        }


NOBODY = Scope()
# Signing up and in, sessions and keys, links of mails, invitations: credentials prove somebody here.
DOOR = Scope(role="door")
# What Stripe signed is stored; nothing else.
WEBHOOK = Scope(role="webhook")
# How much is due is counted, in demo and test mode.
WATCH = Scope(role="watch")

SET = (
    "SELECT set_config('app.actor', :actor, true), set_config('app.shop_ids', :shops, true),"
    " set_config('app.adviser_id', :adviser, true), set_config('app.role', :role, true)"
)
_SET = sa.text(SET)
_outside: list[Scope] = [NOBODY]
_scope: ContextVar[Scope | None] = ContextVar("scope", default=None)


def set_outside(scope: Scope) -> None:
    """Let transactions of this process that belong to no request act as `scope`; nobody, unless told otherwise."""
    _outside[:] = [scope]


def current_scope() -> Scope:
    """Return as whom a transaction that begins now acts."""
    return _scope.get() or _outside[0]


def set_scope(scope: Scope | None) -> None:
    """Let the following transactions of this request act as `scope`; None ends the request."""
    _scope.set(scope)


@contextmanager
def use_scope(scope: Scope) -> Iterator[None]:
    """Let transactions that begin inside the block act as `scope`."""
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)


def of_begun(session: orm.Session, transaction: orm.SessionTransaction) -> Scope:
    """Return the scope of a transaction that begins; a savepoint goes on as the transaction that it is part of."""
    if not (transaction.nested and "scope" in session.info):
        session.info["scope"] = current_scope()
    scope: Scope = session.info["scope"]
    return scope


@contextmanager
def within(session: orm.Session, scope: Scope) -> Iterator[None]:
    """Let the statements of the block act as `scope`, in the transaction that is open already.

    What waits to be written is written before and after, so that nothing else slips in under that scope.
    """
    session.flush()
    before: Scope = session.info.get("scope", current_scope())
    _change(session, scope)
    try:
        yield
        session.flush()
    finally:
        session.info["scope"] = before
        # After a failed statement PostgreSQL takes no other one, and the rollback puts the settings back.
        if not _is_broken(session):
            _change(session, before)


def adopt_shop(session: orm.Session, shop_id: uuid.UUID) -> None:
    """Let the rest of this transaction act for a shop that it is about to make."""
    scope: Scope = session.info.get("scope", current_scope())
    _change(session, replace(scope, shop_ids=(*scope.shop_ids, shop_id)))


def _change(session: orm.Session, scope: Scope) -> None:
    session.connection().execute(_SET, scope.settings())
    session.info["scope"] = scope


def _is_broken(session: orm.Session) -> bool:
    driver: Any = session.connection().connection.driver_connection
    return bool(driver.info.transaction_status == psycopg.pq.TransactionStatus.INERROR)
