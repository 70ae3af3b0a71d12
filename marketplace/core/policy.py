"""Who may do what: the matrix is data, each route names its row, and a route without a name stops the start."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from marketplace.core.actor import Actor
from marketplace.core.errors import Forbidden, NotAuthenticated, ReauthenticationNeeded

COLUMNS = ("anonymous", "member", "adviser", "owner", "staff", "finance", "admin", "shop_key", "adviser_key")
FLAGS = ("totp_in_body", "test_keys", "shop_keys_only", "public")
# What a row says beside its marks, for the page about it and the tests that hold the product to it: which rows exist
# for a column, on which routes, and whether keys see rows of their own mode only. Views don't read it, on purpose:
# what they declare is compared with it.
TOLD = ("rows", "routes", "own_mode", "never")
FRESH = dt.timedelta(minutes=30)
F = TypeVar("F", bound=Callable[..., Any])


class UnknownPolicy(RuntimeError):
    """A route names a row that the matrix does not have, or names none."""


class LiveKeyNeeded(Forbidden):
    """A test key asked for something that lives: only orders and commissions have a test of their own."""

    code = "live_key_needed"
    title = "A test key can't do this"
    detail = "There is no test of {resource}: {action} reads or changes what lives."
    next = "Use a live key, or sign in."


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the matrix: what each column may do. A mark is "yes" or "2" (prove it is you).

    test_keys: it keeps test and live apart by itself, or a test has to read it, so keys of both modes may.
    shop_keys_only: of all keys only those of shops may, whatever their person may.
    """

    resource: str
    action: str
    marks: dict[str, str]
    totp_in_body: bool = False
    test_keys: bool = False
    shop_keys_only: bool = False
    public: bool = False


@cache
def matrix() -> dict[tuple[str, str], Rule]:
    """Return the whole matrix, read from the data files. Raises UnknownPolicy when a file has an unknown word."""
    rules: dict[tuple[str, str], Rule] = {}
    folder = resources.files("marketplace.core") / "policies"
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if not file.name.endswith(".toml"):
            continue
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        for action, row in data["actions"].items():
            flags: dict[str, Any] = {name: bool(row.pop(name, False)) for name in FLAGS}
            for told in TOLD:
                row.pop(told, None)
            if unknown := set(row) - set(COLUMNS) | {
                mark for mark in row.values() if mark not in ("yes", "2")
            }:
                raise UnknownPolicy(f"{file.name} [{action}] has unknown words: {sorted(map(str, unknown))}")
            if flags["public"]:
                row = dict.fromkeys(COLUMNS, "yes")
            key = (data["resource"], action)
            if key in rules:
                raise UnknownPolicy(f"{file.name} repeats {key}")
            rules[key] = Rule(*key, marks=dict(row), **flags)
    return rules


def policy(resource: str, action: str) -> Callable[[F], F]:
    """Declare which row of the matrix guards a route. Raises UnknownPolicy at import when there is no such row."""
    rule = matrix().get((resource, action))
    if rule is None:
        raise UnknownPolicy(f"the matrix has no row {resource}.{action}")

    def mark(view: F) -> F:
        view._policy = rule  # type: ignore[attr-defined]
        return view

    return mark


def rule_of(view: Callable[..., Any] | None) -> Rule | None:
    """Return the row that a view declared, or None."""
    return getattr(view, "_policy", None)


def columns_of(actor: Actor) -> tuple[str, ...]:
    """Return the columns of the matrix that hold for an actor."""
    if actor.is_anonymous:
        return ("anonymous",)
    if actor.via == "key" and actor.key_shop_id is not None:
        return ("shop_key",)
    if actor.via == "key" and actor.key_adviser_id is not None:
        return ("adviser_key",)
    return ("member", *sorted(actor.roles & set(COLUMNS)))


def check(rule: Rule, actor: Actor, wall: dt.datetime) -> None:
    """Return when the actor may; else raise NotAuthenticated, Forbidden, LiveKeyNeeded or ReauthenticationNeeded.

    wall: security time, against which the age of the last proof is measured.
    """
    if rule.public:
        return
    marks = {rule.marks[column] for column in columns_of(actor) if column in rule.marks}
    is_other_key = actor.via == "key" and actor.key_shop_id is None
    if not marks or (rule.shop_keys_only and is_other_key):
        raise (
            NotAuthenticated()
            if actor.is_anonymous
            else Forbidden(resource=rule.resource, action=rule.action)
        )
    wanted = {f"{rule.resource}:{rule.action}", f"{rule.resource}:*"}
    if actor.via == "key" and actor.scopes and not wanted & set(actor.scopes):
        raise Forbidden(
            resource=rule.resource, action=rule.action, missing_scope=f"{rule.resource}:{rule.action}"
        )
    if actor.via == "key" and actor.mode == "test" and not rule.test_keys:
        raise LiveKeyNeeded(resource=rule.resource, action=rule.action)
    if "yes" in marks or (rule.totp_in_body and actor.via == "key"):
        return
    if actor.via == "key" or actor.password_at is None or wall - actor.password_at > FRESH:
        raise ReauthenticationNeeded()
    if (
        actor.totp_enrolled
        and (actor.totp_at is None or wall - actor.totp_at > FRESH)
        and not rule.totp_in_body
    ):
        raise ReauthenticationNeeded()
