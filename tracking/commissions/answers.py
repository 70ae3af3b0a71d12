"""What callers read about orders and commissions: with the winner, everybody else's reason, and the arithmetic."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from marketplace.core.schemas import dump_instant, dump_money
from marketplace.offers import terms as offer_terms
from marketplace.offers.models import CommissionTerms
from marketplace.offers.terms import Terms
from tracking.attribution.models import Attribution
from tracking.commissions import moves
from tracking.commissions.approval import approves_at
from tracking.commissions.models import Commission, CommissionMove
from tracking.commissions.states import state_of
from tracking.orders import refunds, standing, warnings
from tracking.orders.models import OrderLine, OrderToken, Refund, RefundOutcome, ShopOrder
from tracking.orders.standing import Standing
from tracking.touches.models import Touch


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it goes out: status, body as JSON text, and whether it repeats the first one."""

    status: int
    body: str
    is_replay: bool = False

    @classmethod
    def of(cls, status: int, body: Mapping[str, Any]) -> Answer:
        """Return the answer with its body as text, so that a repeat is the same to the byte."""
        return cls(status, json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def order_answer(session: Session, order: ShopOrder, only_adviser: UUID | None = None) -> dict[str, Any]:
    """Return all about an order; for an adviser only their own part, without the customer and the others."""
    rows = standing.lines_of(session, order.id)
    returned, parts = refunds.told_whole(session, (order.shop_id, order.mode, order.order_ref))
    stands = standing.made_of(order, rows, refunds.applied_of(returned, order.id), parts)
    answer: dict[str, Any] = {
        "order_ref": order.order_ref,
        "shop_id": str(order.shop_id),
        "mode": order.mode,
        "state": stands.state,
        "ordered_at": dump_instant(order.ordered_at),
        "received_at": dump_instant(order.received_at),
        "currency": order.currency,
        "attribution": _attribution(session, order),
        "commissions": _commissions(session, order),
    }
    if only_adviser is not None:
        return _for_adviser(answer, str(only_adviser))
    return answer | {
        "parent_ref": order.parent_ref,
        "source": order.source,
        "channel": order.channel,
        "store_ref": order.store_ref,
        "store_id": str(order.store_id) if order.store_id is not None else None,
        "warnings": warnings.of(session, order),
        "flags": ["reported_late"] if order.is_reported_late else [],
        "customer": {"is_new": order.is_new, "is_new_by": order.is_new_by} if order.customer_key else None,
        "lines": _lines(rows, stands),
        "shipping": {
            "net": dump_money(stands.shipping.net),
            "tax": dump_money(stands.shipping.tax),
            "left": {
                "net": dump_money(stands.left.shipping.net),
                "tax": dump_money(stands.left.shipping.tax),
            },
        },
        "refunds": [refund_answer(refund, outcome) for refund, outcome in returned],
    }


def refund_answer(refund: Refund, outcome: RefundOutcome | None) -> dict[str, Any]:
    """Return a refund or cancellation with what became of it: waiting, applied, or parked with the reason."""
    return {
        "kind": refund.kind,
        "refund_ref": refund.refund_ref or None,
        "refunded_at": dump_instant(refund.refunded_at),
        "state": outcome.state if outcome is not None else "waiting",
        "parked_because": outcome.reason if outcome is not None else None,
        "reason": refund.reason,
    }


def commission_answers(
    session: Session, rows: Sequence[tuple[Commission, ShopOrder]]
) -> list[dict[str, Any]]:
    """Return commissions with amount, state, terms, the lines of what stands, and every move."""
    history = moves.of(session, [commission.id for commission, _ in rows])
    terms = offer_terms.by_id(session, {move.terms_id for steps in history.values() for move in steps})
    return [_commission(commission, order, history[commission.id], terms) for commission, order in rows]


def _commissions(session: Session, order: ShopOrder) -> list[dict[str, Any]]:
    """Return the commissions of one order as `commission_answers` does, by one statement: a commission has a move."""
    query = (
        sa.select(Commission, CommissionMove, CommissionTerms)
        .join(CommissionMove, CommissionMove.commission_id == Commission.id)
        .join(CommissionTerms, CommissionTerms.id == CommissionMove.terms_id)
        .where(Commission.order_id == order.id)
        .order_by(Commission.id, CommissionMove.seq)
    )
    found: dict[UUID, tuple[Commission, list[CommissionMove]]] = {}
    terms: dict[UUID, Terms] = {}
    for commission, move, row in session.execute(query):
        found.setdefault(commission.id, (commission, []))[1].append(move)
        if row.id not in terms:
            terms[row.id] = Terms.of(row)
    return [_commission(commission, order, history, terms) for commission, history in found.values()]


def _commission(
    commission: Commission, order: ShopOrder, history: list[CommissionMove], terms: Mapping[UUID, Terms]
) -> dict[str, Any]:
    last, state = history[-1], state_of(moves.steps(history))
    bound = terms[last.terms_id]
    explained: dict[str, Any] = next(
        (move.detail for move in reversed(history) if "lines" in move.detail), {}
    )
    return {
        "id": str(commission.id),
        "order_ref": order.order_ref,
        "shop_id": str(commission.shop_id),
        "adviser_id": str(commission.adviser_id),
        "offer_id": str(commission.offer_id),
        "mode": commission.mode,
        "amount": dump_money(moves.standing(commission, history)),
        "state": state,
        "reason": last.cause if state in ("declined", "reversed") else None,
        "note": last.detail.get("note"),
        "ordered_at": dump_instant(order.ordered_at),
        "approves_at": dump_instant(approves_at(order, bound.hold)) if state == "pending" else None,
        "terms_id": str(last.terms_id),
        "terms_version": bound.version,
        "limit": explained.get("limit"),
        "lines": explained.get("lines", []),
        "moves": [
            {
                "seq": move.seq,
                "kind": move.kind,
                "delta": dump_money(Money(move.delta_minor, move.currency)),
                "standing": dump_money(Money(move.standing_minor, move.currency)),
                "cause": move.cause,
                "at": dump_instant(move.at),
            }
            for move in history
        ],
    }


def _attribution(session: Session, order: ShopOrder) -> dict[str, Any] | None:
    sent = sa.func.jsonb_build_array(OrderToken.position, OrderToken.result)
    tokens = (
        sa.select(sa.func.jsonb_agg(aggregate_order_by(sent, OrderToken.position)))
        .where(OrderToken.order_id == order.id)
        .scalar_subquery()
    )
    newest = sa.select(Attribution, tokens).where(Attribution.order_id == order.id)
    decided = session.execute(newest.order_by(Attribution.n.desc()).limit(1)).one_or_none()
    if decided is None:
        return None
    decision, results = decided
    receipt = decision.receipt
    winner = None
    if decision.adviser_id is not None:
        winner = {
            "adviser_id": str(decision.adviser_id),
            "link_id": str(decision.link_id) if decision.link_id else None,
            "click_id": str(decision.touch_id) if decision.touch_id else None,
            "by_code": decision.code_id is not None,
            "terms_id": str(decision.terms_id),
            "terms_version": receipt["terms_version"],
            "own_shop": receipt["own_shop"],
        }
    return {
        "state": decision.state,
        "model": decision.model,
        "policy": receipt["policy"],
        "decided_at": dump_instant(decision.decided_at),
        # Nothing stored points to advice: somebody who knew what they wanted (Kees), not one who was inspired.
        "funnel": "stan" if receipt["candidates"] else "kees",
        "winner": winner,
        "others": receipt["others"],
        "tokens": [{"index": position, "result": result} for position, result in results or ()],
        "code": receipt["code"],
        "touches": receipt["candidates"],
        "arrived_too_late": _too_late(session, order, decision),
    }


def _too_late(session: Session, order: ShopOrder, decision: Attribution) -> list[dict[str, Any]]:
    """Return touches from before the order that became known after the decision was final."""
    if decision.state != "final":
        return []
    known = [UUID(one["id"]) for one in decision.receipt["candidates"] if one["kind"] == "touch"]
    if not known:
        # Later touches are known as the same visitor's by those that were known before.
        return []
    visitors = sa.select(Touch.visitor_id).where(Touch.id.in_(known), Touch.visitor_id.is_not(None))
    query = (
        sa.select(Touch)
        .where(
            Touch.shop_id == order.shop_id,
            Touch.visitor_id.in_(visitors),
            Touch.id.not_in(known),
            Touch.ts <= min(order.ordered_at, order.received_at),
        )
        .order_by(Touch.ts, Touch.id)
        .limit(100)
    )
    return [
        {"click_id": str(touch.id), "adviser_id": str(touch.adviser_id), "ts": dump_instant(touch.ts)}
        for touch in session.scalars(query)
    ]


def _lines(rows: Sequence[OrderLine], stands: Standing) -> list[dict[str, Any]]:
    left = {line.line_ref: line for line in stands.left.lines}
    return [
        {
            "line_ref": row.line_ref,
            "sku": row.sku,
            "title": row.title,
            "category": row.category,
            "category_by": row.category_by,
            "quantity": row.quantity,
            "net": dump_money(Money(row.net_minor, row.currency)),
            "tax": dump_money(Money(row.tax_minor, row.currency)),
            "gift_card": row.is_gift_card,
            "left": {
                "quantity": left[row.line_ref].quantity,
                "net": dump_money(left[row.line_ref].net),
                "tax": dump_money(left[row.line_ref].tax),
            },
        }
        for row in rows
    ]


def _for_adviser(answer: dict[str, Any], adviser_id: str) -> dict[str, Any]:
    """Return the part of an order that one adviser may read: their own share or their own reason."""
    shown = dict(answer["attribution"] or {})
    for name in ("tokens", "code"):
        shown.pop(name, None)
    if shown.get("winner") and shown["winner"]["adviser_id"] != adviser_id:
        shown["winner"] = None
    for name in ("others", "touches", "arrived_too_late"):
        shown[name] = [one for one in shown.get(name, []) if one["adviser_id"] == adviser_id]
    mine = [one for one in answer["commissions"] if one["adviser_id"] == adviser_id]
    return answer | {"attribution": shown, "commissions": mine}
