"""The web application: puts rooms together, guards every route, answers each refusal in one shape."""

from __future__ import annotations

import datetime as dt
import functools
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import flask
import sqlalchemy as sa
import structlog
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as MethodNotAllowedHttp
from werkzeug.middleware.proxy_fix import ProxyFix

from marketplace.core import assets, auth, bodies, config, db, errors, pages, policy, refusals
from marketplace.core.api import OPENAPI, Api, ApiBlueprint, Parser, refuse_undeclared

__all__ = ["ApiBlueprint", "Parser", "body_limit", "create_app", "request_now", "takes_bytes", "tracked_url"]

log = structlog.get_logger(__name__)
F = TypeVar("F", bound=Callable[..., Any])

ROOT = Path(__file__).resolve().parents[2]
BODY_LIMIT = 1_000_000
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class UnguardedRoute(RuntimeError):
    """A route has no policy; the application does not start like that."""


def body_limit(limit: int) -> Callable[[F], F]:
    """Let one view take bodies of up to `limit` bytes instead of 1 MB."""

    def mark(view: F) -> F:
        view._body_limit = limit  # type: ignore[attr-defined]
        return view

    return mark


def takes_bytes(view: F) -> F:
    """Let one view read the body itself, whatever its kind."""
    view._takes_bytes = True  # type: ignore[attr-defined]
    return view


def request_now() -> dt.datetime:
    """Return business time, the same instant for the whole request."""
    return pages.business_now()


def tracked_url(adviser_code: str, offer_code: str, page_code: str | None = None) -> str:
    """Return the address under which an adviser's link to an offer lives, whatever page it stands on."""
    query = f"?p={page_code}" if page_code else ""
    return f"{config.current().edge_url}/o/{adviser_code}/{offer_code}{query}"


def create_app(settings: config.Settings, blueprints: Iterable[flask.Blueprint]) -> flask.Flask:
    """Build the web application from the rooms' blueprints.

    Raises SettingsError when a secret is missing, UnguardedRoute when a route names no policy.
    """
    config.refuse_without_secrets(settings)
    app = flask.Flask("marketplace", root_path=str(ROOT), static_folder="static")
    app.config.update(
        OPENAPI,
        SECRET_KEY=settings.secret_key,
        SECRET_KEY_FALLBACKS=list(settings.secret_key_fallbacks),
        MAX_CONTENT_LENGTH=BODY_LIMIT,
        MAX_FORM_PARTS=100,
        TRUSTED_HOSTS=settings.trusted_hosts,
        DEBUG=False,
        SESSION_COOKIE_SECURE=settings.base_url.startswith("https"),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        # flask-login would read a remember-me cookie before our loader; no cookie has this name.
        REMEMBER_COOKIE_NAME=None,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.request_class = bodies.Request
    # A path with an empty part is a page that isn't there, not a redirect to another one.
    app.url_map.merge_slashes = False
    app.extensions["settings"] = settings
    auth.install(app)
    pages.install(app)
    app.before_request(_before)
    app.after_request(_after)
    app.teardown_request(_teardown)
    api = Api(app)
    for blueprint in blueprints:
        if isinstance(blueprint, ApiBlueprint):
            api.register_blueprint(blueprint)
        else:
            app.register_blueprint(blueprint)
    _guard_library_routes(app)
    refuse_unguarded(app)
    app.register_error_handler(Exception, _answer_error)
    if hops := settings.trusted_proxies:
        # Only what our own proxies wrote counts: that many places from the right, the rest anybody can write.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    return app


def _guard_library_routes(app: flask.Flask) -> None:
    """Name the policy of the two routes that libraries bring: our static files and the API's description."""
    app.view_functions["static"] = assets.serve
    for endpoint in ("static", "api-docs.openapi_json"):
        if endpoint in app.view_functions:
            app.view_functions[endpoint] = policy.policy("public", "read")(
                _as_function(app.view_functions[endpoint])
            )


def _as_function(view: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a bound method, which can't carry a mark, in a function, which can."""

    @functools.wraps(view)
    def call(*arguments: Any, **named: Any) -> Any:
        return view(*arguments, **named)

    return call


def refuse_unguarded(app: flask.Flask) -> None:
    """Raise UnguardedRoute when any rule of the application names no row of the matrix."""
    bare = sorted(
        f"{'|'.join(sorted(rule.methods or ()))} {rule.rule}"
        for rule in app.url_map.iter_rules()
        if policy.rule_of(app.view_functions.get(rule.endpoint)) is None
    )
    if bare:
        raise UnguardedRoute("these routes name no @policy: " + ", ".join(bare))


def _before() -> None:
    db.set_scope(db.NOBODY)
    pages.begin()
    flask.g.request_id = uuid.uuid4().hex
    structlog.contextvars.bind_contextvars(request_id=flask.g.request_id)
    request, app = flask.request, flask.current_app
    if request.routing_exception is not None:
        return
    _refuse_unreadable_address(request)
    view = app.view_functions[request.endpoint or ""]
    limit = getattr(view, "_body_limit", BODY_LIMIT)
    request.max_content_length = limit
    if request.content_length is not None and request.content_length > limit:
        raise errors.PayloadTooLarge(limit=limit)
    rule = policy.rule_of(view)
    if rule is None:
        raise errors.InvariantViolation(what=f"{request.endpoint} names no policy")
    auth.enforce(rule)
    if isinstance(app.blueprints.get(request.blueprint or ""), ApiBlueprint):
        refuse_undeclared(request, view)


def _refuse_unreadable_address(request: flask.Request) -> None:
    """Raise MalformedAddress for a path or query that is not UTF-8, and for control characters in a path."""
    try:
        path = request.environ.get("PATH_INFO", "").encode("latin-1").decode()
        unquote_to_bytes(request.query_string).decode()
    except UnicodeError as error:
        raise errors.MalformedAddress(reason="it is not UTF-8") from error
    if any(ord(char) < 32 or ord(char) == 127 for char in path):
        raise errors.MalformedAddress(reason="the path holds control characters")


def _after(response: flask.Response) -> flask.Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    headers["X-Request-Id"] = flask.g.get("request_id", "")
    if flask.request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
        # What is the same for everybody may be kept for everybody.
        if not response.cache_control.public:
            headers.add("Vary", "Cookie, Authorization")
    if flask.request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    return response


def _teardown(_error: BaseException | None) -> None:
    db.close_reading_sessions()
    db.set_scope(None)
    structlog.contextvars.clear_contextvars()


def _answer_error(error: Exception) -> flask.Response:
    refusal = name_error(error)
    if refusal.status >= 500:
        log.error("request_failed", code=refusal.code, facts=repr(refusal.facts), exc_info=error)
    response = refusals.as_page(refusal) if pages.wants_page(flask.request) else _as_problem(refusal)
    if isinstance(refusal, (errors.RateLimited, errors.Unavailable)):
        response.headers["Retry-After"] = str(refusal.facts.get("retry_after", 2))
    if isinstance(error, MethodNotAllowedHttp) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _as_problem(refusal: errors.AppError) -> flask.Response:
    response = flask.jsonify(refusal.problem())
    response.status_code = refusal.status
    response.content_type = "application/problem+json"
    return response


def name_error(error: Exception) -> errors.AppError:
    """Return the named refusal for any exception; what nobody foresaw becomes a plain 500 without detail."""
    if isinstance(error, errors.InvariantViolation):
        named = errors.AppError()
        named.facts = error.facts
        return named
    if isinstance(error, errors.AppError):
        return error
    if isinstance(error, HTTPException):
        return _name_http(error)
    if isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)):
        return errors.Unavailable(retry_after=2)
    return _name_locked(error) or errors.AppError()


def _name_locked(error: Exception) -> errors.AppError | None:
    """Return the refusal for what the database itself kept from the actor, or None when it was something else.

    A row that row-level security hides or does not let in looks like one that is not there; services stop before
    that, so each of these is logged as a hole in one of them. Sentences of PostgreSQL for these name no value.
    """
    cause: Any = getattr(error, "orig", None)
    if getattr(cause, "sqlstate", None) == "42501":
        said = str(cause.diag.message_primary)
        log.error("refused_by_database", said=said, exc_info=error)
        return errors.NotFound() if "row-level security" in said else errors.Forbidden()
    if isinstance(error, (sa.exc.NoResultFound, StaleDataError)):
        log.error("row_not_there", error=type(error).__name__, exc_info=error)
        return errors.NotFound()
    return None


def _name_http(error: HTTPException) -> errors.AppError:
    request = flask.request
    match error.code:
        case 404:
            return errors.NotFound("page", request.path)
        case 405:
            return errors.MethodNotAllowed(method=request.method)
        case 413:
            return errors.PayloadTooLarge(limit=request.max_content_length)
        case 415:
            return errors.UnsupportedMedia(wanted="application/json", got=request.mimetype)
        case 400:
            return errors.MalformedAddress(reason=error.name.lower())
    return OtherHttp(error.code or 500, error.name)


class OtherHttp(errors.AppError):
    """An answer of the HTTP layer that needs no name of its own."""

    code = "http_error"

    def __init__(self, status: int, title: str) -> None:
        super().__init__()
        self.status, self.title = status, title  # type: ignore[misc]
