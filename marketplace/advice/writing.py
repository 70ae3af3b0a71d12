"""Writing advice: a page is begun from a template and saved as often as one likes; nothing of it is seen yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import advisers
from marketplace.advice import blocks
from marketplace.advice.models import AdviceDraft, AdvicePage
from marketplace.core import audit, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, Forbidden, NotFound

MOST_PAGES = 500
MOST_TOPICS = 5
# What a page of each kind begins with: types of blocks, in their order.
TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    "best_for": ("text", "method", "verdict", "questions"),
    "what_i_use": ("text", "method", "questions"),
    "gift_list": ("text", "verdict"),
    "single": ("text", "method", "verdict", "questions"),
    "comparison": ("text", "method", "verdict", "questions"),
}


class EditedElsewhere(Conflict):
    """Another window saved in between; what was sent was not kept and what is there was not lost."""

    code = "edited_elsewhere"
    title = "This page was saved in another window"
    detail = "You wrote on edit {edit}; edit {present} was saved at {saved_at}."
    next = "Read the draft again, put your change into it, and save with its edit."


class AdviserNotActive(Forbidden):
    """A banned or closing adviser publishes nothing."""

    code = "adviser_not_active"
    title = "Your adviser account is not active"
    detail = "Adviser {adviser_id} is {state}."
    next = "Contact us about your account."


class TooManyPages(Conflict):
    """One adviser has at most so many pages."""

    code = "too_many_pages"
    title = "You have as many pages as there can be"
    detail = "An adviser has at most {most} pages."
    next = "Reuse a draft that you don't need."


def begin(
    session: Session, actor: Actor, data: Mapping[str, Any], now: dt.datetime, page_id: UUID | None = None
) -> AdvicePage:
    """Begin a page of the actor's from the template of its kind, and return it.

    data: kind, language, and title, verdict, topics and blocks where given. page_id: of the page to be, where the
    same press may come twice: the page that it made is returned. Raises AdviserNotActive, TooManyPages, InvalidInput,
    NotFound for the id of another's page.
    """
    adviser_id = require_active(session, actor, now)
    if page_id is not None:
        # The second press waits until the first one has committed.
        turn = sa.func.hashtextextended(f"advice page {page_id}", 0)
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(turn)))
        if (made := session.get(AdvicePage, page_id)) is not None:
            if not tenancy.is_adviser(actor, "advice.begun", made.adviser_id):
                raise NotFound("advice page", page_id)
            return made
    count = sa.select(sa.func.count()).where(AdvicePage.adviser_id == adviser_id)
    if session.execute(count).scalar_one() >= MOST_PAGES:
        raise TooManyPages(most=MOST_PAGES)
    page = AdvicePage(
        id=page_id or ids.new_id(), adviser_id=adviser_id, code=ids.short_code(8), state="draft", kind=data["kind"],
        language=data["language"], updated_at=now,
    )  # fmt: skip
    session.add(page)
    session.flush()
    given = data.get("blocks")
    template = [{"id": f"b{n}", "type": kind} for n, kind in enumerate(TEMPLATES[data["kind"]], start=1)]
    session.add(
        AdviceDraft(
            page_id=page.id,
            adviser_id=adviser_id,
            edit=1,
            kind=data["kind"],
            language=data["language"],
            title=data.get("title", ""),
            verdict=data.get("verdict", ""),
            topics=list(dict.fromkeys(data.get("topics", ()))),
            blocks=blocks.read(template if given is None else given),
            saved_at=now,
        )
    )
    session.flush()
    audit.record(session, actor, "advice.begin", "advice_page", page.id, {"kind": page.kind}, now=now)
    return page


def draft_of(session: Session, actor: Actor, page_id: UUID) -> AdviceDraft:
    """Return the draft of a page of the actor's own. Raises NotFound."""
    query = sa.select(AdviceDraft).where(
        AdviceDraft.page_id == page_id, tenancy.adviser(actor, "advice.draft", AdviceDraft.adviser_id)
    )
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound("advice page", page_id)
    return found


def save(
    session: Session, actor: Actor, page_id: UUID, data: Mapping[str, Any], now: dt.datetime
) -> AdviceDraft:
    """Keep what changed of a draft; `edit` must be the number that the writer began from.

    data: edit, and any of title, verdict, kind, language, topics, blocks.
    Raises NotFound, EditedElsewhere, InvalidInput.
    """
    query = sa.select(AdviceDraft).where(
        AdviceDraft.page_id == page_id, tenancy.adviser(actor, "advice.save", AdviceDraft.adviser_id)
    )
    draft = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if draft is None:
        raise NotFound("advice page", page_id)
    refuse_older(draft, data["edit"])
    for name in ("title", "verdict", "kind", "language"):
        if name in data:
            setattr(draft, name, data[name])
    if "topics" in data:
        draft.topics = list(dict.fromkeys(data["topics"]))
    if "blocks" in data:
        draft.blocks = blocks.read(data["blocks"])
    draft.edit += 1
    draft.saved_at = now
    session.flush()
    return draft


def refuse_older(draft: AdviceDraft, edit: int) -> None:
    """Raise EditedElsewhere unless the writer began from the newest edit."""
    if edit != draft.edit:
        raise EditedElsewhere(edit=edit, present=draft.edit, saved_at=draft.saved_at)


def require_active(session: Session, actor: Actor, now: dt.datetime) -> UUID:
    """Return the adviser that the actor is. Raises AdviserNotActive, NotFound for who is none."""
    adviser_id = actor.adviser()
    state = advisers.state_at(session, [adviser_id], now).get(adviser_id, "active")
    if state != "active":
        raise AdviserNotActive(adviser_id=adviser_id, state=state)
    return adviser_id
