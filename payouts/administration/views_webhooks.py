"""/admin/webhooks: what Stripe told us, what became of it, and having it handled once more where that is safe."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from marshmallow import validate
from werkzeug.wrappers import Response

from marketplace.core import auth, db, forms, pages, schemas
from marketplace.core.paging import encode_cursor, id_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from payouts.administration import told

blueprint = flask.Blueprint("admin_webhooks", __name__)
MOST_IN_A_FILE = 20_000
_NAMES = "event_id type source account object_id received_at tries next_try_at handled_at outcome note"
COLUMNS: tuple[pages.Column, ...] = tuple(
    (name, lambda one, name=name: getattr(one, name))  # type: ignore[misc]
    for name in _NAMES.split()
)


class EventsFilter(schemas.Page):
    """Which events: by how far they are and by the beginning of their type."""

    state = schemas.Text(load_default=None, validate=[validate.OneOf(told.STATES)])
    type = schemas.Text(load_default=None, maximum=80)
    format = schemas.Text(load_default=None, validate=[validate.OneOf(("csv",))])


class Nothing(schemas.Schema):
    """A form without fields."""


@blueprint.get("/admin/webhooks")
@policy("operations", "read")
def index() -> Response:
    """List the events of Stripe, newest first."""
    return _page(None)


@blueprint.post("/admin/webhooks/<uuid:event_id>/replay")
@policy("operations", "repeat")
def replay(event_id: UUID) -> Response:
    """Have an event handled once more: what it speaks of is fetched anew and recorded once."""
    form = forms.Form(Nothing)

    def run(_data: dict[str, Any]) -> str:
        with db.transaction(point="events.again") as session:
            return str(told.again(session, auth.current_actor(), event_id, request_now()).event_id)

    done = form.send(run)
    if done is None:
        return _page(form)
    pages.said(_("%(event)s is handled once more within seconds.", event=done))
    return pages.go(flask.url_for("admin_webhooks.index"))


def _page(form: forms.Form | None) -> Response:
    query = forms.Query(EventsFilter)
    state, kind, limit = query.data["state"], query.data["type"], query.data["limit"]
    with db.session() as session:
        if query.data["format"] == "csv":
            every = told.listed(session, state, kind, limit=MOST_IN_A_FILE)
            return pages.csv(every[:MOST_IN_A_FILE], COLUMNS, "webhooks")
        found = told.listed(session, state, kind, after=id_after(query.data["cursor"]), limit=limit)
        counts = told.counts(session)
    rows = found[:limit]
    return pages.render(
        "admin/webhooks.html",
        form.status if form else 200,
        form=form,
        rows=rows,
        counts=counts,
        states=told.STATES,
        query=query,
        next_cursor=encode_cursor(rows[-1].id) if len(found) > limit else None,
    )
