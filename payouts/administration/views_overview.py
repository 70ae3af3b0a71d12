"""/admin and /admin/holds: what waits for a person, and which money does not move and why."""

from __future__ import annotations

import flask
from marshmallow import validate
from werkzeug.wrappers import Response

from marketplace.core import clock, db, forms, pages, schemas
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from payouts.administration import holds, overview
from payouts.finance import names
from payouts.settlement import freeze

blueprint = flask.Blueprint("admin", __name__)
WHYS = (
    "banned", "no_payout_account", "account_not_ready", "cooling_off", "awaiting_shop", "set_aside", "unknown",
    "rejected", "bank_failed",
)  # fmt: skip
COLUMNS: tuple[pages.Column, ...] = (
    ("why", lambda one: one.why),
    ("detail", lambda one: one.detail),
    ("of", lambda one: "shop" if one.is_shops else "adviser" if one.owner else None),
    ("id", lambda one: one.owner),
    ("amount", lambda one: one.amount if one.amount is not None else ""),
    ("things", lambda one: one.count or None),
    ("since", lambda one: one.since),
    ("until", lambda one: one.until),
)


class HoldsFilter(schemas.Schema):
    """Which holds: of one reason, or all as a file."""

    why = schemas.Text(load_default=None, validate=[validate.OneOf(WHYS)])
    format = schemas.Text(load_default=None, validate=[validate.OneOf(("csv",))])


@blueprint.get("/admin")
@policy("operations", "read")
def index() -> Response:
    """Show what waits, the oldest first, and whether the house is well."""
    with db.session() as session:
        found = overview.read(session, request_now(), clock.wall())
    return pages.render("admin/overview.html", found=found, wall=clock.wall())


@blueprint.get("/admin/holds")
@policy("operations", "read")
def held() -> Response:
    """Show which money does not move now, whose it is, and what ends it."""
    query = forms.Query(HoldsFilter)
    with db.session() as session:
        every = holds.listed(session, request_now())
        rows = [one for one in every if query.data["why"] in (None, one.why)]
        if query.data["format"] == "csv":
            return pages.csv(rows, COLUMNS, "holds")
        of_shops = {one.owner for one in rows if one.is_shops and one.owner is not None}
        of_advisers = {one.owner for one in rows if one.owner is not None} - of_shops
        called = names.of(session, advisers=of_advisers, shops=of_shops)
        standing = freeze.standing(session)
    counts = {why: sum(one.why == why for one in every) for why in WHYS}
    return pages.render(
        "admin/holds.html",
        rows=rows,
        counts=counts,
        total_count=len(every),
        totals=holds.totals(rows),
        called=called,
        standing=standing,
        query=query,
    )
