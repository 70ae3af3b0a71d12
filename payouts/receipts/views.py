"""/receipts/<commission>: every cent of a commission, for its adviser, its shop, finance and admin."""

from __future__ import annotations

from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.auth import current_actor
from marketplace.core.money import Money
from marketplace.core.policy import policy
from marketplace.offers.rates import read_rate
from payouts.receipts import again, export, reading

blueprint = flask.Blueprint("receipts", __name__)


@blueprint.get("/receipts/<uuid:commission_id>")
@policy("commissions", "read")
def show(commission_id: UUID) -> Response:
    """Show what a commission came from, as far as the reader may see it."""
    with db.session() as session:
        found = reading.of(session, current_actor(), commission_id)
    return pages.render("receipts/show.html", receipt=found, lines=_lines(found), proof=None)


@blueprint.get("/receipts/<uuid:commission_id>/proof")
@policy("commissions", "read")
def proof(commission_id: UUID) -> Response:
    """Work the receipt out again now, from its facts, and say whether it is equal."""
    with db.session() as session:
        found = reading.of(session, current_actor(), commission_id)
        worked = again.work_out(export.file_of(session, found))
    return pages.render("receipts/proof.html", receipt=found, proof=worked)


@blueprint.get("/receipts/<uuid:commission_id>/file")
@policy("commissions", "read")
def file(commission_id: UUID) -> Response:
    """Give the receipt as a file that works itself out again: `python -m payouts.receipts FILE`."""
    with db.session() as session:
        found = reading.of(session, current_actor(), commission_id)
        shown = export.file_of(session, found)
    response = flask.jsonify(shown)
    response.headers["Content-Disposition"] = f'attachment; filename="receipt-{commission_id}.json"'
    return response


def _lines(found: reading.Receipt) -> list[dict[str, object]]:
    """Return the lines of the calculation with their amounts as money."""
    told = []
    for one in found.shown.get("lines", ()):
        amounts = {
            name: Money.parse(one[name]["amount"], one[name]["currency"])
            for name in ("base", "computed", "amount")
        }
        rate = read_rate(one["rate"], amounts["base"].currency) if one["rate"] else None
        told.append(
            {**one, **amounts, "rate": rate, "title": found.titles.get(one["line_ref"] or "", one["sku"])}
        )
    return told
