"""Pages that lead to advice: what there is advice on, and the pages on one topic."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from marketplace.community import ranking, showing
from marketplace.core import db, pages, wording
from marketplace.core.policy import policy

blueprint = flask.Blueprint("topics", __name__)
TAKE = 24


@blueprint.get("/topics")
@policy("public", "advice")
def topics() -> Response:
    """Show what there is advice on, and the newest pages."""
    now = pages.business_now()
    with db.use_scope(db.NOBODY), db.session() as session:
        found = ranking.topics(session)
        shown = ranking.pages(session, now, language=wording.language(), take=TAKE)
        covers = showing.covers(session, shown)
    return pages.render("advice/topics.html", topics=found, shown=shown[:TAKE], covers=covers, topic=None)


@blueprint.get("/topics/<topic>")
@policy("public", "advice")
def topic(topic: str) -> Response:
    """Show the pages on one topic, in an order that commission has no part in."""
    now, skip = pages.business_now(), _number("skip")
    with db.use_scope(db.NOBODY), db.session() as session:
        found = ranking.topics(session)
        shown = ranking.pages(
            session, now, topic=topic[:40], language=wording.language(), skip=skip, take=TAKE
        )
        covers = showing.covers(session, shown)
    more = skip + TAKE if len(shown) > TAKE else None
    # A topic that nobody wrote about has no page: a search machine must not keep one for each word.
    return pages.render(
        "advice/topics.html", 200 if shown else 404, topics=found, shown=shown[:TAKE], covers=covers,
        topic=topic[:40], more=more,
    )  # fmt: skip


def _number(name: str) -> int:
    text = flask.request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
