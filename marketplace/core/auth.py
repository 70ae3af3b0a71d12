"""Who is asking: finds the actor of a request, and scopes the database to what that actor may touch."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import flask

from marketplace.core import clock, config, db, policy
from marketplace.core.actor import ANONYMOUS, Actor
from marketplace.core.errors import Forbidden

__all__ = ["Actor", "csrf_token", "current_actor", "enforce", "set_actor_loader"]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ActorLoader = Callable[[flask.Request], Actor | None]
_loader: list[ActorLoader] = []


class CsrfRefused(Forbidden):
    """A browser session sent an unsafe request without the token that proves our own page sent it."""

    code = "csrf_refused"
    title = "This form has expired"
    detail = "The request did not carry this session's X-CSRF-Token."
    next = "Reload the page and send the form again."


def set_actor_loader(loader: ActorLoader) -> None:
    """Let `loader(request)` find actors; the accounts room calls this at registration."""
    _loader[:] = [loader]


def current_actor() -> Actor:
    """Return the actor of this request; an anonymous one when nobody is signed in."""
    if "actor" not in flask.g:
        flask.g.actor = (_loader[0](flask.request) if _loader else None) or ANONYMOUS
    actor: Actor = flask.g.actor
    return actor


def csrf_token(actor: Actor) -> str:
    """Return the token that pages of this session must send with unsafe requests; bound to the session row."""
    secret = config.current().secret_key.encode()
    return hmac.digest(secret, f"csrf:{actor.credential_id}".encode(), hashlib.sha256).hex()


def enforce(rule: policy.Rule) -> Actor:
    """Let the request pass when the rule allows it and scope the database to its actor; else raise."""
    actor = ANONYMOUS if rule.public and not _may_carry_actor(flask.request) else current_actor()
    flask.g.actor = actor
    policy.check(rule, actor, clock.wall())
    if actor.via == "session" and flask.request.method not in SAFE_METHODS:
        given = flask.request.headers.get("X-CSRF-Token") or flask.request.form.get("csrf_token", "")
        if not hmac.compare_digest(given.encode(), csrf_token(actor).encode()):
            raise CsrfRefused()
    role = next((name for name in ("finance", "admin") if name in actor.roles), "")
    db.set_scope(db.Scope(actor.user_id, actor.shop_ids, actor.adviser_id, role))
    return actor


def _may_carry_actor(request: flask.Request) -> bool:
    """Tell whether a request to an open route came with credentials at all; most don't, and cost no look-up."""
    return "Authorization" in request.headers or bool(request.cookies)
