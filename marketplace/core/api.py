"""The JSON API: blueprints whose arguments are read strictly, one problem+json for each refusal, OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Protocol, TypeVar

import flask
import flask_smorest
import marshmallow as ma
from apispec.ext.marshmallow import MarshmallowPlugin
from webargs.flaskparser import FlaskParser

from marketplace.core import schemas, strict_json
from marketplace.core.errors import InvalidInput, UnsupportedMedia

F = TypeVar("F", bound=Callable[..., Any])


def replayed(response: flask.Response, is_replay: bool) -> flask.Response:
    """Return an answer that says so when it tells what was done before, and nothing was done now."""
    if is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    return response


class Parser(FlaskParser):
    """Reads arguments with our JSON loader; unknown fields and query parameters are refused everywhere."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = dict.fromkeys(
        ("json", "query", "form", "headers", "cookies", "files", "path"), ma.RAISE
    )
    DEFAULT_VALIDATION_STATUS = 422

    def load_json(self, req: flask.Request, schema: ma.Schema) -> Any:
        """Return the body as JSON; an absent body counts as an empty object."""
        raw = req.get_data(cache=True)
        if not raw:
            return {}
        if req.mimetype != "application/json":
            raise UnsupportedMedia(
                wanted="application/json", got=req.mimetype or "a body without Content-Type"
            )
        body = strict_json.load_json(raw)
        if not isinstance(body, dict) and not schema.many:
            raise InvalidInput({"_body": ["The body must be a JSON object."]})
        return body

    def load_querystring(self, req: flask.Request, schema: ma.Schema) -> Any:
        """Return the query, in which every name stands once."""
        repeated = {name: ["Given twice."] for name, values in req.args.lists() if len(values) > 1}
        if repeated:
            raise InvalidInput(repeated)
        return super().load_querystring(req, schema)

    def handle_error(
        self, error: ma.ValidationError, req: Any, schema: Any, *, error_status_code: Any, error_headers: Any
    ) -> NoReturn:
        """Turn marshmallow's messages into the one shape of refusals."""
        messages = error.normalized_messages()  # type: ignore[no-untyped-call]
        fields = messages.get(next(iter(messages)), messages) if len(messages) == 1 else messages
        named = fields if isinstance(fields, dict) else {"_body": fields}
        raise InvalidInput(schemas.flatten(named)) from error


class ProblemSchema(schemas.Schema):
    """problem+json (RFC 9457) with what did not change and what to do."""

    type = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    code = ma.fields.String(required=True)
    detail = ma.fields.String(required=True)
    unchanged = ma.fields.String(required=True)
    next = ma.fields.String(required=True)
    errors = ma.fields.Dict(required=True)


class Decorator(Protocol):
    """What a decorator of the library looks like to the type checker."""

    def __call__(self, view: F, /) -> F:
        """Return the view, registered."""


class ApiBlueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A blueprint of the API: strict arguments, documented in OpenAPI."""

    ARGUMENTS_PARSER = Parser()

    # The library carries no types; what its decorators give back is registered, never called by us.
    route: Callable[..., Decorator]
    get: Callable[..., Decorator]
    post: Callable[..., Decorator]
    put: Callable[..., Decorator]
    patch: Callable[..., Decorator]
    delete: Callable[..., Decorator]
    response: Callable[..., Decorator]
    alt_response: Callable[..., Decorator]
    doc: Callable[..., Decorator]

    def arguments(self, schema: Any, *, location: str = "json", **named: Any) -> Decorator:
        """Read a view's arguments from the body or the query, and remember that it takes some from there."""
        decorate = super().arguments(schema, location=location, **named)

        def remember(view: F) -> F:
            wrapped: F = decorate(view)
            taken: frozenset[str] = getattr(view, "_takes", frozenset())
            wrapped._takes = taken | {location}  # type: ignore[attr-defined]
            return wrapped

        return remember


def refuse_undeclared(request: flask.Request, view: Callable[..., Any]) -> None:
    """Raise InvalidInput for a query or a body that the view never reads, so that nobody believes it counted."""
    taken: frozenset[str] = getattr(view, "_takes", frozenset())
    given = {} if "query" in taken else dict(request.args)
    reads_body = "json" in taken or hasattr(view, "_takes_bytes")
    if not given and not reads_body and request.method not in ("GET", "HEAD", "OPTIONS"):
        given = Parser().load_json(request, _NOTHING)
    if given:
        raise InvalidInput({name: ["Unknown field."] for name in given})


_NOTHING = ma.Schema()


class Api(flask_smorest.Api):  # type: ignore[misc]
    """Collects the blueprints into OpenAPI; errors are rendered by `web`, not by the library."""

    ERROR_SCHEMA = ProblemSchema

    def __init__(self, app: flask.Flask) -> None:
        plugin = MarshmallowPlugin(schema_name_resolver=schema_name)
        super().__init__(app, spec_kwargs={"marshmallow_plugin": plugin})

    def _register_responses(self) -> None:
        """Describe refusals as what they are: the library would say application/json of them too."""
        self.DEFAULT_RESPONSE_CONTENT_TYPE = "application/problem+json"
        try:
            super()._register_responses()
        finally:
            del self.DEFAULT_RESPONSE_CONTENT_TYPE

    def _register_error_handlers(self) -> None:
        """Leave errors to the application's own handlers."""


def schema_name(schema: ma.Schema | type[ma.Schema]) -> str:
    """Return the name of a schema in OpenAPI: the room and the class, so that rooms don't clash."""
    made = schema if isinstance(schema, type) else type(schema)
    room = made.__module__.split(".")[1]
    return f"{room.capitalize()}{made.__name__.removesuffix('Schema')}"


OPENAPI = {
    "API_TITLE": "Aanrader",
    "API_VERSION": "v1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/api",
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "info": {
            "description": (
                "Shops, offers, tracked links, orders, commissions, funding, payout runs and reconciliation. "
                "Money is a decimal string with its currency; errors are problem+json."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        "security": [{"bearer": []}],
    },
}
