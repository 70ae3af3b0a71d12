"""Routes of API keys."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.accounts import keys
from marketplace.accounts import schemas_shops as shapes
from marketplace.accounts.models import ApiKey
from marketplace.core import auth, clock, db, schemas
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint("api_keys", __name__, url_prefix="/api/v1/api-keys", description="Keys for programs")


@blueprint.post("")
@policy("api_keys", "create")
@blueprint.arguments(shapes.NewKey)
@blueprint.response(201, shapes.KeyMade)
def create(data: dict[str, Any]) -> dict[str, Any]:
    """Make a key for a program; its text is shown now and never again."""
    with db.transaction() as session:
        key, text = keys.create(session, auth.current_actor(), data, request_now())
        session.refresh(key)
    return {name: getattr(key, name) for name in shapes.KeyRow().fields} | {"key": text}


@blueprint.get("")
@policy("api_keys", "read")
@blueprint.arguments(schemas.Page, location="query")
@blueprint.response(200, shapes.KeyList)
def list_keys(query: dict[str, Any]) -> dict[str, Any]:
    """List your keys and those of shops that you own, without their text."""
    with db.session() as session:
        rows = keys.listed(session, auth.current_actor(), id_after(query["cursor"]), query["limit"] + 1)
        return page(rows, query["limit"], lambda key: (key.id,), lambda key: key)


@blueprint.post("/<uuid:key_id>/revoke")
@policy("api_keys", "revoke")
@blueprint.arguments(shapes.Nothing)
@blueprint.response(200, shapes.KeyRow)
def revoke(_data: dict[str, Any], key_id: UUID) -> ApiKey:
    """End a key at once."""
    with db.transaction() as session:
        return keys.revoke(session, auth.current_actor(), key_id, request_now(), clock.wall())
