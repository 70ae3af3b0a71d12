"""Comparing what Stripe says moved with what the books say: pure, and the same input gives the same differences."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

IN_TRANSIT = dt.timedelta(minutes=15)

# What Stripe charges us by itself, without an object of ours: booked as cost when it is seen.
COST_TYPES = frozenset({"stripe_fee", "stripe_fx_fee", "network_cost", "tax_fee"})
KINDS = frozenset({"missing_in_ledger", "missing_in_stripe", "amount_diff", "currency_diff", "duplicate"})


@dataclass(frozen=True, slots=True)
class Movement:
    """A balance transaction, reduced to what comparing needs; amounts are the change of the balance, in minor units."""

    tx_id: str
    type: str
    source_id: str | None
    net_minor: int
    currency: str
    created: dt.datetime
    source: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Booked:
    """An entry of ours on the platform balance: which object at Stripe it stands for (None: it names none)."""

    entry_id: int
    source_id: str | None
    kind: str
    amount_minor: int
    currency: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that does not agree; `amount_minor` is how much Stripe's balance is above the books by it.

    `explained` says why it will go away by itself; None is what a person has to look at.
    """

    kind: str
    ref: str
    currency: str
    amount_minor: int
    cause: str
    explained: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def compare(
    movements: Iterable[Movement],
    booked: Iterable[Booked],
    in_flight: Mapping[str, dt.datetime | None],
    now: dt.datetime,
) -> list[Difference]:
    """Return every difference between Stripe's movements and the books, those in transit marked as explained.

    in_flight: what we have asked for and do not know the outcome of, as transfer group or funding id to the time it
    was asked (None: the time of the movement counts). A movement of one younger than 15 minutes is explained, and so is
    an entry of ours that Stripe has not listed for less than that.
    """
    ours: dict[str, Booked] = {}
    differences: list[Difference] = []
    for entry in booked:
        if entry.source_id is None:
            differences.append(_missing_in_stripe(entry, now))
        else:
            ours[entry.source_id] = entry
    met: set[str] = set()
    groups: dict[str, str] = {}
    for movement in sorted(movements, key=lambda one: (one.created, one.tx_id)):
        key = _key(movement, ours)
        if key is None:
            differences.append(_missing_in_ledger(movement, in_flight, now))
        elif key in met:
            differences.append(_again(movement, ours[key]))
        else:
            met.add(key)
            group = movement.source.get("transfer_group")
            if movement.type == "transfer" and group:
                groups[group] = movement.tx_id
            differences += _unequal(movement, ours[key])
    differences += [_missing_in_stripe(entry, now) for key, entry in ours.items() if key not in met]
    return sorted(_late_duplicates(differences, groups), key=lambda one: (one.kind, one.ref))


def _key(movement: Movement, ours: Mapping[str, Booked]) -> str | None:
    """Return under which id of ours a movement stands: its source, or itself for a cost that we booked."""
    return next(
        (one for one in (movement.source_id, movement.tx_id) if one is not None and one in ours), None
    )


def _missing_in_ledger(
    movement: Movement, in_flight: Mapping[str, dt.datetime | None], now: dt.datetime
) -> Difference:
    references = [
        movement.source[name] for name in ("transfer_group", "funding_id") if name in movement.source
    ]
    asked = [in_flight[one] or movement.created for one in references if one in in_flight]
    explained = None
    if asked and now - max(asked) < IN_TRANSIT:
        explained = "in transit: the outcome is being recorded"
    return Difference(
        "missing_in_ledger",
        movement.tx_id,
        movement.currency,
        movement.net_minor,
        f"Stripe moved money by a {movement.type} that the books do not know.",
        explained,
        _facts(movement),
    )


def _late_duplicates(differences: list[Difference], groups: Mapping[str, str]) -> list[Difference]:
    """Name a transfer that is unknown to us but lies in a group that was paid: a second transfer for one payout."""
    return [
        Difference(
            "duplicate",
            one.ref,
            one.currency,
            one.amount_minor,
            "A second transfer was made for one payout.",
            None,
            one.facts | {"first": groups[one.facts["transfer_group"]]},
        )
        if one.kind == "missing_in_ledger" and one.facts.get("transfer_group") in groups
        else one
        for one in differences
    ]


def _again(movement: Movement, entry: Booked) -> Difference:
    return Difference(
        "duplicate",
        movement.tx_id,
        movement.currency,
        movement.net_minor,
        "Stripe lists a second movement for something that was booked once.",
        None,
        _facts(movement) | {"entry_id": entry.entry_id},
    )


def _unequal(movement: Movement, entry: Booked) -> list[Difference]:
    facts = _facts(movement) | {"entry_id": entry.entry_id, "booked_minor": entry.amount_minor}
    if movement.currency != entry.currency:
        cause = f"Stripe moved {movement.currency}, the books hold {entry.currency}."
        return [
            Difference(
                "currency_diff", movement.tx_id, movement.currency, movement.net_minor, cause, None, facts
            ),
            Difference(
                "currency_diff",
                f"entry:{entry.entry_id}",
                entry.currency,
                -entry.amount_minor,
                cause,
                None,
                facts,
            ),
        ]
    gap = movement.net_minor - entry.amount_minor
    if not gap:
        return []
    cause = "Stripe moved another amount than was booked."
    return [Difference("amount_diff", movement.tx_id, movement.currency, gap, cause, None, facts)]


def _missing_in_stripe(entry: Booked, now: dt.datetime) -> Difference:
    explained = None
    if entry.source_id is not None and now - entry.at < IN_TRANSIT:
        explained = "in transit: Stripe has not listed the movement yet"
    return Difference(
        "missing_in_stripe",
        f"entry:{entry.entry_id}",
        entry.currency,
        -entry.amount_minor,
        f"The books hold a {entry.kind} that Stripe has no movement for.",
        explained,
        {"entry_id": entry.entry_id, "source_id": entry.source_id},
    )


def _facts(movement: Movement) -> dict[str, Any]:
    kept = {name: value for name, value in movement.source.items() if name in _SHOWN}
    return {"balance_tx": movement.tx_id, "source_id": movement.source_id, "type": movement.type} | kept


_SHOWN = frozenset({"transfer_group", "payment_intent", "payout_id", "funding_id", "transfer", "destination"})
