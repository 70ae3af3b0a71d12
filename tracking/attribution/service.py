"""Decide about orders and keep each decision: provisional at intake, decided by the worker, final at approval."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from marketplace.core.errors import Conflict
from marketplace.core.ids import new_id
from marketplace.core.schemas import dump_instant
from tracking.attribution import gathering
from tracking.attribution.decision import Candidate
from tracking.attribution.gathering import Gathered
from tracking.attribution.models import Attribution
from tracking.orders.models import ShopOrder
from tracking.touches import service as touches

# Decisions that rest on a touch whose click had not been shipped then and has been since.
_SCREENED_SINCE = """
SELECT DISTINCT a.order_id
FROM attribution a
CROSS JOIN LATERAL jsonb_array_elements_text(a.receipt -> 'unscreened') AS waiting (touch_id)
JOIN touch_screening s ON s.touch_id = CAST(waiting.touch_id AS uuid)
WHERE a.decided_by = 'worker' AND a.receipt -> 'unscreened' <> '[]'
  AND NOT EXISTS (SELECT FROM attribution l WHERE l.order_id = a.order_id AND l.n > a.n)
LIMIT :limit
"""


class AttributionProvisional(Conflict):
    """Clicks from before the order may still arrive, so nobody can be paid for it yet."""

    code = "attribution_provisional"
    title = "The attribution is provisional"
    detail = "Clicks from before order {order_ref} may still arrive; the attribution is not decided yet."
    next = "Try again when GET /api/v1/orders/{ref} says decided; usually within seconds."


def newest(session: Session, order_id: UUID) -> Attribution | None:
    """Return the decision that stands, or None before the first."""
    query = sa.select(Attribution).where(Attribution.order_id == order_id)
    return session.scalars(query.order_by(Attribution.n.desc()).limit(1)).first()


def newest_of(session: Session, order_ids: Iterable[UUID]) -> dict[UUID, Attribution]:
    """Return the decision that stands for each of several orders."""
    later = aliased(Attribution)
    query = sa.select(Attribution).where(
        Attribution.order_id.in_(list(order_ids)),
        ~sa.exists().where(later.order_id == Attribution.order_id, later.n > Attribution.n),
    )
    return {row.order_id: row for row in session.scalars(query)}


def decide_at_intake(session: Session, order: ShopOrder, now: dt.datetime) -> Attribution:
    """Decide over what a request can see; always provisional, because the worker looks at the clicks too."""
    gathered = gathering.decide_order(session, order, look_at_clicks=False)
    return _record(session, order, None, gathered, "provisional", "intake", now)


def decide_again(session: Session, order: ShopOrder, now: dt.datetime) -> Attribution | None:
    """Decide as the worker, over clicks too; return the new decision, or None when nothing changed or it is final.

    Decided once every edge has shipped its clicks up to the order (D4); provisional until then. The caller holds
    the order's lock.
    """
    standing = newest(session, order.id)
    if standing is not None and standing.state == "final":
        return None
    gathered = gathering.decide_order(session, order, look_at_clicks=True)
    state = "provisional" if touches.provisional(session, order.ordered_at, now) else "decided"
    if standing is not None and standing.decided_by == "worker":
        same_outcome = standing.receipt["candidates"] == _receipt(order, gathered)["candidates"]
        if standing.state == state and same_outcome and standing.terms_id == _terms_id(gathered):
            return None
    return _record(session, order, standing, gathered, state, "worker", now)


def finish(session: Session, order: ShopOrder, now: dt.datetime) -> Attribution:
    """Make the decision that stands final; raise AttributionProvisional while clicks may still arrive.

    A final decision stays as it is. The caller holds the order's lock.
    """
    standing = newest(session, order.id)
    if standing is None or standing.state == "provisional":
        raise AttributionProvisional(order_ref=order.order_ref)
    if standing.state == "final":
        return standing
    final = Attribution(
        id=new_id(),
        order_id=order.id,
        shop_id=order.shop_id,
        n=standing.n + 1,
        state="final",
        decided_by="approval",
        model=standing.model,
        policy_id=standing.policy_id,
        adviser_id=standing.adviser_id,
        offer_id=standing.offer_id,
        link_id=standing.link_id,
        touch_id=standing.touch_id,
        code_id=standing.code_id,
        terms_id=standing.terms_id,
        receipt=standing.receipt,
        decided_at=now,
    )
    session.add(final)
    session.flush()
    return final


def due(session: Session, limit: int) -> list[UUID]:
    """Return orders to decide again: not looked at by the worker yet, or with a touch that was screened since."""
    later = aliased(Attribution)
    stands = ~sa.exists().where(later.order_id == Attribution.order_id, later.n > Attribution.n)
    fresh = (
        sa.select(Attribution.order_id)
        .where(Attribution.state == "provisional", Attribution.decided_by == "intake", stands)
        .order_by(Attribution.order_id)
        .limit(limit)
    )
    found = list(session.scalars(fresh))
    screened = session.scalars(sa.text(_SCREENED_SINCE), {"limit": limit})
    return list(dict.fromkeys([*found, *screened]))


def provisional_orders(session: Session, limit: int) -> list[tuple[UUID, dt.datetime]]:
    """Return orders (id, ordered_at) that the worker looked at while clicks could still arrive, oldest first."""
    later = aliased(Attribution)
    query = (
        sa.select(Attribution.order_id, ShopOrder.ordered_at)
        .join(ShopOrder, ShopOrder.id == Attribution.order_id)
        .where(
            Attribution.state == "provisional",
            Attribution.decided_by == "worker",
            ~sa.exists().where(later.order_id == Attribution.order_id, later.n > Attribution.n),
        )
        .order_by(ShopOrder.ordered_at)
        .limit(limit)
    )
    return [(order_id, ordered_at) for order_id, ordered_at in session.execute(query)]


def _terms_id(gathered: Gathered) -> UUID | None:
    winner = gathered.decision.winner
    return winner.terms.id if winner is not None else None


def _record(
    session: Session,
    order: ShopOrder,
    standing: Attribution | None,
    gathered: Gathered,
    state: str,
    decided_by: str,
    now: dt.datetime,
) -> Attribution:
    winner = gathered.decision.winner
    row = Attribution(
        id=new_id(),
        order_id=order.id,
        shop_id=order.shop_id,
        n=standing.n + 1 if standing is not None else 1,
        state=state,
        decided_by=decided_by,
        model=gathered.policy.model,
        policy_id=gathered.policy.id,
        adviser_id=winner.adviser_id if winner else None,
        offer_id=winner.offer_id if winner else None,
        link_id=winner.link_id if winner else None,
        touch_id=winner.touch_id if winner else None,
        code_id=winner.code_id if winner else None,
        terms_id=winner.terms.id if winner else None,
        receipt=_receipt(order, gathered),
        decided_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _receipt(order: ShopOrder, gathered: Gathered) -> dict[str, Any]:
    """Return what was looked at and what became of it, enough to decide again by hand."""
    decision, policy = gathered.decision, gathered.policy
    counts = Counter(candidate.adviser_id for candidate, _ in decision.why)
    winner = decision.winner
    code_result = next((result for one, result in decision.why if one.kind == "code"), "code_not_valid")
    return {
        "counts_at": dump_instant(gathered.facts.counts_at),
        "policy": {
            "version": policy.version,
            "model": policy.model,
            "code_rule": policy.code_rule,
            "guard_seconds": int(policy.guard.total_seconds()),
        },
        "candidates": [_line(candidate, result, gathered) for candidate, result in decision.why],
        "others": [
            {"adviser_id": str(adviser_id), "reason": reason, "touches": counts[adviser_id]}
            for adviser_id, reason in decision.others
        ],
        "code": {"code": order.code, "result": code_result} if order.code else None,
        "terms_version": winner.terms.version if winner else None,
        "own_shop": bool(winner and winner.adviser_id in gathered.own),
        "unscreened": sorted(str(one.touch_id) for one in gathered.touches.values() if one.verdict is None),
    }


def _line(candidate: Candidate, result: str, gathered: Gathered) -> dict[str, Any]:
    touch = gathered.touches.get(candidate.id)
    terms = gathered.terms.get(candidate.id)
    return {
        "kind": candidate.kind,
        "id": str(candidate.id),
        "adviser_id": str(candidate.adviser_id),
        "offer_id": str(candidate.offer_id),
        "link_id": str(candidate.link_id) if candidate.link_id else None,
        "ts": dump_instant(candidate.ts),
        "via": gathered.via.get(candidate.id, "code"),
        "verdict": candidate.verdict,
        "own_click": touch.own if touch is not None else False,
        "terms_version": terms.version if terms is not None else None,
        "result": result,
    }
