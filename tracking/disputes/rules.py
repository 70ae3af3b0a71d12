"""The rules of disputes, pure: from what was said and the time to the state, who may act, and what the clock does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from marketplace.core.errors import Conflict, IllegalTransition
from marketplace.core.money import Money

State = Literal["open", "rejected", "escalated", "decided", "withdrawn", "closed"]
Party = Literal["adviser", "shop", "platform", "clock"]
Kind = Literal["opened", "accepted", "rejected", "escalated", "withdrawn", "decided", "closed"]
Verb = Literal["answer", "escalate", "withdraw", "decide"]
Outcome = Literal["adviser", "shop"]

STATES: Final = ("open", "rejected", "escalated", "decided", "withdrawn", "closed")
OUTCOMES: Final = ("adviser", "shop")
# Who says what in which state, the state after it, and whom that gives the commission (None: nobody yet).
_STEPS: Final[Mapping[tuple[State, Kind, Party], tuple[State, Outcome | None]]] = {
    ("open", "accepted", "shop"): ("decided", "adviser"),
    ("open", "rejected", "shop"): ("rejected", None),
    ("open", "withdrawn", "adviser"): ("withdrawn", "shop"),
    ("open", "decided", "clock"): ("decided", "adviser"),
    ("open", "escalated", "clock"): ("escalated", None),
    ("rejected", "escalated", "adviser"): ("escalated", None),
    ("rejected", "withdrawn", "adviser"): ("withdrawn", "shop"),
    ("rejected", "closed", "clock"): ("closed", "shop"),
    ("escalated", "decided", "platform"): ("decided", None),
    ("escalated", "withdrawn", "adviser"): ("withdrawn", "shop"),
}
_VERBS: Final[Mapping[State, tuple[tuple[Party, Verb], ...]]] = {
    "open": (("shop", "answer"), ("adviser", "withdraw")),
    "rejected": (("adviser", "escalate"), ("adviser", "withdraw")),
    "escalated": (("platform", "decide"), ("adviser", "withdraw")),
}


class DisputeTermPassed(Conflict):
    """The time to act is over; the clock decides, or has decided, by the rules of silence."""

    code = "dispute_term_passed"
    title = "The time for this is over"
    detail = "The dispute had to be acted on before {until}; since then silence decides."
    next = "Read the dispute: within seconds it says what silence decided."


@dataclass(frozen=True, slots=True)
class Terms:
    """How long each side has, and up to which amount (whole minor units by currency) a shop's silence decides."""

    open_within: dt.timedelta
    answer_within: dt.timedelta
    escalate_within: dt.timedelta
    silence_limits: Mapping[str, int] = field(default_factory=dict)

    def silence_decides(self, stake: Money) -> bool:
        """Tell whether the silence of a shop gives the adviser this much; beyond it the platform decides."""
        return stake.minor <= self.silence_limits.get(stake.currency, 0)


@dataclass(frozen=True, slots=True)
class Event:
    """What was said or decided, as far as the state depends on it; `outcome` only with a decision."""

    kind: Kind
    party: Party
    at: dt.datetime
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a dispute stands: its state, by when the shop answers and the adviser escalates, and how it ended."""

    state: State
    answer_by: dt.datetime
    escalate_by: dt.datetime | None = None
    outcome: Outcome | None = None
    ended_by: Literal["adviser", "shop", "platform", "silence"] | None = None
    ended_at: dt.datetime | None = None

    @property
    def acts_by(self) -> dt.datetime | None:
        """The instant from which silence decides, or None when nobody is waited for by a time."""
        return {"open": self.answer_by, "rejected": self.escalate_by}.get(self.state)

    def is_overdue(self, now: dt.datetime) -> bool:
        """Tell whether silence decides now; until the very instant of the term one may act."""
        return self.acts_by is not None and now >= self.acts_by


def disputable_until(declined_at: dt.datetime, terms: Terms) -> dt.datetime:
    """Return the instant from which a decline can't be disputed any more."""
    return declined_at + terms.open_within


def standing_of(events: Sequence[Event], terms: Terms) -> Standing:
    """Return where a dispute stands after these events, oldest first. Raises ValueError for what can't have been."""
    if not events or (events[0].kind, events[0].party) != ("opened", "adviser"):
        raise ValueError("a dispute begins by being opened by the adviser")
    standing = Standing("open", events[0].at + terms.answer_within)
    for event in events[1:]:
        standing = after(standing, event, terms)
    return standing


def after(standing: Standing, event: Event, terms: Terms) -> Standing:
    """Return where a dispute stands after one more event.

    Raises ValueError for one that can't follow, also for people who act after their term and a clock that acts before.
    """
    step = _STEPS.get((standing.state, event.kind, event.party))
    if step is None or standing.is_overdue(event.at) != (event.party == "clock"):
        raise ValueError(f"{event.kind} by {event.party} can't follow in a dispute that is {standing.state}")
    state, outcome = step
    if event.kind == "decided":
        outcome = event.outcome
        if outcome is None or (event.party == "clock" and outcome != "adviser"):
            raise ValueError("a decision says for whom, and silence of the shop is for the adviser")
    if outcome is not None:
        ended_by = "silence" if event.party == "clock" else event.party
        return replace(standing, state=state, outcome=outcome, ended_by=ended_by, ended_at=event.at)
    escalate_by = event.at + terms.escalate_within if state == "rejected" else standing.escalate_by
    return replace(standing, state=state, escalate_by=escalate_by)


def by_the_clock(standing: Standing, stake: Money, terms: Terms, now: dt.datetime) -> Event | None:
    """Return what silence does to a dispute now, or None while nobody is late.

    stake: the larger of what was declined and what would stand again. The shop's silence decides for the adviser, or
    brings what is above the limit to the platform; the adviser's silence leaves it as the shop said.
    """
    if not standing.is_overdue(now):
        return None
    if standing.state == "rejected":
        return Event("closed", "clock", now)
    if terms.silence_decides(stake):
        return Event("decided", "clock", now, "adviser")
    return Event("escalated", "clock", now)


def may(standing: Standing, now: dt.datetime) -> tuple[tuple[Party, Verb], ...]:
    """Return who may do what now; nobody anything once it ended or silence decides."""
    return () if standing.is_overdue(now) else _VERBS.get(standing.state, ())


def require(standing: Standing, verb: Verb, now: dt.datetime) -> None:
    """Raise IllegalTransition or DisputeTermPassed unless somebody may do this now."""
    wanted = {"answer": "answered", "escalate": "escalated", "withdraw": "withdrawn", "decide": "decided"}
    if verb not in {one for _, one in _VERBS.get(standing.state, ())}:
        raise IllegalTransition("The dispute", was=standing.state, wanted=wanted[verb])
    if standing.is_overdue(now):
        raise DisputeTermPassed(until=standing.acts_by)
