"""The rules of claims, pure: when a purchase may be claimed, who may do what, and what the clock does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from marketplace.core.errors import IllegalTransition
from marketplace.core.formats import ZONE

State = Literal["open", "escalated", "found", "refused", "withdrawn", "closed"]
Party = Literal["adviser", "shop", "platform", "clock"]
Kind = Literal["claimed", "found", "refused", "withdrawn", "escalated", "asked", "closed"]
Verb = Literal["answer", "withdraw", "ask", "close"]

STATES: Final = ("open", "escalated", "found", "refused", "withdrawn", "closed")
ENDED: Final = ("found", "refused", "withdrawn", "closed")
# Why a shop says no, as codes that every page and mail has words for.
REASONS: Final = (
    "no_sale_found",
    "not_our_order",
    "not_by_advice",
    "cancelled",
    "reported_elsewhere",
    "other",
)
# Days after the day of purchase: before the first most shops report by themselves, after the last few can still look.
FIRST_DAY: Final = 7
LAST_DAY: Final = 100
ANSWER_WITHIN: Final = dt.timedelta(days=14)
ASKED_AGAIN_WITHIN: Final = dt.timedelta(days=7)
REMINDED_BEFORE: Final = dt.timedelta(days=3)
# Who says what in which state, and the state after it. A shop may answer late: its answer is worth more than its term.
_STEPS: Final[Mapping[tuple[State, Kind, Party], State]] = {
    ("open", "found", "shop"): "found",
    ("open", "found", "clock"): "found",
    ("open", "refused", "shop"): "refused",
    ("open", "withdrawn", "adviser"): "withdrawn",
    ("open", "escalated", "clock"): "escalated",
    ("escalated", "found", "shop"): "found",
    ("escalated", "found", "clock"): "found",
    ("escalated", "refused", "shop"): "refused",
    ("escalated", "withdrawn", "adviser"): "withdrawn",
    ("escalated", "asked", "platform"): "open",
    ("escalated", "closed", "platform"): "closed",
}
_VERBS: Final[Mapping[State, tuple[tuple[Party, Verb], ...]]] = {
    "open": (("shop", "answer"), ("adviser", "withdraw")),
    "escalated": (
        ("shop", "answer"),
        ("adviser", "withdraw"),
        ("platform", "ask"),
        ("platform", "close"),
    ),
}


@dataclass(frozen=True, slots=True)
class Event:
    """What was said, as far as the state depends on it; until: the term it gives the shop, when it gives one."""

    kind: Kind
    party: Party
    at: dt.datetime
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a claim stands: its state, by when the shop is to answer, and who ended it when."""

    state: State
    answer_by: dt.datetime
    ended_by: Party | None = None
    ended_at: dt.datetime | None = None

    def is_overdue(self, now: dt.datetime) -> bool:
        """Tell whether the shop let its term pass and nobody was told yet."""
        return self.state == "open" and now >= self.answer_by


def window(bought_on: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Return from which instant a purchase may be claimed, and until when, in days of Amsterdam."""
    first, last = bought_on + dt.timedelta(days=FIRST_DAY), bought_on + dt.timedelta(days=LAST_DAY + 1)
    return _midnight(first), _midnight(last)


def claimed(now: dt.datetime) -> Event:
    """Return the event that begins a claim now, with the term of the shop."""
    return Event("claimed", "adviser", now, now + ANSWER_WITHIN)


def asked(now: dt.datetime) -> Event:
    """Return the event by which the platform asks the shop once more."""
    return Event("asked", "platform", now, now + ASKED_AGAIN_WITHIN)


def standing_of(events: Sequence[Event]) -> Standing:
    """Return where a claim stands after these events, oldest first. Raises ValueError for what can't have been."""
    first = events[0] if events else None
    if first is None or (first.kind, first.party) != ("claimed", "adviser") or first.until is None:
        raise ValueError("a claim begins by being made by the adviser, with a term for the shop")
    standing = Standing("open", first.until)
    for event in events[1:]:
        standing = after(standing, event)
    return standing


def after(standing: Standing, event: Event) -> Standing:
    """Return where a claim stands after one more event. Raises ValueError for one that can't follow."""
    state = _STEPS.get((standing.state, event.kind, event.party))
    if state is None or (event.kind == "escalated" and not standing.is_overdue(event.at)):
        raise ValueError(f"{event.kind} by {event.party} can't follow in a claim that is {standing.state}")
    if (event.until is not None) != (event.kind == "asked"):
        raise ValueError("only who asks the shop gives it a term")
    if state in ENDED:
        return replace(standing, state=state, ended_by=event.party, ended_at=event.at)
    return replace(standing, state=state, answer_by=event.until or standing.answer_by)


def by_the_clock(standing: Standing, now: dt.datetime) -> Event | None:
    """Return what silence does to a claim now, or None while the shop has time or nobody waits for it."""
    return Event("escalated", "clock", now) if standing.is_overdue(now) else None


def looked_at(standing: Standing, now: dt.datetime) -> dt.datetime | None:
    """Return when the clock looks at a claim next: to remind the shop, then for its silence; None for never."""
    if standing.state != "open":
        return None
    reminded = standing.answer_by - REMINDED_BEFORE
    return reminded if now < reminded else standing.answer_by


def may(standing: Standing) -> tuple[tuple[Party, Verb], ...]:
    """Return who may do what; nobody anything once it ended."""
    return _VERBS.get(standing.state, ())


def require(standing: Standing, verb: Verb) -> None:
    """Raise IllegalTransition unless somebody may do this now."""
    wanted = {"answer": "answered", "withdraw": "withdrawn", "ask": "asked about", "close": "closed"}
    if verb not in {one for _, one in may(standing)}:
        raise IllegalTransition("The claim", was=standing.state, wanted=wanted[verb])


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), ZONE).astimezone(dt.UTC)
