"""Reading advice: published pages for everybody, one's own in every state, and what readers saw when."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.advice.models import AdviceDraft, AdviceEvent, AdvicePage, AdviceVersion
from marketplace.core import tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Gone, NotFound


class PageGone(Gone):
    """The page was withdrawn by its adviser or taken down by the platform."""

    code = "advice_gone"
    title = "This page is no longer there"
    detail = "The page was {state}."
    unchanged = "Everything else that its adviser wrote stands where it stood."
    next = "Look for other advice on the same topic."


@dataclass(frozen=True, slots=True)
class Wish:
    """Which published pages are wanted; each part narrows."""

    adviser_id: UUID | None = None
    product_id: UUID | None = None
    shop_id: UUID | None = None
    topic: str | None = None
    language: str | None = None
    state: str | None = None


def visible(actor: Actor) -> sa.ColumnElement[bool]:
    """Return which pages an actor may see: published ones, their own, and all as admin."""
    if actor.is_platform:
        return sa.true()
    return sa.or_(
        AdvicePage.state == "published", tenancy.adviser(actor, "advice.seen", AdvicePage.adviser_id)
    )


def get(session: Session, actor: Actor, page_id: UUID) -> AdvicePage:
    """Return a page that the actor may see. Raises NotFound."""
    found = session.scalars(
        sa.select(AdvicePage).where(AdvicePage.id == page_id, visible(actor))
    ).one_or_none()
    if found is None:
        raise NotFound("advice page", page_id)
    return found


def shown(session: Session, page_id: UUID) -> AdvicePage:
    """Return a page that readers see, whoever asks. Raises NotFound."""
    query = sa.select(AdvicePage).where(AdvicePage.id == page_id, AdvicePage.state == "published")
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound("advice page", page_id)
    return found


def of_slug(session: Session, slug: str) -> AdvicePage:
    """Return the published page of an address. Raises NotFound, PageGone when it stood there once."""
    found = session.scalars(sa.select(AdvicePage).where(AdvicePage.slug == slug)).one_or_none()
    if found is None:
        raise NotFound("advice page", slug)
    if found.state != "published":
        raise PageGone(state=found.state.replace("_", " "))
    return found


def published(session: Session, slug: str) -> tuple[AdvicePage, Mapping[str, Any]]:
    """Return the published page of an address with what readers see of it. Raises NotFound, PageGone."""
    newest = sa.and_(AdviceVersion.page_id == AdvicePage.id, AdviceVersion.number == AdvicePage.version)
    query = sa.select(AdvicePage, AdviceVersion.document).outerjoin(AdviceVersion, newest)
    found = session.execute(query.where(AdvicePage.slug == slug)).one_or_none()
    if found is None:
        raise NotFound("advice page", slug)
    if found[0].state != "published":
        raise PageGone(state=found[0].state.replace("_", " "))
    return found[0], found[1] or {}


def listed(
    session: Session, actor: Actor, wish: Wish, *, after: UUID | None, limit: int
) -> Sequence[AdvicePage]:
    """Return up to limit + 1 pages that the actor may see, newest first, after the id `after`."""
    query = sa.select(AdvicePage).where(visible(actor)).order_by(AdvicePage.id.desc()).limit(limit + 1)
    for condition in _conditions(wish):
        query = query.where(condition)
    if after is not None:
        query = query.where(AdvicePage.id < after)
    return session.scalars(query).all()


def _conditions(wish: Wish) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wish.adviser_id is not None:
        found.append(AdvicePage.adviser_id == wish.adviser_id)
    if wish.product_id is not None:
        found.append(AdvicePage.product_ids.contains([wish.product_id]))
    if wish.shop_id is not None:
        found.append(AdvicePage.shop_ids.contains([wish.shop_id]))
    if wish.topic is not None:
        found.append(AdvicePage.topics.contains([wish.topic]))
    if wish.language is not None:
        found.append(AdvicePage.language == wish.language)
    if wish.state is not None:
        found.append(AdvicePage.state == wish.state)
    return found


def document(session: Session, page: AdvicePage) -> Mapping[str, Any] | None:
    """Return what readers see of a page now, or None of one that was never published."""
    query = sa.select(AdviceVersion.document).where(
        AdviceVersion.page_id == page.id, AdviceVersion.number == page.version
    )
    found: Mapping[str, Any] | None = session.scalars(query).first()
    return found


def documents(session: Session, pages: Collection[AdvicePage]) -> dict[UUID, Mapping[str, Any]]:
    """Return what readers see of pages now, by id."""
    if not pages:
        return {}
    wanted = sa.tuple_(AdviceVersion.page_id, AdviceVersion.number).in_(
        [(one.id, one.version) for one in pages]
    )
    query = sa.select(AdviceVersion.page_id, AdviceVersion.document).where(wanted)
    return {row.page_id: row.document for row in session.execute(query)}


def versions(
    session: Session, actor: Actor, page_id: UUID, *, after: int | None, limit: int
) -> Sequence[AdviceVersion]:
    """Return up to limit + 1 versions of a page of the actor's own (any for the platform), newest first.

    after: the number of the last one seen. Raises NotFound.
    """
    owned(session, actor, page_id)
    query = sa.select(AdviceVersion).where(AdviceVersion.page_id == page_id)
    if after is not None:
        query = query.where(AdviceVersion.number < after)
    return session.scalars(query.order_by(AdviceVersion.number.desc()).limit(limit + 1)).all()


def events(session: Session, actor: Actor, page_id: UUID) -> Sequence[AdviceEvent]:
    """Return the steps of one's own page (of any for the platform), newest first, at most 200. Raises NotFound."""
    owned(session, actor, page_id)
    query = sa.select(AdviceEvent).where(AdviceEvent.page_id == page_id)
    return session.scalars(query.order_by(AdviceEvent.n.desc()).limit(200)).all()


def owned(session: Session, actor: Actor, page_id: UUID) -> AdvicePage:
    """Return a page of the actor's own, or any for the platform. Raises NotFound."""
    query = sa.select(AdvicePage).where(AdvicePage.id == page_id)
    if not actor.is_platform:
        query = query.where(tenancy.adviser(actor, "advice.owned", AdvicePage.adviser_id))
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound("advice page", page_id)
    return found


def drafts_of(session: Session, page_ids: Collection[UUID]) -> dict[UUID, AdviceDraft]:
    """Return the drafts of pages as far as the actor may see them, by page."""
    if not page_ids:
        return {}
    query = sa.select(AdviceDraft).where(AdviceDraft.page_id.in_(list(page_ids)))
    return {draft.page_id: draft for draft in session.scalars(query)}


def advising_on(session: Session, product_ids: Collection[UUID], *, most: int = 200) -> Sequence[AdvicePage]:
    """Return published pages that are about any of these products, the newest first."""
    if not product_ids:
        return []
    query = sa.select(AdvicePage).where(
        AdvicePage.state == "published", AdvicePage.product_ids.overlap(list(product_ids))
    )
    return session.scalars(query.order_by(AdvicePage.updated_at.desc(), AdvicePage.id).limit(most)).all()
