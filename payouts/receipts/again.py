"""Works a receipt out again from its file alone: who gets the order, and what it earns. Pure, no database.

The file holds facts, not conclusions: touches with what was true of each, the policy, the terms as they were published,
the order's lines and what came back. An adviser's file has no lines of the order, so it begins at each line's base.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from marketplace.core.money import Money, allocate, sum_money
from marketplace.offers.models import CommissionTerms
from marketplace.offers.terms import Terms
from tracking.attribution.decision import Candidate, OrderFacts, Policy, decide
from tracking.commissions.calculation import commission_for
from tracking.orders.remaining import Line, RefundedLine, Return, Shipping, remaining

FORMAT = "aanrader.receipt/1"


class NotAReceipt(ValueError):
    """The file is no receipt of ours, or of a format that this program does not know."""


@dataclass(frozen=True, slots=True)
class Again:
    """What came out: the amount, and who gets the order (None where the file does not say who took part).

    amount: what the terms give for what is left of the order; expected: what has to stand by the moves;
    lines: what each line earns, by its reference.
    """

    amount: Money
    expected: Money
    standing: Money
    lines: Mapping[str, Money]
    winner: str | None
    stored_winner: str | None
    decided: bool

    @property
    def equal(self) -> bool:
        """Tell whether the amount and the decision come out as they are kept."""
        return self.expected == self.standing and (not self.decided or self.winner == self.stored_winner)


def work_out(file: Mapping[str, Any]) -> Again:
    """Return what a receipt's file comes to. Raises NotAReceipt."""
    if file.get("format") != FORMAT:
        raise NotAReceipt(f"not a file of the format {FORMAT}")
    try:
        return _work_out(file)
    except (KeyError, TypeError, AttributeError) as error:
        raise NotAReceipt(f"a part is missing or has another shape: {error}") from error


def _work_out(file: Mapping[str, Any]) -> Again:
    commission = file["commission"]
    standing = _money(commission["standing"])
    lines = _from_order(file) if "order" in file else _from_bases(file)
    amount = sum_money(lines.values(), standing.currency)
    decision = file.get("decision")
    stored = commission["winner"]
    return Again(
        amount,
        _expected(amount, standing, file["moves"], commission),
        standing,
        lines,
        _winner(decision) if decision else None,
        stored,
        decision is not None,
    )


def _expected(amount: Money, standing: Money, moves: list[Any], commission: Mapping[str, Any]) -> Money:
    """Return what must stand: nothing once it is declined or somebody else's, and never more than was approved."""
    kinds = {move["kind"] for move in moves}
    if "declined" in kinds and "reinstated" not in kinds:
        return Money.zero(amount.currency)
    if commission["winner"] != commission["adviser_id"]:
        return Money.zero(amount.currency)
    # What was approved can shrink and never grows again.
    return min(amount, standing) if "approved" in kinds else amount


def _from_order(file: Mapping[str, Any]) -> dict[str, Money]:
    """Return what each line earns, from the lines as sold, what came back, and the terms as published."""
    order, terms = file["order"], read_terms(file["terms"])
    currency = file["commission"]["standing"]["currency"]
    sold = tuple(
        Line(
            one["line_ref"],
            one["sku"],
            one["category"],
            one["quantity"],
            _money(one["net"]),
            _money(one["tax"]),
            one["gift_card"],
        )
        for one in order["lines"]
    )
    shipping = Shipping(_money(order["shipping"]["net"]), _money(order["shipping"]["tax"]))
    returns = tuple(_return(one) for one in order["returns"])
    left = remaining(sold, shipping, returns)
    found = commission_for(left.lines, left.shipping, terms, currency)
    return {one.line_ref or "shipping": one.amount for one in found.lines}


def _return(one: Mapping[str, Any]) -> Return:
    parts = tuple(
        RefundedLine(
            part["line_ref"],
            part["quantity"],
            _money(part["net"]),
            _money(part["tax"]) if part["tax"] is not None else None,
        )
        for part in one["lines"]
    )
    net, tax = one["shipping_net"], one["shipping_tax"]
    return Return(parts, _money(net) if net else None, _money(tax) if tax else None, one["is_cancel"])


def _from_bases(file: Mapping[str, Any]) -> dict[str, Money]:
    """Return what each line earns, from its base and rate as the last calculation kept them."""
    told, terms = file["calculation"], read_terms(file["terms"])
    currency = file["commission"]["standing"]["currency"]
    names = [one["line_ref"] or "shipping" for one in told["lines"]]
    computed = []
    for one in told["lines"]:
        rate = one["rate"] or {}
        base = _money(one["base"])
        # A flat amount was spread over lines by their pieces, which an adviser's file does not hold.
        computed.append(
            base.share_bp(rate["percent_bp"]) if "percent_bp" in rate else _money(one["computed"])
        )
    before = sum_money(computed, currency)
    total = before
    if any(one["rate"] for one in told["lines"]):
        total = terms.minimum if terms.minimum is not None and before < terms.minimum else total
        total = terms.maximum if terms.maximum is not None and before > terms.maximum else total
    if total != before:
        weights = [one.minor for one in computed]
        if not any(weights):
            weights = [_money(one["base"]).minor if one["rate"] else 0 for one in told["lines"]]
        computed = allocate(total, weights)
    return dict(zip(names, computed, strict=True))


def _winner(decision: Mapping[str, Any]) -> str | None:
    """Return who gets the order by the rules, over the touches and what was true of each."""
    order, policy = decision["order"], decision["policy"]
    candidates, states, terms, own = [], {}, {}, set()
    for one in decision["candidates"]:
        candidate = Candidate(
            one["kind"],
            UUID(one["id"]),
            UUID(one["adviser_id"]),
            UUID(one["offer_id"]),
            UUID(one["shop_id"]),
            dt.datetime.fromisoformat(one["ts"]),
            UUID(one["link_id"]) if one["link_id"] else None,
            one["verdict"],
            one["is_link_disabled"],
            one["offer_state"],
            one["partnership"],
        )
        candidates.append(candidate)
        states[candidate.id] = one["adviser_state"]
        if one["terms"] is not None:
            terms[candidate.id] = read_terms(one["terms"])
        if one["works_for_shop"]:
            own.add(candidate.adviser_id)
    facts = OrderFacts(
        UUID(order["shop_id"]),
        dt.datetime.fromisoformat(order["ordered_at"]),
        dt.datetime.fromisoformat(order["received_at"]),
    )
    found = decide(
        candidates,
        facts,
        Policy(
            UUID(int=0),
            policy["version"],
            policy["model"],
            policy["code_rule"],
            dt.timedelta(seconds=policy["guard_seconds"]),
        ),
        states,
        terms,
        own,
    )
    return str(found.winner.adviser_id) if found.winner else None


def read_terms(told: Mapping[str, Any]) -> Terms:
    """Return terms from their published form in a file."""
    return Terms.of(
        CommissionTerms(
            id=UUID(told["id"]),
            offer_id=UUID(told["offer_id"]),
            version=told["version"],
            effective_from=dt.datetime.fromisoformat(told["effective_from"]),
            window_days=told["window_days"],
            hold_days=told["hold_days"],
            document=told["document"],
            currency=told["currency"],
        )
    )


def _money(told: Mapping[str, str]) -> Money:
    return Money.parse(told["amount"], told["currency"])
