"""/shop/claims: sales that advisers miss, each to be found among the shop's orders or refused with a reason."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import flask
import sqlalchemy as sa
from marshmallow import validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.accounts import public
from marketplace.core import db, pages, tenancy
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.forms import Form, Query
from marketplace.core.paging import encode_cursor, place_after
from marketplace.core.policy import policy
from marketplace.core.schemas import Page, Text
from marketplace.core.web import request_now
from marketplace.core.wording import _
from payouts.shopkeeping import surroundings
from tracking.claims import answers, reading, rules, service
from tracking.claims.models import Claim
from tracking.claims.schemas import ClaimAnswer
from tracking.orders.models import ShopOrder

blueprint = flask.Blueprint("shop_claims", __name__)
MOST_IN_A_FILE = 20_000
COLUMNS: tuple[pages.Column, ...] = (
    ("order", lambda row: row.order_ref),
    ("bought on", lambda row: row.bought_on),
    ("amount", lambda row: answers.amount_of(row) or ""),
    ("status", lambda row: row.state),
    ("claimed at", lambda row: row.claimed_at),
    ("answer by", lambda row: row.answer_by),
    ("ended at", lambda row: row.ended_at),
    ("found as", lambda row: row.found_ref),
    ("id", lambda row: row.id),
)


class ClaimsFilter(Page):
    """Which claims: those that wait for the shop's answer by default."""

    state = Text(load_default="waiting", validate=[validate.OneOf(("waiting", *rules.STATES, "all"))])
    format = Text(load_default=None, validate=[validate.OneOf(("csv",))])


@blueprint.get("/shop/claims")
@policy("shop_pages", "read")
def index() -> Response:
    """List what the shop has to answer, or others, or give the list as a file."""
    actor, query = current_actor(), Query(ClaimsFilter)
    state, limit = query.data["state"], query.data["limit"]
    states = {"waiting": ("open", "escalated"), "all": rules.STATES}.get(state, (state,))
    with db.session() as session:
        here = surroundings.of(session, actor)
        wanted = reading.Wanted(states=states, shop_id=here.shop.id)
        if query.data["format"] == "csv":
            every = reading.page(session, actor, wanted, None, MOST_IN_A_FILE)
            return pages.csv(every[:MOST_IN_A_FILE], COLUMNS, f"claims-{here.shop.code}")
        found = reading.page(session, actor, wanted, place_after(query.data["cursor"]), limit)
        rows = found[:limit]
        names = public.names_of(session, {row.adviser_id for row in rows})
        counts = _counts(session, here.shop.id)
    more = len(found) > limit
    return pages.render(
        "claims/shop_list.html",
        rows=rows,
        names=names,
        counts=counts,
        amount_of=answers.amount_of,
        query=query,
        next_cursor=encode_cursor(rows[-1].claimed_at.isoformat(), rows[-1].id) if more else None,
        **here.context(),
    )


@blueprint.get("/shop/claims/<uuid:claim_id>")
@policy("shop_pages", "read")
def show(claim_id: UUID) -> Response:
    """Show a claim: what the adviser knows, until when to answer, and how."""
    return _page(current_actor(), claim_id, Form(ClaimAnswer))


@blueprint.post("/shop/claims/<uuid:claim_id>")
@policy("claims", "answer")
def answer(claim_id: UUID) -> Response:
    """Answer as the shop: with the number of a reported order, or no with a reason."""
    actor, form, now = current_actor(), Form(ClaimAnswer), request_now()

    def act(data: dict[str, Any]) -> str:
        db.run_in_transaction(
            lambda writer: service.answer(writer, actor, claim_id, data, now),
            point="shop_pages.answer_claim",
        )
        return str(data["answer"])

    made = form.send(act)
    if made is None:
        return _page(actor, claim_id, form)
    if made == "found":
        pages.said(_("Answered. The rules of your offer say whether the adviser earns by it; we told them."))
    else:
        pages.said(_("Answered. The adviser reads your reason."))
    return pages.go(flask.url_for("shop_claims.show", claim_id=claim_id))


def _page(actor: Actor, claim_id: UUID, form: Form) -> Response:
    with db.session() as session:
        claim = reading.get(session, actor, claim_id)
        # An adviser sees their own claim on a page of theirs; this one is of the shop's people.
        tenancy.require_shop(actor, "shopkeeping.claim", claim.shop_id)
        here = surroundings.of(session, actor, claim.shop_id)
        events = reading.events_of(session, [claim.id])[claim.id]
        name = public.names_of(session, [claim.adviser_id]).get(claim.adviser_id, "–")
        known = _known(session, claim)
    return pages.render(
        "claims/shop_claim.html",
        form.status,
        claim=claim,
        events=events,
        name=name,
        about=answers.amount_of(claim),
        known=known,
        can_answer=("shop", "answer") in rules.may(service.standing_of(claim)),
        reasons=rules.REASONS,
        form=form,
        **here.context(),
    )


def _known(session: Session, claim: Claim) -> dt.datetime | None:
    """Return when the shop reported the order that a claim names; None when it did not, or none is named."""
    query = sa.select(ShopOrder.received_at).where(
        ShopOrder.shop_id == claim.shop_id, ShopOrder.mode == "live", ShopOrder.order_ref == claim.order_ref
    )
    return session.scalars(query).first() if claim.order_ref is not None else None


def _counts(session: Session, shop_id: UUID) -> dict[str, int]:
    query = sa.select(Claim.state, sa.func.count()).where(Claim.shop_id == shop_id).group_by(Claim.state)
    found = {state: int(count) for state, count in session.execute(query)}
    waiting = found.get("open", 0) + found.get("escalated", 0)
    return dict.fromkeys(rules.STATES, 0) | found | {"waiting": waiting, "all": sum(found.values())}
