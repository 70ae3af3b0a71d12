"""What to do next with an attempt whose answer we do not have: the safe retry rule as a pure table.

Source: the error table of the settlement design. Keys are kept by Stripe for at least 24 h, so the same key is sent
within 23 h only; after that, or after a stored 500, looking up comes first and a new key needs two empty look-ups.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

KEY_LIFE = timedelta(hours=23)
LOOK_UP_GAP = timedelta(minutes=5)
LOOK_UPS_NEEDED = 2
# Of the wall's time: longer than two checks and a call with all their time-outs and repeats (75 s each, and 30 s of
# pauses), so that no two processes ever have one payout in hand.
LEASE = timedelta(minutes=5)
# Of business time: until a payout is tried again whose checks Stripe did not answer.
CHECK_AGAIN = timedelta(minutes=2)
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=10)


class Trouble(StrEnum):
    """Why an attempt is still open after a call."""

    UNCERTAIN = "uncertain"
    THROTTLED = "throttled"
    STORED_FAILURE = "stored_failure"
    DENIED = "denied"


class Step(StrEnum):
    """The next thing that may be done with an open attempt."""

    SEND = "send"
    LOOK_UP = "look_up"
    NEW_ATTEMPT = "new_attempt"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """What the attempt row says: when its key was first used, what went wrong, and the empty look-ups so far."""

    first_sent_at: datetime
    trouble: Trouble | None = None
    look_ups: int = 0
    last_look_up_at: datetime | None = None


def next_step(attempt: AttemptFacts, now: datetime) -> Step:
    """Decide what an open attempt may do at business time `now`; never a second key without two empty look-ups."""
    if not must_look_up(attempt, now):
        return Step.SEND
    if attempt.look_ups >= LOOK_UPS_NEEDED:
        return Step.NEW_ATTEMPT
    if attempt.last_look_up_at is not None and now - attempt.last_look_up_at < LOOK_UP_GAP:
        return Step.WAIT
    return Step.LOOK_UP


def must_look_up(attempt: AttemptFacts, now: datetime) -> bool:
    """Say whether the key may no longer be sent: too old, answered with a stored 500, or looking up has begun."""
    too_old = now - attempt.first_sent_at >= KEY_LIFE
    return too_old or attempt.trouble is Trouble.STORED_FAILURE or attempt.look_ups > 0


def pause_after(trouble: Trouble, sends: int) -> timedelta:
    """Return how long an open attempt rests before its next step; doubles per send up to ten minutes."""
    if trouble is Trouble.STORED_FAILURE:
        return timedelta(0)
    if trouble is Trouble.DENIED:
        return _LONGEST_PAUSE
    # The exponent is bounded so that a very long outage cannot overflow a timedelta.
    return min(_FIRST_PAUSE * (1 << min(max(sends - 1, 0), 10)), _LONGEST_PAUSE)


class AfterRejection(StrEnum):
    """What becomes of the reserved money once Stripe has refused an attempt definitively."""

    HOLD = "hold"
    RELEASE = "release"


_WAITS_FOR_MONEY = frozenset({"balance_insufficient", "insufficient_funds"})


def after_rejection(reason: str) -> AfterRejection:
    """Say whether a refused payout keeps its reserve: only a lack of platform money is worth waiting for."""
    return AfterRejection.HOLD if reason in _WAITS_FOR_MONEY else AfterRejection.RELEASE
