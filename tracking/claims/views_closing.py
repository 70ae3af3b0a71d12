"""/admin/claims: what shops left without an answer, asked about once more here, or closed with words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import flask
import sqlalchemy as sa
from marshmallow import validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.accounts import public
from marketplace.accounts.models import Shop
from marketplace.core import auth, db, forms, pages, schemas
from marketplace.core.paging import encode_cursor, place_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from tracking.claims import answers, outcomes, reading, rules, service
from tracking.claims.models import Claim
from tracking.claims.schemas import ClaimWords
from tracking.claims.service import Said

blueprint = flask.Blueprint("admin_claims", __name__)
MOST_IN_A_FILE = 20_000
COLUMNS: tuple[pages.Column, ...] = (
    ("id", lambda row: row.id),
    ("shop id", lambda row: row.shop_id),
    ("adviser id", lambda row: row.adviser_id),
    ("bought on", lambda row: row.bought_on),
    ("order", lambda row: row.order_ref),
    ("amount", lambda row: answers.amount_of(row) or ""),
    ("state", lambda row: row.state),
    ("ended by", lambda row: row.ended_by),
    ("claimed at", lambda row: row.claimed_at),
    ("answer by", lambda row: row.answer_by),
    ("ended at", lambda row: row.ended_at),
    ("found as", lambda row: row.found_ref),
)


class ClaimsFilter(schemas.Page):
    """Which claims: those that wait for us by default."""

    state = schemas.Text(load_default="escalated", validate=[validate.OneOf((*rules.STATES, "all"))])
    format = schemas.Text(load_default=None, validate=[validate.OneOf(("csv",))])


@blueprint.get("/admin/claims")
@policy("claims", "queue")
def index() -> Response:
    """List claims, those that wait for the platform first shown."""
    return _page(None, None)


@blueprint.post("/admin/claims/<uuid:claim_id>/ask")
@policy("claims", "decide")
def ask(claim_id: UUID) -> Response:
    """Ask the shop once more, with a new term."""
    actor, now = auth.current_actor(), request_now()

    def act(data: dict[str, Any]) -> bool:
        said = Said(statement=data["statement"])
        db.run_in_transaction(
            lambda session: service.ask(session, actor, claim_id, said, now), point="claims.ask_page"
        )
        return True

    return _sent(claim_id, act, _("Asked again: the shop has seven days to answer, and reads your words."))


@blueprint.post("/admin/claims/<uuid:claim_id>/close")
@policy("claims", "decide")
def close(claim_id: UUID) -> Response:
    """End a claim that the shop did not answer."""
    actor, now = auth.current_actor(), request_now()

    def act(data: dict[str, Any]) -> bool:
        said = Said(statement=data["statement"])
        db.run_in_transaction(
            lambda session: service.close(session, actor, claim_id, said, now), point="claims.close_page"
        )
        return True

    return _sent(claim_id, act, _("Closed. Both sides read your words; nothing is credited."))


def _sent(claim_id: UUID, act: Callable[[dict[str, Any]], bool], told: str) -> Response:
    form = forms.Form(ClaimWords)
    if form.send(act) is None:
        return _page(form, claim_id)
    pages.said(told)
    return pages.go(flask.url_for("admin_claims.index"))


def _page(form: forms.Form | None, about: UUID | None) -> Response:
    query, actor = forms.Query(ClaimsFilter), auth.current_actor()
    state, limit = query.data["state"], query.data["limit"]
    wanted = reading.Wanted(None if state == "all" else [state])
    with db.session() as session:
        if query.data["format"] == "csv":
            every = reading.page(session, actor, wanted, None, MOST_IN_A_FILE)
            return pages.csv(every[:MOST_IN_A_FILE], COLUMNS, "claims")
        found = reading.page(session, actor, wanted, place_after(query.data["cursor"]), limit)
        rows = found[:limit]
        if about is not None and about not in {row.id for row in rows}:
            rows = [reading.get(session, actor, about), *rows]
        events = reading.events_of(session, [row.id for row in rows])
        results = outcomes.of(session, rows)
        names = public.names_of(session, {row.adviser_id for row in rows})
        shops = _shops(session, {row.shop_id for row in rows})
        counts = _counts(session)
    last = rows[-1] if rows else None
    return pages.render(
        "claims/admin.html",
        form.status if form else 200,
        form=form,
        about=about,
        rows=rows,
        events=events,
        results=results,
        amount_of=answers.amount_of,
        names=names,
        shops=shops,
        counts=counts,
        state=state,
        query=query,
        next_cursor=encode_cursor(last.claimed_at.isoformat(), last.id)
        if last and len(found) > limit
        else None,
    )


def _shops(session: Session, shop_ids: set[UUID]) -> dict[UUID, str]:
    query = sa.select(Shop.id, Shop.name).where(Shop.id.in_(shop_ids))
    return {row.id: row.name for row in session.execute(query)}


def _counts(session: Session) -> dict[str, int]:
    query = sa.select(Claim.state, sa.func.count()).group_by(Claim.state)
    return {state: int(count) for state, count in session.execute(query)}
