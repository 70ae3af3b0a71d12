"""Answers about advice: a page with what readers see of it, and what the check found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.accounts import public
from marketplace.advice import cards, checks, disclosure, reading, writing
from marketplace.advice.models import AdvicePage
from marketplace.core.actor import Actor


def shown(session: Session, page: AdvicePage) -> dict[str, Any]:
    """Return a page with its document and a label and address for each button; the document of a draft is null."""
    document = reading.document(session, page)
    fields = {column.key: getattr(page, column.key) for column in AdvicePage.__table__.columns}
    return fields | {"document": document, "buttons": buttons(page, document) if document else []}


def buttons(page: AdvicePage, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the buttons of a document: {block, href, pays, word, sentence}."""
    who, language = document["adviser"], document["language"]
    return [
        {
            "block": block["id"],
            "href": cards.address(block, adviser_code=who["code"], page_code=page.code),
            **disclosure.button(block, language=language, name=who["name"]),
        }
        for block in document["blocks"]
        if block["type"] == "product"
    ]


def checked(session: Session, actor: Actor, page_id: UUID, now: dt.datetime) -> dict[str, Any]:
    """Return what the check finds in the actor's own draft: {edit, can_publish, findings, cards, disclosure}."""
    draft = writing.draft_of(session, actor, page_id)
    found, resolved = checks.findings(session, draft.adviser_id, draft, now)
    name = public.adviser(session, draft.adviser_id).display_name
    return {
        "edit": draft.edit,
        "can_publish": not any(one.is_blocking for one in found),
        "findings": found,
        "cards": [_card(card) for card in resolved],
        "disclosure": checks.summary(resolved, draft, name),
    }


def _card(card: Mapping[str, Any]) -> dict[str, Any]:
    facts: cards.Facts | None = card["facts"]
    return {
        "id": card["id"],
        "name": card["name"],
        "shop": card["shop"] or "",
        "pays": card["pays"],
        "price": facts.price if facts else None,
        "seen_at": facts.seen_at if facts else None,
        "availability": facts.availability if facts else None,
    }
