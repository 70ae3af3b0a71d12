"""All that one commission came from, as far as who asks may see it: touches, terms, moves, entries, payout."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts.public import ADVISER
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound
from marketplace.core.money import Money
from marketplace.offers import terms as offer_terms
from marketplace.offers.terms import Terms
from payouts.funding.models import Accrual
from payouts.ledger.accounts import CHART
from payouts.settlement.payout_models import Payout, PayoutLine
from tracking.attribution import service as attribution
from tracking.attribution.models import Attribution
from tracking.commissions import moves, reading, visibility
from tracking.commissions.models import Commission, CommissionMove
from tracking.commissions.states import state_of
from tracking.orders import refunds
from tracking.orders.models import OrderLine, Refund, RefundOutcome, ShopOrder

SHOP = sa.table("public_shop_name", *(sa.column(name) for name in ("id", "name", "code")))
_LINES = sa.text(
    "SELECT e.id, e.kind, e.effective_at, a.kind AS account, p.currency, p.amount_minor"
    " FROM entry e JOIN posting p ON p.entry_id = e.id JOIN account a ON a.id = p.account_id"
    " WHERE e.id = ANY(:entries) ORDER BY e.id, p.line"
)
# Of the books an adviser sees what is theirs; a shop sees what is its own and our fee, which it pays.
OF_ADVISER, OF_SHOP = ("adviser:",), ("adviser:", "shop:", "platform:fee")


@dataclass(frozen=True, slots=True)
class Touch:
    """A touch or a code that was looked at: of whom, when, found how, and what the rules said of it."""

    kind: str
    adviser_id: UUID
    at: dt.datetime
    via: str
    result: str
    terms_version: int | None
    own_click: bool


@dataclass(frozen=True, slots=True)
class Posted:
    """One line in the books: of which entry, on which kind of account, above zero where its balance grew."""

    entry_id: int
    kind: str
    at: dt.datetime
    account: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Receipt:
    """One commission with all that it came from; `whole` is False for the adviser, who sees their own part only.

    explained: the calculation behind what stood last, as its move keeps it; fee: our fee on what stands, None for
    whoever does not pay or book it.
    """

    commission: Commission
    order: ShopOrder
    whole: bool
    decision: Attribution | None
    touches: Sequence[Touch]
    terms: Terms
    history: Sequence[CommissionMove]
    explained: Mapping[str, Any]
    titles: Mapping[str, str]
    refunds: Sequence[tuple[Refund, RefundOutcome | None]]
    posted: Sequence[Posted]
    fee: Money | None
    payout: Payout | None
    names: Mapping[UUID, str] = field(default_factory=dict)

    @property
    def amount(self) -> Money:
        """Return what stands."""
        return moves.standing(self.commission, self.history)

    @property
    def was(self) -> Money | None:
        """Return what stood last before nothing did, or None while something stands."""
        if not self.amount.is_zero:
            return None
        stood = [one.standing_minor for one in self.history if one.standing_minor]
        return Money(stood[-1], self.commission.currency) if stood else None

    @property
    def shown(self) -> Mapping[str, Any]:
        """Return the calculation to show: of what stands, or of what stood last before nothing did."""
        if self.was is None:
            return self.explained
        stood = (
            one.detail for one in reversed(self.history) if one.standing_minor and one.detail.get("lines")
        )
        return next(stood, self.explained)

    @property
    def state(self) -> str:
        """Return pending, approved, declined or reversed."""
        return state_of(moves.steps(self.history))

    @property
    def others(self) -> int:
        """Return how many other advisers took part."""
        return len(self.decision.receipt["others"]) if self.decision else 0


def of(session: Session, actor: Actor, commission_id: UUID) -> Receipt:
    """Return the receipt of a commission. Raises NotFound for one that the actor may not see."""
    row = session.execute(
        sa.select(Commission, ShopOrder)
        .join(ShopOrder, ShopOrder.id == Commission.order_id)
        .where(Commission.id == commission_id, reading.visible(actor))
    ).one_or_none()
    if row is None:
        raise NotFound("commission", commission_id)
    commission, order = row
    whole = visibility.part_of(actor, order) is None
    decision = attribution.newest(session, order.id)
    history = moves.of(session, [commission.id])[commission.id]
    terms = offer_terms.by_id(session, [history[-1].terms_id])[history[-1].terms_id]
    touches = [one for one in _touches(decision) if whole or one.adviser_id == commission.adviser_id]
    accruals, payout = _booked(session, commission)
    fee = Money(sum(one.fee_minor for one in accruals), commission.currency) if whole else None
    sees = None if actor.is_platform else OF_SHOP if whole else OF_ADVISER
    place = (order.shop_id, order.mode, order.order_ref)
    names, titles = _called(session, commission, touches, whole)
    return Receipt(
        commission,
        order,
        whole,
        decision,
        touches,
        terms,
        history,
        next((one.detail for one in reversed(history) if one.detail.get("lines")), {}),
        titles,
        refunds.told_about(session, place) if whole else [],
        _posted(session, accruals, sees),
        fee,
        payout,
        names,
    )


def _touches(decision: Attribution | None) -> list[Touch]:
    return [
        Touch(
            one["kind"],
            UUID(one["adviser_id"]),
            dt.datetime.fromisoformat(one["ts"]),
            one["via"],
            one["result"],
            one["terms_version"],
            one["own_click"],
        )
        for one in (decision.receipt["candidates"] if decision else ())
    ]


def _posted(session: Session, accruals: Sequence[Accrual], sees: tuple[str, ...] | None) -> list[Posted]:
    entries = {one for row in accruals for one in (row.entry_id, row.funded_entry_id) if one is not None}
    return [
        Posted(
            row.id,
            row.kind,
            row.effective_at,
            row.account,
            Money(CHART[row.account].sign * row.amount_minor, row.currency),
        )
        for row in session.execute(_LINES, {"entries": sorted(entries)})
        if sees is None or row.account.startswith(sees)
    ]


def _booked(session: Session, commission: Commission) -> tuple[list[Accrual], Payout | None]:
    """Return what of a commission is in the books, in order, and the newest payout that took it up, if any is seen."""
    rows = session.execute(
        sa.select(Accrual, Payout)
        .outerjoin(
            PayoutLine,
            sa.and_(
                PayoutLine.entry_id.in_([Accrual.entry_id, Accrual.funded_entry_id]),
                PayoutLine.adviser_id == commission.adviser_id,
                PayoutLine.amount_minor > 0,
            ),
        )
        .outerjoin(Payout, Payout.id == PayoutLine.payout_id)
        .where(Accrual.commission_id == commission.id)
        .order_by(Accrual.seq)
    ).all()
    found: dict[int, Accrual] = {accrual.seq: accrual for accrual, _payout in rows}
    # An outer join may find none, which its type can't say.
    taken: list[Payout | None] = [payout for _accrual, payout in rows]
    payouts = [one for one in taken if one is not None]
    return list(found.values()), max(payouts, key=lambda one: one.approved_at, default=None)


def _called(
    session: Session, commission: Commission, touches: Sequence[Touch], whole: bool
) -> tuple[dict[UUID, str], dict[str, str]]:
    """Return the public names of the shop and of the advisers that the receipt names, and what its lines are called.

    The lines of an order are told to whoever sees the whole of it.
    """
    advisers, nobody, nothing = {commission.adviser_id, *(one.adviser_id for one in touches)}, sa.null(), ""
    parts = [
        sa.select(ADVISER.c.id, sa.literal(nothing).label("ref"), ADVISER.c.display_name.label("name")).where(
            ADVISER.c.id.in_(advisers)
        ),
        sa.select(sa.cast(SHOP.c.id, sa.Uuid()), sa.literal(nothing), SHOP.c.name).where(
            SHOP.c.id == commission.shop_id
        ),
    ]
    if whole:
        titled = sa.func.coalesce(sa.func.nullif(OrderLine.title, nothing), OrderLine.sku)
        parts.append(
            sa.select(sa.cast(nobody, sa.Uuid()), OrderLine.line_ref, titled).where(
                OrderLine.order_id == commission.order_id
            )
        )
    rows = session.execute(sa.union_all(*parts)).all()
    return (
        {row.id: row.name for row in rows if row.id is not None},
        {row.ref: row.name for row in rows if row.id is None},
    )
