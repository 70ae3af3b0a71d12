"""Texts that people agree to: numbered files that never change, and who agreed to which, known by its hash."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.accounts import shops, users
from marketplace.accounts.models import Agreement
from marketplace.core import audit, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, InvalidInput

KINDS = ("terms", "data_processing", "self_billing")


class OtherText(Conflict):
    """The version or the hash is not that of the text in force."""

    code = "agreement_text_differs"
    title = "That is not the present text"
    detail = "The present {kind} is version {version} with hash {sha256}."
    next = "Read the present text with GET /api/v1/agreements and agree to that one."


@dataclass(frozen=True, slots=True)
class Document:
    """A text in force."""

    kind: str
    version: int
    text: str

    @property
    def sha256(self) -> str:
        """Return the hash of the text, 64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def present() -> tuple[Document, ...]:
    """Return the newest version of each text; the files are named <kind>.<version>.txt."""
    newest: dict[str, Document] = {}
    for file in (resources.files("marketplace.accounts") / "texts").iterdir():
        kind, _, rest = file.name.partition(".")
        version = rest.removesuffix(".txt")
        if kind in KINDS and version.isdigit() and int(version) > getattr(newest.get(kind), "version", 0):
            newest[kind] = Document(kind, int(version), file.read_text(encoding="utf-8"))
    return tuple(newest[kind] for kind in KINDS if kind in newest)


def agree(session: Session, actor: Actor, data: Mapping[str, Any], now: dt.datetime) -> Agreement:
    """Write down that the actor agrees, for a shop or as an adviser; agreeing again returns the first.

    data: kind, version, sha256, and shop_id where the actor owns several shops. Terms bind the person, data
    processing a shop, self-billing an adviser. Raises OtherText, NotFound, OwnerNeeded, InvalidInput.
    """
    document = next((text for text in present() if text.kind == data["kind"]), None)
    if document is None:
        raise InvalidInput({"kind": ["There is no such text."]})
    if (document.version, document.sha256) != (data["version"], data["sha256"]):
        raise OtherText(kind=document.kind, version=document.version, sha256=document.sha256)
    shop_id = adviser_id = None
    if document.kind == "data_processing":
        shop_id = shops.owned_by(session, actor, tenancy.meant_shop(actor, data.get("shop_id"))).id
    elif data.get("shop_id") is not None:
        raise InvalidInput({"shop_id": ["This text is not agreed to for a shop."]})
    if document.kind == "self_billing":
        adviser_id = actor.adviser()
    made = session.execute(
        insert(Agreement)
        .values(
            id=ids.new_id(),
            kind=document.kind,
            version=document.version,
            sha256=document.sha256,
            user_id=users.id_of(actor),
            shop_id=shop_id,
            adviser_id=adviser_id,
            accepted_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Agreement.id)
    ).scalar()
    statement = select(Agreement).where(
        Agreement.kind == document.kind,
        Agreement.version == document.version,
        Agreement.user_id == users.id_of(actor),
        Agreement.shop_id.is_not_distinct_from(shop_id),
        Agreement.adviser_id.is_not_distinct_from(adviser_id),
    )
    agreement = session.scalars(statement).one()
    if made is not None:
        facts = {"kind": document.kind, "version": document.version, "sha256": document.sha256}
        audit.record(session, actor, "agreement.accept", "agreement", made, facts, now=now, shop_id=shop_id)
    return agreement


def of_actor(session: Session, actor: Actor) -> Sequence[Agreement]:
    """Return what the actor agreed to, and what was agreed to for shops that they own, oldest first."""
    mine = tenancy.person(actor, "agreements.own", Agreement.user_id)
    of_shops = tenancy.owned_shops(actor, "agreements.shops", Agreement.shop_id)
    return session.scalars(select(Agreement).where(mine | of_shops).order_by(Agreement.id)).all()


def not_agreed(session: Session, actor: Actor) -> list[tuple[Document, UUID | None]]:
    """Return the texts in force that the actor did not agree to yet, each with the shop that it binds, or None."""
    present_texts = {(one.kind, one.version): one for one in present()}
    agreed = {
        (one.kind, one.shop_id)
        for one in of_actor(session, actor)
        if (one.kind, one.version) in present_texts
        and (one.shop_id is not None or one.user_id == actor.user_id)
    }
    lacking: list[tuple[Document, UUID | None]] = []
    for text in present_texts.values():
        if text.kind == "data_processing":
            lacking += [(text, shop) for shop in actor.owned_shop_ids if (text.kind, shop) not in agreed]
        elif (text.kind, None) not in agreed and (text.kind == "terms" or actor.adviser_id is not None):
            lacking.append((text, None))
    return lacking


def has_agreed(
    session: Session, kind: str, *, shop_id: UUID | None = None, adviser_id: UUID | None = None
) -> bool:
    """Tell whether the newest text of a kind was agreed to for a shop or by an adviser."""
    document = next(text for text in present() if text.kind == kind)
    statement = select(Agreement.id).where(
        Agreement.kind == kind,
        Agreement.version == document.version,
        Agreement.shop_id.is_not_distinct_from(shop_id),
        Agreement.adviser_id.is_not_distinct_from(adviser_id),
    )
    return session.scalars(statement.limit(1)).first() is not None
