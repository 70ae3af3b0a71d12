"""/api/v1/statements: the account of each payout, for the adviser who got it and for finance."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
import sqlalchemy as sa

from marketplace.core import db, schemas
from marketplace.core.auth import current_actor
from marketplace.core.money import Money
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint
from payouts.settlement.payout_models import Payout
from payouts.statements import listing, service, whereabouts
from payouts.statements.models import Statement

blueprint = ApiBlueprint(
    "statements", __name__, url_prefix="/api/v1/statements", description="Statements of payouts."
)


class WhereView(schemas.Schema):
    """Where the money of a payout is now: paid, in_bank or bank_failed, since when, and what that means."""

    state = ma.fields.String(required=True)
    at = schemas.Instant(required=True, allow_none=True)
    note = ma.fields.String(required=True)


class StatementHead(schemas.Schema):
    """A statement in a list."""

    id = schemas.Uuid(required=True)
    number = ma.fields.String(required=True)
    payout_id = schemas.Uuid(required=True)
    adviser_id = schemas.Uuid(required=True)
    amount = schemas.MoneyField(required=True)
    issued_at = schemas.Instant(required=True)
    money = ma.fields.Nested(WhereView, required=True)


class StatementWhole(StatementHead):
    """A statement with its lines, and the hash by which it can be checked."""

    document = ma.fields.Dict(required=True)
    sha256 = ma.fields.String(required=True)


class StatementPage(schemas.Schema):
    """A page of statements, newest first."""

    items = ma.fields.List(ma.fields.Nested(StatementHead), required=True)
    next_cursor = ma.fields.String(required=True, allow_none=True)


@blueprint.route("", methods=["GET"])
@policy("statements", "read")
@blueprint.arguments(schemas.Page, location="query")
@blueprint.response(200, StatementPage)
def list_statements(query: dict[str, Any]) -> dict[str, Any]:
    """List statements, newest first: an adviser's own, or everybody's for finance."""
    statement = (
        sa.select(Statement, Payout)
        .join(Payout, Payout.id == Statement.payout_id)
        .order_by(Statement.id.desc())
        .limit(query["limit"] + 1)
    )
    actor = current_actor()
    statement = statement.where(listing.visible(actor))
    if query["cursor"]:
        statement = statement.where(Statement.id < id_after(query["cursor"]))
    with db.session() as session:
        rows = session.execute(statement).all()
    return page(rows, query["limit"], lambda row: (row[0].id,), lambda row: _head(row[0], row[1]))


@blueprint.route("/<uuid:statement_id>", methods=["GET"])
@policy("statements", "read")
@blueprint.response(200, StatementWhole)
def read(statement_id: UUID) -> dict[str, Any]:
    """Return a statement with every line."""
    with db.session() as session:
        row = service.get(session, current_actor(), statement_id)
        payout = session.get_one(Payout, row.payout_id)
    return _head(row, payout) | {"document": row.document, "sha256": row.sha256}


def _head(row: Statement, payout: Payout) -> dict[str, Any]:
    return {
        "id": row.id,
        "number": row.number,
        "payout_id": row.payout_id,
        "adviser_id": row.adviser_id,
        "amount": Money(row.amount_minor, row.currency),
        "issued_at": row.issued_at,
        "money": whereabouts.of(payout),
    }
