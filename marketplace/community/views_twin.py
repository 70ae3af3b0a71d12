"""A page and the same advice in the other language: tied and untied from the editor, so that readers find both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import flask
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.advice import publishing, reading
from marketplace.advice.models import AdvicePage
from marketplace.core import db, forms, pages
from marketplace.core import schemas as core
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.policy import policy
from marketplace.core.wording import _

blueprint = flask.Blueprint("twin", __name__)
TAKE = 100


class TwinForm(core.Schema):
    """Which page of one's own is the same advice in the other language; none unties."""

    twin_id = core.Uuid(load_default=None, allow_none=True)


def choices(session: Session, actor: Actor, page: AdvicePage) -> Sequence[AdvicePage]:
    """Return the actor's pages in another language than a page's, newest first: what it may be tied to."""
    own = reading.listed(session, actor, reading.Wish(adviser_id=actor.adviser()), after=None, limit=TAKE)
    return [one for one in own if one.language != page.language and one.state != "taken_down"]


@blueprint.post("/adviser/advice/<uuid:page_id>/twin")
@policy("advice_desk", "use")
def tie(page_id: UUID) -> Response:
    """Tie a page to its twin, or untie it; the next page offers to take it back."""
    actor, form = current_actor(), forms.Form(TwinForm)
    with db.session() as session:
        before = reading.owned(session, actor, page_id).twin_id

    def act(data: dict[str, Any]) -> bool:
        with db.transaction(point="pages.tie_advice") as session:
            publishing.tie(session, actor, page_id, data["twin_id"], pages.business_now())
        return True

    # The button that takes it back sends what it was in the address.
    given = flask.request.form if "twin_id" in flask.request.form else flask.request.args
    if form.send(act, given) is None:
        pages.said(_("These two can't be tied: choose a page of yours in the other language."), "notice")
    else:
        back = flask.url_for("twin.tie", page_id=page_id, twin_id=before)
        is_tied = bool(form.values.get("twin_id"))
        pages.said(_("Tied: readers of one find the other.") if is_tied else _("No longer tied."), undo=back)
    return pages.go(f"/adviser/advice/{page_id}#twin")
