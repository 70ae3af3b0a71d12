"""/shop/install: keys for the shop's program, what it sends, and everything that we received from it lately."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import keys
from marketplace.core import clock, config, db, pages
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.forms import Form, Query
from marketplace.core.paging import encode_cursor, place_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from payouts.shopkeeping import reports, schemas, snippets, surroundings

blueprint = flask.Blueprint("shop_install", __name__)
LATEST = 10
MOST_IN_A_FILE = 5_000
MOST_KEYS = 100
# What a key may be limited to, by what it is for; none means everything that a key of a shop may.
USES = {
    "orders": ("orders:*", "commissions:*"),
    "products": ("feeds:*", "feed_sources:*", "products:*"),
    "all": (),
}
COLUMNS: tuple[pages.Column, ...] = (
    ("received at", lambda row: row.at),
    ("kind", lambda row: row.kind),
    ("order", lambda row: row.order_ref),
    ("mode", lambda row: row.mode),
    ("outcome", lambda row: row.outcome),
    ("reason", lambda row: row.code),
    ("fields", lambda row: ", ".join(row.fields)),
    ("channel", lambda row: row.channel),
    ("tokens", lambda row: ", ".join(row.tokens)),
    ("earned", lambda row: row.earned),
)


@blueprint.get("/shop/install")
@policy("shop_pages", "read")
def index() -> Response:
    """Show keys, the program and the latest reports."""
    return _page(current_actor(), Form(schemas.NewKeyForm, {"mode": "live", "use": "orders"}), None)


@blueprint.get("/shop/install/received")
@policy("shop_pages", "read")
def received() -> Response:
    """List everything that the shop's program sent, newest first, or give the list as a file."""
    actor, query = current_actor(), Query(schemas.ReceivedFilter)
    data, limit = query.data, query.data["limit"]
    wanted = reports.Wanted(data["outcome"] or "", data["kind"] or "", data["mode"] or "", data["ref"] or "")
    with db.session() as session:
        here = surroundings.of(session, actor)
        if data["format"] == "csv":
            every = reports.latest(session, here.shop.id, MOST_IN_A_FILE, wanted)
            return pages.csv(every, COLUMNS, f"received-{here.shop.code}")
        found = reports.latest(session, here.shop.id, limit + 1, wanted, place_after(data["cursor"]))
    shown, more = found[:limit], len(found) > limit
    return pages.render(
        "shop/received.html",
        rows=shown,
        query=query,
        next_cursor=encode_cursor(shown[-1].at.isoformat(), shown[-1].id) if more else None,
        **here.context(),
    )


@blueprint.post("/shop/install/keys")
@policy("shop_pages", "make_keys")
def make_key() -> Response:
    """Make a key and show its text this once."""
    actor, form = current_actor(), Form(schemas.NewKeyForm)

    def act(data: dict[str, Any]) -> str:
        wanted = {
            "name": data["name"],
            "mode": data["mode"],
            "scopes": list(USES[data["use"]]),
            "bound_to": "shop",
            "shop_id": data["shop_id"] or pages.current_shop(actor),
        }
        with db.transaction(point="shop_pages.make_key") as session:
            return keys.create(session, actor, wanted, request_now())[1]

    return _page(actor, form, form.send(act))


@blueprint.post("/shop/install/keys/<uuid:key_id>/revoke")
@policy("api_keys", "revoke")
def revoke_key(key_id: UUID) -> Response:
    """End a key at once."""
    actor, form = current_actor(), Form(schemas.WithShop)

    def act(_data: dict[str, Any]) -> str:
        with db.transaction(point="shop_pages.revoke_key") as session:
            return keys.revoke(session, actor, key_id, request_now(), clock.wall()).name

    name = form.send(act)
    if name is None:
        return _page(actor, form, None)
    pages.said(_("The key “%(name)s” no longer opens anything.", name=name))
    return pages.go("/shop/install")


def _page(actor: Actor, form: Form, key: str | None) -> Response:
    with db.session() as session:
        here = surroundings.of(session, actor)
        latest = reports.latest(session, here.shop.id, LATEST)
        sku = reports.first_sku(session, here.shop.id)
        every = keys.listed(session, actor, None, MOST_KEYS) if here.is_owner else []
    return pages.render(
        "shop/install.html",
        form.status,
        keys=[one for one in every if one.shop_id == here.shop.id],
        latest=latest,
        texts=snippets.of(key, here.shop.currency, sku),
        key=key,
        form=form,
        api=f"{config.current().base_url}/api/v1",
        **here.context(),
    )
