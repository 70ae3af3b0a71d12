"""What is looked at before a page is published: findings that stop it, and findings that only advise."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.advice import blocks as blocks_of
from marketplace.advice import cards, disclosure
from marketplace.advice.models import AdviceDraft
from marketplace.core.errors import Conflict

# Each finding in words, and whether it stops publishing.
FINDINGS: Final[Mapping[str, tuple[bool, str]]] = {
    "title_missing": (True, "The page has no title."),
    "verdict_missing": (True, "The page has no verdict: say in a sentence or two what you advise."),
    "nothing_to_read": (True, "The page has no text and no product yet."),
    "obtained_missing": (True, "Say how you obtained %(name)s: readers always see it."),
    "why_missing": (True, "Say why you advise %(name)s."),
    "alt_missing": (True, "Say in words what the picture shows, for who can't see it."),
    "product_gone": (True, "%(name)s is no longer sold by its shop."),
    "dead_link": (True, "The link of %(name)s leads nowhere: it has no name or no address."),
    "offer_not_joined": (True, "The button of %(name)s can't pay: you don't take part in that offer now."),
    "out_of_stock": (False, "%(name)s is out of stock at %(shop)s."),
    "price_old": (False, "The price of %(name)s was last seen more than a day ago."),
    "could_pay": (False, "You take part in an offer of %(shop)s, but the button of %(name)s pays nothing."),
    "minus_missing": (False, "No product has a downside: readers trust a page that names one."),
    "method_missing": (False, "Say how you tested or chose: a page without it convinces nobody."),
    "for_whom_missing": (False, "Say for whom %(name)s is, and for whom it is not."),
    "topic_missing": (False, "Without a topic nobody finds the page by browsing."),
    "claim": (False, "\u201c%(word)s\u201d promises more than you may know: say what you saw."),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found; block: the id of the block it is about, None for the page."""

    code: str
    block: str | None
    facts: Mapping[str, str]

    @property
    def is_blocking(self) -> bool:
        """Tell whether the page can't be published like this."""
        return FINDINGS[self.code][0]

    @property
    def template(self) -> str:
        """Return the English sentence with places for the facts."""
        return FINDINGS[self.code][1]

    @property
    def sentence(self) -> str:
        """Return the finding in English."""
        return self.template % self.facts


class NotReady(Conflict):
    """The check before publishing found something that stops it."""

    code = "advice_not_ready"
    title = "The page can't be published yet"
    detail = "The check found {count} things to mend first: {codes}."
    next = "Read GET /api/v1/advice-pages/{id}/check, mend what blocks, and publish again."


@cache
def _claims() -> Mapping[str, re.Pattern[str]]:
    file = resources.files("marketplace.advice") / "claims.toml"
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    found = {}
    for language in ("nl", "en"):
        words = [re.escape(word).replace(r"\*", r"\w*") for kind in data.values() for word in kind[language]]
        found[language] = re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)
    return found


def findings(
    session: Session,
    adviser_id: UUID,
    draft: AdviceDraft,
    now: dt.datetime,
    earning: cards.Earning | None = None,
) -> tuple[list[Finding], list[dict[str, Any]]]:
    """Return what is to be mended in a draft, what blocks first, and its cards with their facts.

    earning: as `cards.earning` tells, of who has asked it already.
    """
    if earning is None:
        earning = cards.earning(session, [adviser_id])
    found = cards.resolved(session, adviser_id, draft.blocks, earning)
    joined = {row["shop_id"] for row in earning.values()}
    told = [*_of_page(draft, found), *_of_pictures(draft.blocks), *_claimed(draft)]
    for card in found:
        told += _of_card(card, joined, now)
    return sorted(told, key=lambda one: not one.is_blocking), found


def summary(found: Sequence[Mapping[str, Any]], draft: AdviceDraft, name: str) -> dict[str, Any]:
    """Return the disclosure that a draft would be published with."""
    return disclosure.of(found, language=draft.language, name=name)


def _of_page(draft: AdviceDraft, found: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    has_text = any(block["type"] in ("text", "verdict") and block["text"].strip() for block in draft.blocks)
    has_method = any(block["type"] == "method" and block["text"].strip() for block in draft.blocks)
    missing = {
        "title_missing": not draft.title.strip(),
        "verdict_missing": not draft.verdict.strip(),
        "nothing_to_read": not found and not has_text,
        "method_missing": bool(found) and not has_method,
        "minus_missing": bool(found) and not any(card["minus"] for card in found),
        "topic_missing": not draft.topics,
    }
    return (Finding(code, None, {}) for code, is_so in missing.items() if is_so)


def _of_card(card: Mapping[str, Any], joined: set[UUID], now: dt.datetime) -> Iterator[Finding]:
    product: cards.Facts | None = card["facts"]
    told = {"name": card["name"] or "?", "shop": card["shop"] or "?"}
    missing = {
        "obtained_missing": card["obtained"] is None,
        "why_missing": not card["why"].strip(),
        "product_gone": card["product_id"] is not None and (product is None or product.is_retired),
        "dead_link": card["product_id"] is None and not (card["url"] and card["name"].strip()),
        "offer_not_joined": card["offer_id"] is not None and product is not None and not card["pays"],
        "out_of_stock": product is not None and product.availability == "out_of_stock",
        "price_old": product is not None and product.is_stale(now),
        "could_pay": product is not None and card["offer_id"] is None and product.shop_id in joined,
        "for_whom_missing": not card["for_whom"].strip(),
        "alt_missing": card["picture_id"] is not None and not card["alt"].strip(),
    }
    return (Finding(code, card["id"], told) for code, is_so in missing.items() if is_so)


def _of_pictures(given: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    return (
        Finding("alt_missing", block["id"], {})
        for block in given
        if block["type"] == "picture" and not block["alt"].strip()
    )


def _claimed(draft: AdviceDraft) -> Iterator[Finding]:
    pattern = _claims()[draft.language]
    places: list[tuple[str | None, list[str]]] = [(None, [draft.title, draft.verdict])]
    places += [(block["id"], blocks_of.texts(block)) for block in draft.blocks]
    for block, texts in places:
        words = dict.fromkeys(match.group(0).lower() for text in texts for match in pattern.finditer(text))
        yield from (Finding("claim", block, {"word": word}) for word in words)
