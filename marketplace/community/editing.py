"""The editor's form: what a browser sends of a draft becomes blocks; one press of a button moves, adds or removes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from marketplace.accounts import public
from marketplace.advice import blocks, cards, disclosure, markup
from marketplace.advice.models import AdviceDraft
from marketplace.catalogue import products
from marketplace.catalogue.models import Product
from marketplace.community import showing
from marketplace.core.errors import InvalidInput
from marketplace.pictures import reading as pictures

_LINES: Final = ("plus", "minus")
_TEXTS: Final = ("text", "alt", "caption", "name", "seller", "label", "why", "for_whom", "obtained_note")
_IDS: Final = ("product_id", "url", "offer_id", "obtained", "picture_id")
ADDABLE: Final = ("text", "method", "verdict", "questions")


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with one field: `number` and `block` say in which block it stands, from 1; None: above them.

    field: its name without the places of lines in it, "" for the whole block; line: which line of it, from 1.
    """

    number: int | None
    block: Mapping[str, Any] | None
    field: str
    line: int | None
    sentences: Sequence[str]


def wrongs(errors: Mapping[str, Sequence[str]], shown: Sequence[Mapping[str, Any]]) -> list[Wrong]:
    """Return complaints by path ("blocks.2.plus.0") as people find them; shown: the blocks that stand on the page."""
    found = []
    for path, sentences in errors.items():
        parts = path.split(".")
        number: int | None = None
        if parts[0] == "blocks" and len(parts) > 1 and parts[1].isdigit():
            number, parts = int(parts[1]) + 1, parts[2:]
        line = int(parts[-1]) + 1 if len(parts) > 1 and parts[-1].isdigit() else None
        block = shown[number - 1] if number is not None and number <= len(shown) else None
        found.append(Wrong(number, block, parts[0] if parts else "", line, sentences))
    return found


def read(form: MultiDict[str, str]) -> dict[str, Any]:
    """Return what the editor's form says of a draft: title, verdict, topics, language, kind and blocks in their order.

    A block's fields are named "<id>.<field>"; `order` stands once for each block, with its id.
    """
    given: dict[str, Any] = {name: form.get(name, "").strip() for name in ("title", "verdict")}
    given |= {name: form[name] for name in ("kind", "language") if form.get(name)}
    given["topics"] = [one for one in (_topic(part) for part in form.get("topics", "").split(",")) if one][:5]
    given["blocks"] = [_block(form, name) for name in form.getlist("order")[: blocks.MOST_BLOCKS]]
    return given


def number_of(text: str) -> int:
    """Return the number of the edit that somebody began from. Raises InvalidInput for what is none."""
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise InvalidInput({"edit": ["Not a number of an edit."]})
    return int(text)


def _topic(text: str) -> str:
    return "-".join(
        "".join(char if char.isalnum() and char.isascii() else " " for char in text.lower()).split()
    )


def _block(form: MultiDict[str, str], name: str) -> dict[str, Any]:
    kind = form.get(f"{name}.type", "")
    found: dict[str, Any] = {"id": name, "type": kind}
    fields = blocks.TYPES[kind]().fields if kind in blocks.TYPES else {}
    for field in fields:
        raw = form.get(f"{name}.{field}")
        if raw is None or field in ("id", "type"):
            continue
        text = raw.replace("\r\n", "\n")
        if field in _LINES:
            found[field] = [line.strip() for line in text.split("\n") if line.strip()]
        elif field in _TEXTS:
            found[field] = text
        elif field in _IDS:
            found[field] = text.strip() or None
        elif field == "is_cover":
            found[field] = text == "true"
    return found


def act(
    session: Session, adviser_id: UUID, given: list[dict[str, Any]], wanted: str, pasted: str
) -> list[dict[str, Any]]:
    """Return blocks after one press: up:<id>, down:<id>, remove:<id>, add:<type>, card or card:<product id>.

    pasted: what stands in the box for products, an address or words; words alone add nothing.
    """
    what, _, name = wanted.partition(":")
    places = {block["id"]: place for place, block in enumerate(given)}
    if what in ("up", "down") and name in places:
        here = places[name]
        there = here + (-1 if what == "up" else 1)
        if 0 <= there < len(given):
            given[here], given[there] = given[there], given[here]
    elif what == "remove" and name in places:
        del given[places[name]]
    elif what == "add" and name in ADDABLE:
        given.append({"id": _fresh(), "type": name})
    elif what == "card":
        made = _card(session, adviser_id, name or pasted)
        if made is not None:
            given.insert(_after_last_card(given), made)
    return given


def _after_last_card(given: Sequence[Mapping[str, Any]]) -> int:
    found = [place for place, block in enumerate(given) if block["type"] == "product"]
    return (found[-1] if found else 0) + 1 if given else 0


def _card(session: Session, adviser_id: UUID, text: str) -> dict[str, Any] | None:
    """Return a card about a product of ours, by its id or address, or about a page elsewhere; None for words."""
    product = product_of(session, text.strip())
    if product is not None:
        joined = cards.earning(session, [adviser_id]).values()
        offers = [row["offer_id"] for row in joined if row["shop_id"] == product.shop_id]
        paying = str(offers[0]) if offers else None
        return {"id": _fresh(), "type": "product", "product_id": str(product.id), "offer_id": paying}
    address = text.strip()
    if address.startswith(("https://", "http://")):
        try:
            seller = urlsplit(address).hostname or ""
        except ValueError as error:
            raise InvalidInput({"url": ["Not an address."]}) from error
        return {"id": _fresh(), "type": "product", "url": address, "seller": seller}
    return None


def product_of(session: Session, text: str) -> Product | None:
    """Return the product that an id or the address of its page names, or None."""
    if (named := _uuid(text)) is not None:
        return session.get(Product, named)
    try:
        host = (urlsplit(text).hostname or "").removeprefix("www.") if text.isprintable() else ""
    except ValueError:
        host = ""
    shop_id = (
        (public.shop_of_host(session, host) or public.shop_of_host(session, f"www.{host}")) if host else None
    )
    return products.by_link(session, shop_id, text) if shop_id else None


def filled(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return blocks as the editor shows them, with every field of their type; for what could not be kept."""
    found = []
    for block in given:
        if block["type"] == "picture" and _uuid(str(block.get("picture_id"))) is None:
            # A picture that is none leaves nothing to mend.
            continue
        fields = blocks.TYPES[block["type"]]().fields if block["type"] in blocks.TYPES else {}
        empty: dict[str, Any] = {
            name: [] if name in _LINES else None if name in _IDS else "" for name in fields
        }
        found.append({**empty, **block, **_unfit(block)})
    return found


def _unfit(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return empty what no page can be drawn with: ids of nothing, and addresses that are no page's."""
    ids = {name for name in ("product_id", "offer_id") if block.get(name)}
    wrong: dict[str, Any] = {name: None for name in ids if _uuid(str(block[name])) is None}
    if (how := block.get("obtained")) and how not in disclosure.texts()["en"]["obtained"]:
        wrong["obtained"] = None
    address = str(block.get("url") or "")
    if ":" in address and not address.startswith(("https://", "http://")):
        wrong["url"] = None
    return wrong


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _fresh() -> str:
    return f"b{secrets.token_hex(4)}"


def preview(
    session: Session, draft: AdviceDraft, adviser: Mapping[str, Any], found: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a draft as readers would see it now: disclosure and blocks; its buttons lead nowhere yet."""
    by_id = {card["id"]: cards.kept(card, None) for card in found}
    whole: dict[str, Any] = {
        "language": draft.language,
        "adviser": {"name": adviser["display_name"]},
        "blocks": [by_id.get(block["id"], block) for block in draft.blocks],
    }
    shown = pictures.of_products(session, cards.ids_of(draft.blocks))
    known = {card["facts"].id: card["facts"] for card in found if card["facts"]}
    own = pictures.of(session, blocks.pictures(draft.blocks))
    made = [showing.card(block, known, shown, own, whole, adviser["code"], "") for block in by_id.values()]
    return {
        "blocks": showing.blocks(whole, made, own),
        "disclosure": disclosure.of(found, language=draft.language, name=adviser["display_name"]),
        "verdict": markup.plain(draft.verdict),
    }
