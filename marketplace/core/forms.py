"""Forms of pages: the same schemas as the API's, fed from what a browser sends, and kept for showing again.

A browser sends flat strings. A field named "rate.percent" nests, a name that stands several times makes a list, and
an empty field counts as absent; then the schema reads it as strictly as it reads JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import flask
import marshmallow as ma
from marshmallow import fields
from werkzeug.datastructures import MultiDict

from marketplace.core import formats, schemas
from marketplace.core.errors import (
    AppError,
    InvalidInput,
    NotAuthenticated,
    RateLimited,
    ReauthenticationNeeded,
)
from marketplace.core.money import Money

T = TypeVar("T")
# What every form of ours carries beside its own fields.
ENVELOPE = frozenset({"csrf_token", "next", "act", "kept", "once"})
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
# An amount as the Dutch type it, with or without points between thousands; and as the English do with commas there.
_DECIMAL_COMMA = re.compile(r"(-?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)),([0-9]{1,3})", re.ASCII)
_THOUSANDS = re.compile(r"(-?[0-9]{1,3}(?:,[0-9]{3})+)\.([0-9]{1,3})", re.ASCII)


class Form:
    """One form as it was sent or as it is first shown.

    values: what stands in its fields, strings by name; errors: sentences by name of field;
    refusal: why the act was refused, or None; status: what the page that shows it again answers.
    """

    def __init__(self, schema: type[ma.Schema] | ma.Schema, initial: Mapping[str, Any] | None = None) -> None:
        self.schema = schema() if isinstance(schema, type) else schema
        self.values: dict[str, Any] = {
            name: value for name, value in (initial or {}).items() if value is not None
        }
        self.errors: dict[str, list[str]] = {}
        self.refusal: AppError | None = None
        self.status = 200

    def value(self, name: str, default: Any = "") -> Any:
        """Return what stands in a field."""
        return self.values.get(name, default)

    def send(self, act: Callable[[dict[str, Any]], T], given: MultiDict[str, str] | None = None) -> T | None:
        """Read what the browser sent, run `act` with it and return its result; None when it was refused.

        given: the fields, `flask.request.form` by default. A refusal (4xx) is kept for the page that shows the
        form again, with what was typed; a missing sign-in or proof, and what is not the sender's fault, is raised.
        """
        sent = flask.request.form if given is None else given
        self.values = {
            name: values if len(values) > 1 and _is_list(self.schema, name) else values[-1]
            for name, values in sent.lists()
            if name not in ENVELOPE
        }
        try:
            data = self.read(sent)
            return act(data)
        except (NotAuthenticated, ReauthenticationNeeded) as error:
            # A wrong password is an answer to this form; no sign-in at all is not.
            if type(error) in (NotAuthenticated, ReauthenticationNeeded):
                raise
            self._keep(error)
        except AppError as error:
            if error.status >= 500:
                raise
            self._keep(error)
        return None

    def read(self, sent: MultiDict[str, str]) -> dict[str, Any]:
        """Return what the schema makes of the fields. Raises InvalidInput with sentences by field."""
        try:
            loaded: dict[str, Any] = self.schema.load(as_data(sent, self.schema))
        except ma.ValidationError as error:
            raise InvalidInput(schemas.flatten(error.normalized_messages())) from error  # type: ignore[no-untyped-call]
        return loaded

    def _keep(self, error: AppError) -> None:
        self.refusal, self.status = error, error.status
        if isinstance(error, RateLimited):
            _wait(error)
        if isinstance(error, InvalidInput):
            self.errors = {name: list(map(str, told)) for name, told in error.errors.items()}


def _wait(refusal: RateLimited) -> None:
    """Let the answer say when it is worth trying again, as refusals do that are pages of their own."""

    @flask.after_this_request
    def say(response: flask.Response) -> flask.Response:
        response.headers["Retry-After"] = str(refusal.facts.get("retry_after", 2))
        return response


def as_data(sent: MultiDict[str, str], schema: ma.Schema) -> dict[str, Any]:
    """Return flat fields as the nested data that a schema reads; what nobody declared stays in, to be refused."""
    tree: dict[str, Any] = {}
    for name, values in sent.lists():
        if name in ENVELOPE:
            continue
        path = name.split(".")
        field = _field(schema, path)
        given = _list(field, values) if isinstance(field, fields.List) else _one(field, values[-1])
        if given is None:
            continue
        here = tree
        for part in path[:-1]:
            deeper = here.setdefault(part, {})
            if not isinstance(deeper, dict):
                raise InvalidInput({name: ["Given twice in different shapes."]})
            here = deeper
        here[path[-1]] = given
    return {key: value for key, value in tree.items() if value != {}}


def _field(schema: ma.Schema, path: list[str]) -> fields.Field[Any] | None:
    field: fields.Field[Any] | None = schema.fields.get(path[0])
    for part in path[1:]:
        if isinstance(field, fields.Nested):
            field = field.schema.fields.get(part)
        elif isinstance(field, schemas.MoneyField):
            field = None
    return field


def _is_list(schema: ma.Schema, name: str) -> bool:
    """Tell whether a field may stand several times; of any other the last one counts, and is shown again."""
    return isinstance(_field(schema, name.split(".")), fields.List)


def _list(field: fields.List[Any], values: list[str]) -> list[Any] | None:
    read = [_one(field.inner, value) for value in values if value.strip()]
    return read or None


def _one(field: fields.Field[Any] | None, value: str) -> Any:
    """Return a string of a form as the JSON value that a field wants; None when it is empty."""
    if not value.strip():
        return None
    if isinstance(field, schemas.Boolean | fields.Boolean):
        return {"true": True, "on": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    if isinstance(field, schemas.Integer | fields.Integer) and _NUMBER.fullmatch(value.strip()):
        return int(value)
    if field is None and (
        found := _DECIMAL_COMMA.fullmatch(value.strip()) or _THOUSANDS.fullmatch(value.strip())
    ):
        # The schema of money wants a point, and nothing else, before the cents.
        return f"{re.sub('[.,]', '', found[1])}.{found[2]}"
    return value.replace("\r\n", "\n")


def money_values(name: str, amount: Money | None, currency: str = "EUR") -> dict[str, str]:
    """Return the two values of a money field for a form's `initial`, the amount as its reader types it."""
    return {
        f"{name}.amount": "" if amount is None else formats.typed(str(amount)),
        f"{name}.currency": currency if amount is None else amount.currency,
    }


class Query:
    """The filter of a list as it stands in the address: wrong values are left out and said, never an error page.

    data: what the schema read; ignored: names of what could not be read; values: what stands in the filter's fields.
    """

    def __init__(self, schema: type[ma.Schema]) -> None:
        declared = schema()
        given = {
            name: value
            for name, value in flask.request.args.items()
            if name in declared.fields and value.strip()
        }
        self.ignored: list[str] = []
        try:
            self.data: dict[str, Any] = declared.load(given)
        except ma.ValidationError as error:
            self.ignored = sorted(schemas.flatten(error.normalized_messages()))  # type: ignore[no-untyped-call]
            wrong = {name.split(".")[0] for name in self.ignored}
            given = {name: value for name, value in given.items() if name not in wrong}
            self.data = declared.load(given)
        self.values: dict[str, str] = given

    def address(self, **changes: Any) -> str:
        """Return this page's address with parts of the filter changed; None takes a part away."""
        merged = {**self.values, **changes}
        args = {name: value for name, value in merged.items() if value is not None}
        view = flask.request.view_args or {}
        return flask.url_for(str(flask.request.endpoint), **{**view, **args})
