"""Who is asking: finds the actor of a request, and scopes the database to what that actor may touch."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

import flask
import flask_login

from marketplace.core import clock, config, db, policy
from marketplace.core.actor import ANONYMOUS, Actor
from marketplace.core.errors import Forbidden

__all__ = ["Actor", "csrf_masked", "csrf_token", "current_actor", "enforce", "set_actor_loader"]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What a browser sends to another site without asking that site first (Fetch, simple requests); bare bytes too.
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""})
_PROOF_BYTES = hashlib.sha256().digest_size
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


def install(app: flask.Flask) -> None:
    """Let flask-login hold the actor of each request, found by the loader that accounts registered.

    Who is signed in is decided by our own rows (session, token, key), never by the signed cookie alone.
    """
    manager = flask_login.LoginManager()
    manager.session_protection = None
    manager.anonymous_user = lambda: ANONYMOUS
    manager.request_loader(lambda request: _loader[0](request) if _loader else None)
    # Templates get the actor from `pages.render`; looked up once more there, a refused one would raise again.
    manager.init_app(app, add_context_processor=False)


def current_actor() -> Actor:
    """Return the actor of this request; an anonymous one when nobody is signed in."""
    actor: Actor = flask_login.current_user._get_current_object()
    return actor


def csrf_token(actor: Actor) -> str:
    """Return the token that programs of this session must send with unsafe requests; bound to the session row."""
    return _csrf_proof(actor).hex()


def csrf_masked(actor: Actor) -> str:
    """Return the same token under a mask that is drawn anew each time: what stands in a page, which may be packed.

    The mask, then the token XOR the mask, as hexadecimal digits (Django's CSRF tokens are masked so since 1.10).
    """
    mask = secrets.token_bytes(_PROOF_BYTES)
    return (mask + _xor(mask, _csrf_proof(actor))).hex()


def _csrf_proof(actor: Actor) -> bytes:
    secret = config.current().secret_key.encode()
    return hmac.digest(secret, f"csrf:{actor.credential_id}".encode(), hashlib.sha256)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other, strict=True))


def _proves(given: str, actor: Actor) -> bool:
    """Tell whether a token, masked or not, is the one of this session; in the same time whatever it is."""
    try:
        told = bytes.fromhex(given)
    except ValueError:
        return False
    if len(told) == 2 * _PROOF_BYTES:
        told = _xor(told[:_PROOF_BYTES], told[_PROOF_BYTES:])
    return hmac.compare_digest(told, _csrf_proof(actor))


def enforce(rule: policy.Rule) -> Actor:
    """Let the request pass when the rule allows it and scope the database to its actor; else raise."""
    actor = current_actor() if _may_carry_actor(flask.request) else ANONYMOUS
    flask.g.actor = actor
    policy.check(rule, actor, clock.wall())
    if flask.request.method not in SAFE_METHODS:
        _refuse_foreign_form(flask.request, actor)
    role = next((name for name in ("finance", "admin") if name in actor.roles), "")
    db.set_scope(db.Scope(actor.user_id, actor.shop_ids, actor.adviser_id, role))
    return actor


def is_own_form(request: flask.Request, actor: Actor) -> bool:
    """Tell whether a request of a session carries the token that only our own pages hold."""
    return _proves(request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", ""), actor)


def _refuse_foreign_form(request: flask.Request, actor: Actor) -> None:
    """Raise CsrfRefused for an unsafe request that another site may have made a browser send.

    A session proves itself by its token. A form of somebody who is not signed in has none, so that what browsers
    say of its origin counts (Fetch Metadata, W3C; Origin, RFC 6454): nobody can be signed in as somebody else.
    """
    if actor.via == "session":
        if not is_own_form(request, actor):
            raise CsrfRefused()
    elif actor.is_anonymous and request.mimetype in FORM_TYPES:
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if site not in ("same-origin", "none") or (origin and urlsplit(origin).netloc != request.host):
            raise CsrfRefused()


def _may_carry_actor(request: flask.Request) -> bool:
    """Tell whether a request came with credentials at all; one that did not costs no look-up."""
    return "Authorization" in request.headers or bool(request.cookies)
