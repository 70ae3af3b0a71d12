"""Which advice gets an order: a pure rule over touches and a code, the same for every order of arrival.

Each adviser takes part once, however often the shopper clicked. The winner takes all; everybody else gets a reason.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from marketplace.offers.terms import Terms

WON = "won"
# How telling a reason is when one adviser has several: somebody whose good click lost wants to read that, not
# that another click of theirs was too old.
_LOST_TO_OTHERS = ("earlier_touch", "late_click_guard", "code_overrides")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A touch, or the code of the order, with what was true about it at its own instant.

    For a touch `id` is the click id and `ts` its instant; for a code `id` is the code's id, `link_id` is None and
    `ts` is when the order counts. `verdict` is the screening's word (None: not screened yet). `offer_state` and
    `partnership` are as at `ts`. That a click came from the adviser's own device is no reason: the sign is too weak
    to take money away, so it is shown and left to fraud checks (D10).
    """

    kind: Literal["touch", "code"]
    id: UUID
    adviser_id: UUID
    offer_id: UUID
    shop_id: UUID
    ts: dt.datetime
    link_id: UUID | None = None
    verdict: str | None = None
    is_link_disabled: bool = False
    offer_state: str = "open"
    partnership: str = "accepted"


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What the decision needs of an order; instants in UTC."""

    shop_id: UUID
    ordered_at: dt.datetime
    received_at: dt.datetime

    @property
    def counts_at(self) -> dt.datetime:
        """Return the instant against which windows are measured: a future date buys no later touch."""
        return min(self.ordered_at, self.received_at)


@dataclass(frozen=True, slots=True)
class Policy:
    """A version of the attribution policy; `guard` is how young a click may be and still displace an earlier one."""

    id: UUID
    version: int
    model: str = "last"
    code_rule: str = "override"
    guard: dt.timedelta = dt.timedelta(0)


@dataclass(frozen=True, slots=True)
class Winner:
    """Who gets the order: through which touch or code, under which terms."""

    adviser_id: UUID
    offer_id: UUID
    link_id: UUID | None
    touch_id: UUID | None
    code_id: UUID | None
    terms: Terms


@dataclass(frozen=True, slots=True)
class Decision:
    """The winner if any, each other adviser with one reason, and the result of every candidate."""

    winner: Winner | None
    others: tuple[tuple[UUID, str], ...]
    why: tuple[tuple[Candidate, str], ...]


def decide(
    candidates: Iterable[Candidate],
    order: OrderFacts,
    policy: Policy,
    adviser_states: Mapping[UUID, str],
    terms: Mapping[UUID, Terms],
    own: AbstractSet[UUID],
) -> Decision:
    """Return who gets an order; neither the order of `candidates` nor repeats of one change the result.

    adviser_states and terms: by candidate id, as they were at the candidate's instant. own: advisers who belong to
    the shop. A touch counts when ts <= order.counts_at < ts + window. Of touches at one instant the larger click id
    is the later one. Source: decisions D2, D3, D6, D8, D36.
    """
    unique = {(candidate.kind, candidate.id): candidate for candidate in candidates}
    ordered = sorted(unique.values(), key=lambda one: (one.ts, one.id, one.kind))
    results: dict[tuple[str, UUID], str] = {}
    fit: list[Candidate] = []
    for one in ordered:
        reason = _unfit(one, order, adviser_states, terms, own)
        if reason is not None:
            results[one.kind, one.id] = reason
        elif one.kind == "code" and policy.code_rule == "ignore":
            results[one.kind, one.id] = "code_ignored"
        else:
            fit.append(one)
    chosen = _choose(fit, order, policy, results)
    why = tuple((one, results[one.kind, one.id]) for one in ordered)
    if chosen is None:
        return Decision(None, _others(why, None), why)
    winner = _bind(chosen, fit, terms)
    return Decision(winner, _others(why, chosen.adviser_id), why)


def _unfit(
    one: Candidate,
    order: OrderFacts,
    adviser_states: Mapping[UUID, str],
    terms: Mapping[UUID, Terms],
    own: AbstractSet[UUID],
) -> str | None:
    """Return why a candidate can't get the order, or None when it could."""
    state = adviser_states.get(one.id, "unknown")
    bound = terms.get(one.id)
    checks = (
        (one.shop_id != order.shop_id, "other_shop"),
        (one.ts > order.counts_at, "after_order"),
        (one.verdict not in (None, "qualified"), f"screened_{one.verdict}"),
        (one.is_link_disabled, "link_disabled"),
        (state != "active", f"adviser_{state}"),
        (one.offer_state != "open", f"offer_{one.offer_state}"),
        (one.partnership != "accepted", f"partnership_{one.partnership}"),
        (bound is None, "no_terms"),
        (
            bound is not None and one.kind == "touch" and order.counts_at >= one.ts + bound.window,
            "outside_window",
        ),
        (bound is not None and one.adviser_id in own and not bound.own_shop, "own_shop"),
    )
    return next((reason for holds, reason in checks if holds), None)


def _choose(
    fit: list[Candidate], order: OrderFacts, policy: Policy, results: dict[tuple[str, UUID], str]
) -> Candidate | None:
    """Return the candidate that gets the order, and write the result of every fit one."""
    current: Candidate | None = None
    for one in (one for one in fit if one.kind == "touch"):
        is_young = order.counts_at - one.ts < policy.guard
        if current is not None and one.adviser_id != current.adviser_id and is_young:
            # A click this shortly before the order never displaces the advice that led to it.
            results[one.kind, one.id] = "late_click_guard"
            continue
        if current is not None:
            results[current.kind, current.id] = "earlier_touch"
        current = one
    codes = [one for one in fit if one.kind == "code"]
    if codes:
        if current is not None:
            results[current.kind, current.id] = "code_overrides"
        current = codes[-1]
    if current is not None:
        results[current.kind, current.id] = WON
    return current


def _bind(chosen: Candidate, fit: list[Candidate], terms: Mapping[UUID, Terms]) -> Winner:
    """Return the winner with its terms: a code takes those of its adviser's last touch for the same offer, if any."""
    if chosen.kind == "touch":
        return Winner(chosen.adviser_id, chosen.offer_id, chosen.link_id, chosen.id, None, terms[chosen.id])
    touches = [
        one
        for one in fit
        if one.kind == "touch" and (one.adviser_id, one.offer_id) == (chosen.adviser_id, chosen.offer_id)
    ]
    if not touches:
        return Winner(chosen.adviser_id, chosen.offer_id, None, None, chosen.id, terms[chosen.id])
    last = touches[-1]
    return Winner(chosen.adviser_id, chosen.offer_id, last.link_id, last.id, chosen.id, terms[last.id])


def _others(why: tuple[tuple[Candidate, str], ...], winner: UUID | None) -> tuple[tuple[UUID, str], ...]:
    """Return one reason for each adviser but the winner: the one of their best, and then latest, candidate."""
    best: dict[UUID, tuple[int, int, str]] = {}
    for place, (one, reason) in enumerate(why):
        if one.adviser_id != winner:
            rank = (1 if reason in _LOST_TO_OTHERS else 0, place, reason)
            best[one.adviser_id] = max(best.get(one.adviser_id, rank), rank)
    return tuple((adviser_id, best[adviser_id][2]) for adviser_id in sorted(best))
