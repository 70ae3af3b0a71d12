"""What binds a shop and its owner before it begins: the texts in force, ticked one by one and kept with their hash."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.accounts import agreements
from marketplace.accounts.agreements import Document
from marketplace.core.actor import Actor
from marketplace.core.errors import InvalidInput

# What the owner of a new shop is asked: the person's own terms, and the agreement of the shop.
ASKED = ("terms", "data_processing")


def asked(session: Session, actor: Actor) -> list[Document]:
    """Return the texts that somebody must agree to before a shop of theirs begins, without those agreed to before."""
    lacking = {text.kind for text, shop_id in agreements.not_agreed(session, actor) if shop_id is None}
    return [
        text
        for text in agreements.present()
        if text.kind in ASKED and (text.kind != "terms" or text.kind in lacking)
    ]


def require(texts: Sequence[Document], data: Mapping[str, Any]) -> None:
    """Raise InvalidInput by field unless each text was ticked as it stands now."""
    wrong = {
        f"agree_{text.kind}": ["Agree to it first; without that the shop can't begin."]
        for text in texts
        if data[f"agree_{text.kind}"] != text.sha256
    }
    if wrong:
        raise InvalidInput(wrong)


def keep(session: Session, actor: Actor, texts: Sequence[Document], shop_id: UUID, now: dt.datetime) -> None:
    """Write down, in the transaction that made the shop, that its owner agreed."""
    owner = dataclasses.replace(
        actor,
        roles=actor.roles | {"owner"},
        shop_ids=(*actor.shop_ids, shop_id),
        owned_shop_ids=(*actor.owned_shop_ids, shop_id),
    )
    for text in texts:
        about = {"shop_id": shop_id} if text.kind == "data_processing" else {}
        agreements.agree(
            session, owner, {"kind": text.kind, "version": text.version, "sha256": text.sha256} | about, now
        )


def of_shop(session: Session, actor: Actor, shop_id: UUID) -> list[tuple[Document, dt.datetime | None]]:
    """Return the texts that bind a shop and its owner with the day of agreement; None: nobody agreed yet."""
    agreed: dict[tuple[str, int], dt.datetime] = {}
    for one in agreements.of_actor(session, actor):
        if one.shop_id in (None, shop_id):
            agreed.setdefault((one.kind, one.version), one.accepted_at)
    return [
        (text, agreed.get((text.kind, text.version))) for text in agreements.present() if text.kind in ASKED
    ]
