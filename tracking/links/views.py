"""/adviser/links: paste a product address, get a link; and what every link brought."""

from __future__ import annotations

import uuid
from typing import Any

import flask
from markupsafe import Markup
from marshmallow import validate
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.errors import AppError
from marketplace.core.forms import Form, Query
from marketplace.core.paging import encode_cursor, id_after
from marketplace.core.policy import policy
from marketplace.core.schemas import Page, Text
from marketplace.core.web import request_now
from marketplace.core.wording import _
from marketplace.offers import service as offers
from marketplace.offers import terms
from tracking.links import book, cards, codes, drawings, refusals, schemas, service, spoken, switching

blueprint = flask.Blueprint("adviser_links", __name__)
MOST_IN_A_FILE = 20_000
COLUMNS: tuple[pages.Column, ...] = (
    ("link", lambda one: one.url),
    ("product", lambda one: one.title),
    ("shop", lambda one: one.shop),
    ("place", lambda one: one.link.placement),
    ("leads to", lambda one: one.link.target_url),
    ("clicks that count", lambda one: one.clicks),
    ("all clicks", lambda one: one.raw),
    ("orders", lambda one: sum(sum_.orders for sum_ in one.earned)),
    ("earned", lambda one: " + ".join(f"{sum_.amount} {sum_.amount.currency}" for sum_ in one.earned)),
    ("last click", lambda one: one.last_day.isoformat() if one.last_day else None),
    ("trouble", lambda one: one.trouble),
    ("made at", lambda one: one.link.created_at),
)


class LinksFilter(Page):
    """Which links: by words, by whether they are switched on, or all as a file."""

    q = Text(load_default=None, maximum=100)
    state = Text(load_default=None, validate=[validate.OneOf(("live", "disabled"))])
    format = Text(load_default=None, validate=[validate.OneOf(("csv",))])


@blueprint.get("/adviser/links")
@policy("adviser_pages", "read")
def index() -> Response:
    """List an adviser's links, newest first, below the box to paste an address into."""
    return _list(current_actor(), Form(schemas.NewLink), None)


@blueprint.post("/adviser/links")
@policy("links", "create")
def create() -> Response:
    """Make a link from a pasted address; the answer stands where the address was pasted."""
    actor, now, form = current_actor(), request_now(), Form(schemas.NewLink)

    def act(data: dict[str, Any]) -> uuid.UUID:
        with db.transaction(point="pages.create_link") as session:
            return service.make(session, actor, data, now).id

    made = form.send(act)
    return _list(actor, form, made)


@blueprint.get("/adviser/links/<uuid:link_id>")
@policy("adviser_pages", "read")
def show(link_id: uuid.UUID) -> Response:
    """Show one link: its QR, its places, its code, what it brought."""
    actor, now = current_actor(), request_now()
    with db.session() as session:
        entry = book.one(session, actor, link_id)
        offer = offers.get(session, actor, entry.link.offer_id)
        in_force = terms.at(session, offer.id, now)
        others = book.siblings(session, entry.link)
        mine = [
            one
            for one in codes.listed(session, actor, after=None, limit=50, offer_id=offer.id)
            if one.adviser_id == entry.link.adviser_id and one.revoked_at is None
        ]
    return pages.render(
        "links/show.html",
        entry=entry,
        offer=offer,
        pays=_pays(entry, in_force),
        terms=in_force,
        others=others,
        codes=[(one, spoken.shown(one.code)) for one in mine],
        qr=Markup(drawings.inline(entry.url)),  # noqa: S704 - drawn by us from an address of ours.
        url_of=service.url,
    )


@blueprint.get("/adviser/links/<uuid:link_id>/qr.svg", defaults={"kind": "svg"})
@blueprint.get("/adviser/links/<uuid:link_id>/qr.png", defaults={"kind": "png"})
@policy("adviser_pages", "read")
def qr(link_id: uuid.UUID, kind: str) -> Response:
    """Give the QR of a link as a file."""
    with db.session() as session:
        entry = book.one(session, current_actor(), link_id)
    if kind == "png":
        drawn, mimetype = drawings.png(entry.url), "image/png"
    else:
        drawn, mimetype = cards.drawing(entry.url, title=entry.short), "image/svg+xml"
    response = flask.Response(drawn, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{entry.link.code}.{kind}"'
    return response


@blueprint.post("/adviser/links/<uuid:link_id>/disable")
@policy("links", "disable")
def disable(link_id: uuid.UUID) -> Response:
    """Switch a link off: it still leads to the shop, and earns nothing until it is on again."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="pages.disable_link") as session:
        switching.disable(session, actor, link_id, now)
    pages.said(
        _("The link is switched off. Readers still reach the shop; it earns nothing more."),
        undo=flask.url_for("adviser_links.enable", link_id=link_id),
    )
    return pages.go(flask.url_for("adviser_links.show", link_id=link_id))


@blueprint.post("/adviser/links/<uuid:link_id>/enable")
@policy("links", "disable")
def enable(link_id: uuid.UUID) -> Response:
    """Switch a link on again: clicks from now on earn."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="pages.enable_link") as session:
        switching.enable(session, actor, link_id, now)
    pages.said(
        _("The link is on again: clicks from now on earn."),
        undo=flask.url_for("adviser_links.disable", link_id=link_id),
    )
    return pages.go(flask.url_for("adviser_links.show", link_id=link_id))


def _list(actor: Actor, form: Form, made: uuid.UUID | None) -> Response:
    now, query = request_now(), Query(LinksFilter)
    limit = query.data["limit"]
    wanted = {"words": query.data["q"], "state": query.data["state"]}
    with db.session() as session:
        if query.data["format"] == "csv":
            every = book.listed(session, actor, limit=MOST_IN_A_FILE, **wanted)
            return pages.csv(every[:MOST_IN_A_FILE], COLUMNS, "links")
        found = book.listed(session, actor, after=id_after(query.data["cursor"]), limit=limit, **wanted)
        fresh = book.one(session, actor, made) if made is not None else None
        in_force = terms.at(session, fresh.link.offer_id, now) if fresh is not None else None
        choices = _choices(session, actor, form.refusal)
    shown = found[:limit]
    return pages.render(
        "links/index.html",
        form.status,
        entries=shown,
        form=form,
        made=fresh,
        made_terms=in_force,
        made_pays=_pays(fresh, in_force),
        choices=choices,
        query=query,
        next_cursor=encode_cursor(shown[-1].link.id) if len(found) > limit else None,
        qr=Markup(drawings.inline(fresh.url)) if fresh is not None else None,  # noqa: S704 - of ours.
    )


def _choices(session: Any, actor: Actor, refusal: AppError | None) -> list[Any]:
    """Return the offers among which an adviser has to choose, or may join, when that is why there is no link."""
    if not isinstance(refusal, refusals.SeveralOffers | refusals.NoPartnership):
        return []
    return [offers.get(session, actor, uuid.UUID(one)) for one in refusal.facts["offers"]]


def _pays(entry: book.Entry | None, in_force: terms.Terms | None) -> Any:
    """Return the rate that holds for the product of a fresh link."""
    if entry is None or in_force is None:
        return None
    return in_force.rule_for(entry.sku, entry.category) if entry.sku else in_force.default
