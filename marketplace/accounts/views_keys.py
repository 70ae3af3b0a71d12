"""Pages of API keys: which there are, what each may do, a new one that is shown once, and ending one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from marshmallow import fields, validate
from werkzeug.wrappers import Response

from marketplace.accounts import keys, shops
from marketplace.accounts import schemas_shops as shapes
from marketplace.core import auth, clock, db, forms, pages, schemas
from marketplace.core import policy as policies
from marketplace.core.actor import Actor
from marketplace.core.paging import encode_cursor, id_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _

blueprint = flask.Blueprint("account_keys", __name__)


class KeyForm(schemas.Schema):
    """A key as the page asks for it: `for_whom` is "adviser", a shop, or nothing where only one is possible."""

    name = schemas.Text(required=True, minimum=1, maximum=80)
    mode = schemas.Text(load_default="live", validate=[validate.OneOf(tuple(keys.PREFIXES))])
    for_whom = schemas.Text(load_default=None, maximum=40)
    scopes = fields.List(
        schemas.Text(minimum=3, maximum=80), load_default=list, validate=validate.Length(max=50)
    )


@blueprint.get("/account/keys")
@policy("api_keys", "read")
def index() -> Response:
    """List the keys of a person and of the shops that they own."""
    return _page(forms.Form(KeyForm, {"mode": "live"}))


@blueprint.post("/account/keys")
@policy("api_keys", "create")
def create() -> Response:
    """Make a key and show its text, now and never again."""
    form, actor = forms.Form(KeyForm), auth.current_actor()

    def act(data: dict[str, Any]) -> tuple[Any, str]:
        given = shapes.NewKey().load({name: data[name] for name in ("name", "mode", "scopes")} | _bound(data))
        with db.transaction() as session:
            return keys.create(session, actor, given, request_now())

    made = form.send(act)
    return _page(forms.Form(KeyForm, {"mode": "live"}), made[1]) if made else _page(form)


@blueprint.post("/account/keys/<uuid:key_id>/revoke")
@policy("api_keys", "revoke")
def revoke(key_id: UUID) -> Response:
    """End a key at once."""
    with db.transaction() as session:
        ended = keys.revoke(session, auth.current_actor(), key_id, request_now(), clock.wall())
    pages.said(_("The key %(name)s is ended. A program that still uses it is refused.", name=ended.name))
    return pages.go("/account/keys")


def _bound(data: dict[str, Any]) -> dict[str, Any]:
    wanted = data["for_whom"]
    if wanted is None:
        return {}
    return {"bound_to": "adviser"} if wanted == "adviser" else {"bound_to": "shop", "shop_id": wanted}


def _page(form: forms.Form, text: str | None = None) -> Response:
    actor, query = auth.current_actor(), forms.Query(schemas.Page)
    limit = query.data["limit"]
    with db.session() as session:
        found = keys.listed(session, actor, id_after(query.data["cursor"]), limit + 1)
        owned = shops.owned(session, actor, 100)
    choices = [(str(shop.id), shop.name) for shop in owned]
    if actor.adviser_id is not None:
        choices.append(("adviser", _("You as adviser")))
    rows = found[:limit]
    return pages.render(
        "accounts/keys.html",
        form.status,
        form=form,
        rows=rows,
        query=query,
        next_cursor=encode_cursor(rows[-1].id) if len(found) > limit else None,
        made=text,
        choices=choices,
        shop_names={shop.id: shop.name for shop in owned},
        scopes=_scopes(actor),
    )


def _scopes(actor: Actor) -> list[str]:
    """Return the parts of the API that a key of this person can reach at all, as scopes of whole resources."""
    columns = set(actor.roles)
    if actor.owned_shop_ids:
        columns.add("shop_key")
    if actor.adviser_id is not None:
        columns.add("adviser_key")
    columns -= {"owner", "staff", "adviser", "member"}
    return sorted({f"{rule.resource}:*" for rule in policies.matrix().values() if columns & set(rule.marks)})
