"""Routes about the mails that somebody gets."""

from __future__ import annotations

from typing import Any

from marketplace.accounts import notifications, users
from marketplace.accounts import schemas_notifications as shapes
from marketplace.accounts.notifications import Choice
from marketplace.core import auth, db
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint(
    "notifications", __name__, url_prefix="/api/v1/me/notifications", description="Which mails you get"
)


@blueprint.get("")
@policy("me", "notifications")
@blueprint.response(200, shapes.MailChoices)
def read() -> dict[str, Any]:
    """List every kind of mail that concerns you, and whether it comes."""
    actor = auth.current_actor()
    with db.session() as session:
        locale = users.get(session, users.id_of(actor)).locale
        return _shown(notifications.choices(session, actor), locale)


@blueprint.post("")
@policy("me", "notifications")
@blueprint.arguments(shapes.MailChange)
@blueprint.response(200, shapes.MailChoices)
def change(data: dict[str, Any]) -> dict[str, Any]:
    """Switch kinds of mail on or off, and choose their language; what is essential can't be switched off."""
    actor, wanted = auth.current_actor(), {one["kind"]: one["is_on"] for one in data["items"]}
    with db.transaction() as session:
        locale = notifications.speak(session, actor, data.get("locale"))
        return _shown(notifications.choose(session, actor, wanted, request_now()), locale)


def _shown(choices: list[Choice], locale: str) -> dict[str, Any]:
    items = [
        {
            "kind": one.kind.name,
            "title": one.kind.said[locale].title,
            "about": one.kind.said[locale].about,
            "is_essential": one.kind.is_essential,
            "is_on": one.is_on,
        }
        for one in choices
    ]
    return {"locale": locale, "items": items}
