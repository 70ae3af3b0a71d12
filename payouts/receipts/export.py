"""A receipt as a file that holds all facts and works itself out again (`again.work_out`), offline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from marketplace.core.schemas import dump_instant, dump_money
from marketplace.offers.models import CommissionTerms
from payouts.receipts.again import FORMAT
from payouts.receipts.reading import Receipt
from tracking.attribution import gathering
from tracking.attribution.models import Attribution
from tracking.orders import standing
from tracking.orders.models import ShopOrder
from tracking.orders.remaining import Line, Return


def file_of(session: Session, receipt: Receipt) -> dict[str, Any]:
    """Return a receipt as the file that its reader may have; an adviser's names nobody else and no order lines."""
    commission, order = receipt.commission, receipt.order
    terms = _terms(session, [receipt.history[-1].terms_id])
    winner = receipt.decision.adviser_id if receipt.decision else None
    is_told = receipt.whole or winner == commission.adviser_id
    file: dict[str, Any] = {
        "format": FORMAT,
        "commission": {
            "id": str(commission.id),
            "order_ref": order.order_ref,
            "shop_id": str(commission.shop_id),
            "adviser_id": str(commission.adviser_id),
            "state": receipt.state,
            "standing": dump_money(receipt.amount),
            "winner": str(winner) if winner is not None and is_told else None,
        },
        "terms": terms[receipt.history[-1].terms_id],
        "calculation": dict(receipt.explained) or {"lines": []},
        "moves": [
            {
                "kind": one.kind,
                "delta": dump_money(Money(one.delta_minor, one.currency)),
                "standing": dump_money(Money(one.standing_minor, one.currency)),
                "cause": one.cause,
                "at": dump_instant(one.at),
            }
            for one in receipt.history
        ],
        "entries": [
            {
                "entry": one.entry_id,
                "kind": one.kind,
                "account": one.account,
                "amount": dump_money(one.amount),
            }
            for one in receipt.posted
        ],
    }
    if receipt.whole:
        file["order"] = _order(session, order)
        decision = _decision(session, order, receipt.decision) if receipt.decision else None
        if decision is not None:
            file["decision"] = decision
    return file


def _terms(session: Session, ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return versions of terms as they were published, by id."""
    rows = session.scalars(sa.select(CommissionTerms).where(CommissionTerms.id.in_(set(ids))))
    return {
        row.id: {
            "id": str(row.id),
            "offer_id": str(row.offer_id),
            "version": row.version,
            "currency": row.currency,
            "effective_from": dump_instant(row.effective_from),
            "window_days": row.window_days,
            "hold_days": row.hold_days,
            "document": row.document,
            "sha256": row.sha256.hex(),
        }
        for row in rows
    }


def _order(session: Session, order: ShopOrder) -> dict[str, Any]:
    """Return the lines of an order as they were sold, and what came back of them in its order."""
    stands = standing.of(session, order)
    return {
        "ordered_at": dump_instant(order.ordered_at),
        "received_at": dump_instant(order.received_at),
        "lines": [_line(one) for one in stands.sold],
        "shipping": {"net": dump_money(stands.shipping.net), "tax": dump_money(stands.shipping.tax)},
        "returns": [_return(one) for one in stands.returns],
    }


def _line(one: Line) -> dict[str, Any]:
    return {
        "line_ref": one.line_ref,
        "sku": one.sku,
        "category": one.category,
        "quantity": one.quantity,
        "net": dump_money(one.net),
        "tax": dump_money(one.tax),
        "gift_card": one.is_gift_card,
    }


def _return(one: Return) -> dict[str, Any]:
    return {
        "is_cancel": one.is_cancel,
        "shipping_net": _maybe(one.shipping_net),
        "shipping_tax": _maybe(one.shipping_tax),
        "lines": [
            {
                "line_ref": part.line_ref,
                "quantity": part.quantity,
                "net": dump_money(part.net),
                "tax": _maybe(part.tax),
            }
            for part in one.lines
        ],
    }


def _maybe(amount: Money | None) -> dict[str, str] | None:
    return None if amount is None else dump_money(amount)


def _decision(session: Session, order: ShopOrder, stored: Attribution) -> dict[str, Any] | None:
    """Return what a decision looked at with what was true of each; None when a touch is kept no longer."""
    listed = {UUID(one["id"]): one for one in stored.receipt["candidates"]}
    seen, via = gathering.touches_of(session, order, look_at_clicks=False)
    # Only what it looked at then, screened as far as it was then: what arrived later is no part of this receipt.
    known = {
        touch_id: replace(facts, verdict=listed[touch_id]["verdict"])
        for touch_id, facts in seen.items()
        if touch_id in listed
    }
    own = {UUID(one["adviser_id"]) for one in listed.values() if one["result"] == "own_shop"}
    if stored.receipt["own_shop"] and stored.adviser_id is not None:
        own.add(stored.adviser_id)
    gathered = gathering.decide_over(session, order, known, via, frozenset(own))
    if {one.id for one, _ in gathered.decision.why} != set(listed):
        return None
    bound = _terms(session, {one.id for one in gathered.terms.values()})
    policy = gathered.policy
    return {
        "order": {
            "shop_id": str(order.shop_id),
            "ordered_at": dump_instant(order.ordered_at),
            "received_at": dump_instant(order.received_at),
        },
        "policy": {
            "version": policy.version,
            "model": policy.model,
            "code_rule": policy.code_rule,
            "guard_seconds": int(policy.guard.total_seconds()),
        },
        "candidates": [
            {
                "kind": one.kind,
                "id": str(one.id),
                "adviser_id": str(one.adviser_id),
                "offer_id": str(one.offer_id),
                "shop_id": str(one.shop_id),
                "ts": dump_instant(one.ts),
                "link_id": str(one.link_id) if one.link_id else None,
                "verdict": one.verdict,
                "is_link_disabled": one.is_link_disabled,
                "offer_state": one.offer_state,
                "partnership": one.partnership,
                "adviser_state": gathered.states.get(one.id, "unknown"),
                "works_for_shop": one.adviser_id in own,
                "terms": bound[gathered.terms[one.id].id] if one.id in gathered.terms else None,
                "result": listed[one.id]["result"],
            }
            for one, _ in gathered.decision.why
        ],
    }
