"""/shop/advisers: who wants to join, what each brought, the link that invites, and disputes to answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import public
from marketplace.core import config, db, pages, tenancy
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.forms import Form, Query
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from marketplace.offers import partnerships
from marketplace.offers import service as offers
from marketplace.offers.models import PARTING_REASONS
from payouts.shopkeeping import offer_results, schemas, surroundings
from tracking.commissions.states import REASONS
from tracking.disputes import answers, reading, service
from tracking.disputes.schemas import AnswerReport
from tracking.disputes.service import Said
from tracking.links import drawings

blueprint = flask.Blueprint("shop_advisers", __name__)
COLUMNS: tuple[pages.Column, ...] = (
    ("adviser", lambda row: row.adviser),
    ("code", lambda row: row.code),
    ("kind", lambda row: row.kind),
    ("offer", lambda row: row.offer),
    ("status", lambda row: row.state),
    ("applied at", lambda row: row.applied_at),
    ("accepted at", lambda row: row.accepted_at),
    ("reason", lambda row: row.reason),
    ("note", lambda row: row.note),
    ("orders", lambda row: row.orders),
    ("declined", lambda row: row.declined),
    ("net", lambda row: row.net),
    ("commission", lambda row: row.commission),
)


@blueprint.get("/shop/advisers")
@policy("shop_pages", "read")
def index() -> Response:
    """List who wants to join and who did, with what came of it, or give the list as a file."""
    return _list(current_actor())


@blueprint.post("/shop/advisers/<uuid:partnership_id>")
@policy("partnerships", "judge")
def judge(partnership_id: UUID) -> Response:
    """Take an adviser on, or refuse them."""
    actor, form, now = current_actor(), Form(schemas.Welcome), request_now()

    def act(data: dict[str, Any]) -> tuple[str, bool]:
        with db.transaction(point="shop_pages.welcome") as session:
            if data["answer"] == "approve":
                done = partnerships.approve(session, actor, partnership_id, now=now)
            else:
                done = partnerships.decline(
                    session, actor, partnership_id, reason=data["reason"], note=data["note"], now=now
                )
            return done.state, done.accepted_at is not None

    made = form.send(act)
    if made is None:
        return _list(actor, form, partnership_id)
    state, has_advised = made
    if state == "accepted":
        pages.said(_("They advise for you already; nothing changed."), "notice")
    elif state == "approved":
        pages.said(_("Taken on. We mailed them to accept your terms; their links count from then on."))
    elif has_advised:
        pages.said(
            _("Ended. New clicks earn nothing; earlier ones are paid as promised. We mailed them why.")
        )
    else:
        pages.said(_("Refused. We mailed them why. You can still take them on later."))
    return pages.go("/shop/advisers")


@blueprint.get("/shop/disputes/<uuid:dispute_id>")
@policy("shop_pages", "read")
def dispute(dispute_id: UUID) -> Response:
    """Show a dispute: what the adviser says, until when to answer, and what happens without an answer."""
    return _dispute(current_actor(), dispute_id, Form(AnswerReport))


@blueprint.post("/shop/disputes/<uuid:dispute_id>")
@policy("disputes", "answer")
def answer(dispute_id: UUID) -> Response:
    """Answer as the shop: the commission stands again, or stays declined with a reason."""
    actor, form, now = current_actor(), Form(AnswerReport), request_now()

    def act(data: dict[str, Any]) -> str:
        said = Said(data["reason"], data["statement"])
        db.run_in_transaction(
            lambda writer: service.answer(writer, actor, dispute_id, data["outcome"], said, now),
            point="shop_pages.answer_dispute",
        )
        return str(data["outcome"])

    made = form.send(act)
    if made is None:
        return _dispute(actor, dispute_id, form)
    if made == "accept":
        pages.said(_("You agreed; the commission stands again."))
    else:
        pages.said(_("Answered. The adviser may bring it to us; then we decide."))
    return pages.go(flask.url_for("shop_advisers.dispute", dispute_id=dispute_id))


def _list(actor: Actor, form: Form | None = None, asked: UUID | None = None) -> Response:
    query = Query(schemas.AdvisersFilter)
    with db.session() as session:
        here = surroundings.of(session, actor)
        every = offer_results.partners(session, here.shop.id)
        disputes = reading.page(session, actor, reading.Wanted(shop_id=here.shop.id), None, 50)
        names = public.names_of(session, {row[0].adviser_id for row in disputes})
        mine = offers.listed(session, actor, shop_id=here.shop.id)
    state = query.data["status"]
    shown = [one for one in every if state in (None, one.state)]
    if query.data["format"] == "csv":
        return pages.csv(shown, COLUMNS, f"advisers-{here.shop.code}")
    offer = next((one for one in mine if one.state == "open"), None)
    invitation = f"{config.current().base_url}/offers/{here.shop.code}/{offer.code}" if offer else ""
    return pages.render(
        "shop/advisers.html",
        form.status if form is not None else 200,
        waiting=[one for one in every if one.state == "applied"],
        rows=[one for one in shown if one.state != "applied" or state == "applied"],
        counts={name: sum(one.state == name for one in every) for name in partnerships.MOVES},
        all=len(every),
        disputes=disputes,
        names=names,
        offer=offer,
        invitation=invitation,
        qr=drawings.inline(invitation) if invitation else "",
        query=query,
        form=form,
        asked=asked,
        reasons=PARTING_REASONS,
        **here.context(),
    )


def _dispute(actor: Actor, dispute_id: UUID, form: Form) -> Response:
    now = request_now()
    with db.session() as session:
        found = reading.get(session, actor, dispute_id)
        # An adviser sees their own dispute on a page of theirs; this one is of the shop's people.
        tenancy.require_shop(actor, "shopkeeping.dispute", found.shop_id)
        here = surroundings.of(session, actor, found.shop_id)
        told = answers.dispute_answers(session, [reading.row_of(session, found)], now)[0]
        name = public.names_of(session, [found.adviser_id]).get(found.adviser_id, "–")
    can_answer = any(
        one["who"] == "shop" and one["action"] in ("answer", "accept", "reject") for one in told["next"]
    )
    return pages.render(
        "shop/dispute.html",
        form.status,
        dispute=found,
        told=told,
        name=name,
        can_answer=can_answer,
        reasons=REASONS,
        form=form,
        **here.context(),
    )
