"""/find: what the palette searches when one presses Enter."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.auth import current_actor
from marketplace.core.policy import policy
from payouts.finding import searching

blueprint = flask.Blueprint("find_all", __name__)


@blueprint.get("/find")
@policy("me", "find")
def find() -> Response:
    """Show what fits the words, in groups, each within what the reader may see."""
    words = flask.request.args.get("q", "").replace("\x00", "")[: searching.LONGEST].strip()
    with db.session() as session:
        groups = searching.find(session, current_actor(), words)
    return pages.render(
        "finding/find.html", words=words, groups=groups, too_short=0 < len(words) < searching.SHORTEST
    )
