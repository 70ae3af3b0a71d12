"""One round over many things: what fails is logged and left for the next round, the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from marketplace.core.errors import AppError, Unavailable

log = structlog.get_logger(__name__)
T = TypeVar("T")

# So many unanswered calls in a row mean that Stripe is away.
ENOUGH = 3


def each(name: str, items: Iterable[T], work: Callable[[T], int]) -> int:
    """Do `work` for each item and return the sum of what it returns; a refusal of one does not stop the rest.

    name: of the round, for the log. Three unanswered calls in a row end the round.
    """
    done = unanswered = 0
    for item in items:
        try:
            done += work(item)
            unanswered = 0
        except Unavailable as error:
            log.warning("round_unanswered", round=name, code=error.code, facts=error.facts)
            unanswered += 1
            if unanswered >= ENOUGH:
                break
        except AppError as error:
            log.error("round_refused", round=name, code=error.code, facts=error.facts)
    return done
