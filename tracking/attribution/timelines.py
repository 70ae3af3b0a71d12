"""What was true of advisers, offers, partnerships and links at the instant of each touch, read in four queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts.models import AdviserState
from marketplace.offers.models import OfferState, PartnershipEvent
from tracking.links.models import LinkRest, TrackedLink

Pair = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The states of one thing, oldest first; `before` holds until the first."""

    changes: tuple[tuple[dt.datetime, str], ...]
    before: str

    def at(self, instant: dt.datetime) -> str:
        """Return the state in force at an instant; a change counts from its own instant on."""
        state = self.before
        for from_at, value in self.changes:
            if from_at > instant:
                break
            state = value
        return state


@dataclass(frozen=True, slots=True)
class Timelines:
    """The histories that a decision needs, by adviser, offer, (offer, adviser) and link."""

    advisers: Mapping[UUID, Timeline]
    offers: Mapping[UUID, Timeline]
    partnerships: Mapping[Pair, Timeline]
    # When each link was switched off and, where it is on again, when that was.
    rests: Mapping[UUID, Sequence[tuple[dt.datetime, dt.datetime | None]]]

    def is_disabled(self, link_id: UUID, instant: dt.datetime) -> bool:
        """Tell whether a link was switched off at an instant."""
        return any(
            from_at <= instant and (to_at is None or instant < to_at)
            for from_at, to_at in self.rests.get(link_id, ())
        )


def read(
    session: Session,
    advisers: Collection[UUID],
    offers: Collection[UUID],
    links: Collection[UUID],
) -> Timelines:
    """Read the histories of these advisers, offers, their partnerships and links."""
    adviser_rows = session.execute(
        sa.select(AdviserState.adviser_id, AdviserState.from_at, AdviserState.state)
        .where(AdviserState.adviser_id.in_(list(advisers)))
        .order_by(AdviserState.from_at, AdviserState.id)
    ).all()
    offer_rows = session.execute(
        sa.select(OfferState.offer_id, OfferState.from_at, OfferState.state)
        .where(OfferState.offer_id.in_(list(offers)))
        .order_by(OfferState.from_at, OfferState.id)
    ).all()
    event = PartnershipEvent
    partnership_rows = session.execute(
        sa.select(event.offer_id, event.adviser_id, event.from_at, event.state)
        .where(event.offer_id.in_(list(offers)), event.adviser_id.in_(list(advisers)))
        .order_by(event.from_at, event.id)
    ).all()
    link_rows = session.execute(
        sa.select(TrackedLink.id, TrackedLink.disabled_at, sa.null())
        .where(TrackedLink.id.in_(list(links)), TrackedLink.disabled_at.is_not(None))
        .union_all(
            sa.select(LinkRest.link_id, LinkRest.from_at, LinkRest.to_at).where(
                LinkRest.link_id.in_(list(links))
            )
        )
    ).all()
    rests: dict[UUID, list[tuple[dt.datetime, dt.datetime | None]]] = {}
    for link_id, from_at, to_at in link_rows:
        # Never: the query leaves out links that are on.
        if from_at is None:
            continue
        rests.setdefault(link_id, []).append((from_at, to_at))
    return Timelines(
        # Nobody is banned before they exist: the first state also holds for what came before it.
        _by_key([(row[0], row[1], row[2]) for row in adviser_rows], None),
        _by_key([(row[0], row[1], row[2]) for row in offer_rows], "draft"),
        _by_key([((row[0], row[1]), row[2], row[3]) for row in partnership_rows], "none"),
        rests,
    )


def _by_key(rows: Sequence[tuple[Any, dt.datetime, str]], before: str | None) -> dict[Any, Timeline]:
    changes: dict[Any, list[tuple[dt.datetime, str]]] = {}
    for key, from_at, state in rows:
        changes.setdefault(key, []).append((from_at, state))
    return {key: Timeline(tuple(steps), before or steps[0][1]) for key, steps in changes.items()}
