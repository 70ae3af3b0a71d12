"""Publishing advice: versions are kept as readers saw them; advisers withdraw, the platform takes down with reason."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import public, users
from marketplace.advice import blocks, cards, checks, disclosure, writing
from marketplace.advice.models import AdviceDraft, AdviceEvent, AdvicePage, AdviceVersion
from marketplace.core import audit, config, ids, mail, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import IllegalTransition, NotFound


def publish(session: Session, actor: Actor, page_id: UUID, edit: int, now: dt.datetime) -> AdvicePage:
    """Let readers see the draft as it is now, as a new version; an unchanged page keeps the version it has.

    edit: of the draft that the adviser looked at. Raises NotFound, EditedElsewhere, NotReady, IllegalTransition for a
    page that was taken down, AdviserNotActive.
    """
    adviser_id = writing.require_active(session, actor, now)
    page = _own(session, actor, page_id)
    draft = writing.draft_of(session, actor, page_id)
    writing.refuse_older(draft, edit)
    found, shown = checks.findings(session, adviser_id, draft, now)
    blocking = [one for one in found if one.is_blocking]
    if blocking:
        codes = ", ".join(dict.fromkeys(one.code for one in blocking))
        raise checks.NotReady(count=len(blocking), codes=codes, id=page_id)
    document = _document(session, page, draft, shown, now)
    digest = hashlib.sha256(canonical(document)).digest()
    newest = session.scalars(
        sa.select(AdviceVersion.sha256).where(
            AdviceVersion.page_id == page.id, AdviceVersion.number == page.version
        )
    ).first()
    if newest != digest:
        session.add(
            AdviceVersion(
                page_id=page.id, adviser_id=adviser_id, number=page.version + 1, document=document, sha256=digest,
                published_at=now,
            )
        )  # fmt: skip
    elif page.state == "published":
        return page
    _describe(session, page, draft, shown, is_new=newest != digest, now=now)
    _step(session, actor, page, "published", "adviser", None, now)
    return page


def withdraw(session: Session, actor: Actor, page_id: UUID, now: dt.datetime) -> AdvicePage:
    """Take one's own page away from readers; twice changes nothing. Raises NotFound, IllegalTransition for a draft."""
    page = _own(session, actor, page_id)
    if page.state == "withdrawn":
        return page
    if page.state != "published":
        raise IllegalTransition("The page", was=page.state, wanted="withdrawn")
    page.state, page.updated_at = "withdrawn", now
    session.flush()
    _step(session, actor, page, "withdrawn", "adviser", None, now)
    return page


def take_down(session: Session, actor: Actor, page_id: UUID, reason: str, now: dt.datetime) -> AdvicePage:
    """Take a page away as the platform, and tell its adviser why. Twice changes nothing.

    Raises NotFound, IllegalTransition for a page that was never published.
    """
    page = _any(session, page_id)
    if page.state == "taken_down":
        return page
    if page.state == "draft":
        raise IllegalTransition("The page", was=page.state, wanted="taken_down")
    page.state, page.updated_at = "taken_down", now
    session.flush()
    n = _step(session, actor, page, "taken_down", "admin", reason, now)
    facts = {
        "page": page.title,
        "reason": reason,
        "at": now.isoformat(),
        "url": f"{config.current().base_url}/adviser/advice/{page.id}",
    }
    once = f"advice.taken_down:{page.id}:{n}"
    mail.tell(session, f"adviser:{page.adviser_id}", "page_taken_down", facts, once=once, now=now)
    return page


def restore(session: Session, actor: Actor, page_id: UUID, reason: str, now: dt.datetime) -> AdvicePage:
    """Bring back, as the platform, a page that was taken down. Raises NotFound, IllegalTransition for another one."""
    page = _any(session, page_id)
    if page.state != "taken_down":
        raise IllegalTransition("The page", was=page.state, wanted="published")
    page.state, page.updated_at = "published", now
    session.flush()
    _step(session, actor, page, "published", "admin", reason, now)
    return page


def tie(session: Session, actor: Actor, page_id: UUID, twin_id: UUID | None, now: dt.datetime) -> AdvicePage:
    """Say that two pages of one adviser are the same advice in two languages, both ways; None unties them.

    Raises NotFound, IllegalTransition when the languages are the same.
    """
    page = _own(session, actor, page_id)
    twin = _own(session, actor, twin_id) if twin_id is not None else None
    if twin is not None and twin.language == page.language:
        raise IllegalTransition(
            "The page", was=f"in {page.language}", wanted="the twin of one in that language"
        )
    loose = sa.update(AdvicePage).where(
        AdvicePage.twin_id.in_([one.id for one in (page, twin) if one is not None]),
        AdvicePage.adviser_id == page.adviser_id,
        AdvicePage.state != "taken_down",
    )
    session.execute(loose.values(twin_id=None), execution_options={"synchronize_session": "fetch"})
    page.twin_id = twin.id if twin is not None else None
    if twin is not None:
        twin.twin_id = page.id
    session.flush()
    audit.record(session, actor, "advice.tie", "advice_page", page.id, {"twin": str(twin_id)}, now=now)
    return page


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the bytes that a version's hash is of."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _own(session: Session, actor: Actor, page_id: UUID) -> AdvicePage:
    query = sa.select(AdvicePage).where(
        AdvicePage.id == page_id, tenancy.adviser(actor, "advice.publish", AdvicePage.adviser_id)
    )
    found = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFound("advice page", page_id)
    if found.state == "taken_down":
        raise IllegalTransition("The page", was="taken_down", wanted="changed by its adviser")
    return _locked(session, page_id)


def _any(session: Session, page_id: UUID) -> AdvicePage:
    if session.get(AdvicePage, page_id) is None:
        raise NotFound("advice page", page_id)
    return _locked(session, page_id)


def _locked(session: Session, page_id: UUID) -> AdvicePage:
    query = sa.select(AdvicePage).where(AdvicePage.id == page_id)
    return session.scalars(
        query.with_for_update(key_share=True).execution_options(populate_existing=True)
    ).one()


def _document(
    session: Session,
    page: AdvicePage,
    draft: AdviceDraft,
    shown: Sequence[Mapping[str, Any]],
    now: dt.datetime,
) -> dict[str, Any]:
    """Return what readers will see, as plain JSON."""
    who = public.adviser(session, page.adviser_id)
    paths = cards.links(session, page.adviser_id, shown, page.code, now)
    kept = {
        card["id"]: cards.kept(card, paths.get(card["facts"].id) if card["facts"] else None) for card in shown
    }
    told = disclosure.of(shown, language=draft.language, name=who.display_name)
    return {
        "form": blocks.FORM,
        "kind": draft.kind,
        "language": draft.language,
        "title": draft.title,
        "verdict": draft.verdict,
        "topics": list(draft.topics),
        "adviser": {"id": str(page.adviser_id), "code": who.code, "name": who.display_name, "kind": who.kind},
        "disclosure": told,
        "blocks": [kept.get(block["id"], block) for block in draft.blocks],
    }


def _describe(
    session: Session,
    page: AdvicePage,
    draft: AdviceDraft,
    shown: Sequence[Mapping[str, Any]],
    *,
    is_new: bool,
    now: dt.datetime,
) -> None:
    """Let the page say of itself what its newest version says."""
    page.slug = page.slug or _free_slug(session, draft.title)
    page.kind, page.language, page.title = draft.kind, draft.language, draft.title
    page.verdict, page.topics = draft.verdict, list(draft.topics)
    page.product_ids = list(dict.fromkeys(card["facts"].id for card in shown if card["facts"]))
    page.shop_ids = list(dict.fromkeys(card["shop_id"] for card in shown if card["shop_id"]))
    page.pays = any(card["pays"] for card in shown)
    page.picture_id = next(iter(blocks.pictures(draft.blocks)), None)
    page.state = "published"
    page.version += is_new
    page.published_at = page.published_at or now
    page.updated_at = now
    session.flush()


def _free_slug(session: Session, title: str) -> str:
    """Return an address made of a title that no page has."""
    wish = users.slug(title, "advice", longest=70)
    # Two who publish under one title at one instant wait for each other here.
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"advice_page.slug:{wish}"))))
    taken = set(
        session.scalars(
            sa.select(AdvicePage.slug).where(
                sa.or_(AdvicePage.slug == wish, AdvicePage.slug.like(f"{wish}-%"))
            )
        )
    )
    number = 1
    while (slug := wish if number == 1 else f"{wish}-{number}") in taken:
        number += 1
    return slug


def _step(
    session: Session,
    actor: Actor,
    page: AdvicePage,
    state: str,
    by_role: str,
    reason: str | None,
    now: dt.datetime,
) -> int:
    """Write a step down and return its number."""
    taken = sa.select(sa.func.coalesce(sa.func.max(AdviceEvent.n), 0)).where(AdviceEvent.page_id == page.id)
    n = int(session.execute(taken).scalar_one()) + 1
    session.add(
        AdviceEvent(
            id=ids.new_id(), page_id=page.id, adviser_id=page.adviser_id, n=n, state=state, version=page.version,
            reason=reason, by_role=by_role, by_user_id=actor.user_id, at=now,
        )
    )  # fmt: skip
    session.flush()
    audit.record(
        session, actor, f"advice.{state}", "advice_page", page.id, {"version": page.version}, now=now
    )
    return n
