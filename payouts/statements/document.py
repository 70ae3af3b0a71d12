"""The document of a statement: pure, from what is known to JSON whose sums are checked before it is issued."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from marketplace.core.errors import InvariantViolation
from marketplace.core.money import Money
from marketplace.core.schemas import dump_instant, dump_money
from payouts.settlement.payout_models import Payout
from payouts.statements.lines import Background, PaidLine


class StatementDiffers(InvariantViolation):
    """The lines of a statement don't sum to the payout that it tells of."""

    code = "statement_differs"


def compose(
    number: str,
    run_number: str,
    payout: Payout,
    lines: Sequence[PaidLine],
    known: Background,
    at: dt.datetime,
) -> dict[str, Any]:
    """Return the statement of a payout: per order what was earned, why, and what of it is in this payout.

    Raises StatementDiffers when the parts don't sum to the payout.
    """
    currency = payout.currency
    by_commission: dict[UUID, list[PaidLine]] = defaultdict(list)
    others: list[PaidLine] = []
    for line in lines:
        if line.commission_id is None:
            others.append(line)
        else:
            by_commission[line.commission_id].append(line)
    orders = [
        _order(commission, known, by_commission[commission.id], currency) for commission in known.commissions
    ]
    total = sum(line.amount_minor for line in lines)
    told = sum(order.pop("_minor") for order in orders) + sum(line.amount_minor for line in others)
    if total != payout.amount_minor or told != total:
        raise StatementDiffers(payout_id=payout.id, payout=payout.amount_minor, lines=total, told=told)
    return {
        "number": number,
        "payout_id": str(payout.id),
        "run": run_number,
        "adviser_id": str(payout.adviser_id),
        "issued_at": dump_instant(at),
        "total": dump_money(payout.amount),
        "by_shop": _by_shop(lines, currency),
        "orders": orders,
        "other": [_posting(line, currency) for line in others],
        "note": "Amounts are commissions without VAT. This is a statement of a payout, not an invoice.",
    }


def _order(commission: Any, known: Background, lines: Sequence[PaidLine], currency: str) -> dict[str, Any]:
    moves = known.moves[commission.id]
    told = next((move for move in reversed(moves) if "lines" in move.detail), None)
    paid = sum(line.amount_minor for line in lines)
    return {
        "_minor": paid,
        "commission_id": str(commission.id),
        "shop_id": str(commission.shop_id),
        "shop": commission.shop_name,
        "offer_id": str(commission.offer_id),
        "order_ref": commission.order_ref,
        "ordered_at": dump_instant(commission.ordered_at),
        "terms_version": told.terms_version if told else (moves[-1].terms_version if moves else None),
        "lines": [_line(one, commission.order_id, known) for one in (told.detail["lines"] if told else ())],
        "earned": dump_money(
            Money(sum(move.delta_minor for move in moves if move.delta_minor > 0), currency)
        ),
        "refunds": [
            {
                "at": dump_instant(move.at),
                "amount": dump_money(Money(move.delta_minor, currency)),
                "cause": move.cause,
            }
            for move in moves
            if move.delta_minor < 0
        ],
        "standing": dump_money(Money(moves[-1].standing_minor if moves else 0, currency)),
        "postings": [_posting(line, currency) for line in lines],
        "in_this_payout": dump_money(Money(paid, currency)),
    }


def _line(one: dict[str, Any], order_id: UUID, known: Background) -> dict[str, Any]:
    title, quantity = known.titles.get((order_id, one["line_ref"] or ""), ("Shipping", 1))
    return {"title": title, "quantity": quantity} | {
        name: one[name] for name in ("line_ref", "sku", "base", "source", "rule", "rate", "amount")
    }


def _posting(line: PaidLine, currency: str) -> dict[str, Any]:
    return {
        "entry_id": line.entry_id,
        "kind": line.kind,
        "at": dump_instant(line.at),
        "shop_id": str(line.shop_id),
        "amount": dump_money(Money(line.amount_minor, currency)),
    }


def _by_shop(lines: Sequence[PaidLine], currency: str) -> list[dict[str, Any]]:
    sums: dict[UUID, int] = defaultdict(int)
    for line in lines:
        sums[line.shop_id] += line.amount_minor
    return [
        {"shop_id": str(shop_id), "amount": dump_money(Money(minor, currency))}
        for shop_id, minor in sorted(sums.items())
    ]


def digest(document: dict[str, Any]) -> str:
    """Return the SHA-256 of a document in its canonical form."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
