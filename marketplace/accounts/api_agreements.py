"""Routes of agreements."""

from __future__ import annotations

from typing import Any

from marketplace.accounts import agreements
from marketplace.accounts import schemas_shops as shapes
from marketplace.accounts.models import Agreement
from marketplace.core import auth, db
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint(
    "agreements", __name__, url_prefix="/api/v1/agreements", description="Texts that people agree to"
)


@blueprint.get("")
@policy("agreements", "read")
@blueprint.response(200, shapes.AgreementList)
def list_agreements() -> dict[str, Any]:
    """List what you agreed to, and the texts in force with version and hash."""
    with db.session() as session:
        rows = agreements.of_actor(session, auth.current_actor())
    return {"items": rows, "next_cursor": None, "documents": agreements.present()}


@blueprint.post("")
@policy("agreements", "accept")
@blueprint.arguments(shapes.NewAgreement)
@blueprint.response(201, shapes.AgreementRow)
def accept(data: dict[str, Any]) -> Agreement:
    """Agree to the text in force, by its version and hash; agreeing again returns the first agreement."""
    with db.transaction() as session:
        return agreements.agree(session, auth.current_actor(), data, request_now())
