"""Find things by what somebody has in hand: a reference, a code, a number, an amount or a name; each within their own.

Every search asks the same condition that the lists of its room ask, so that nothing shows here that is not shown there.
Equal and beginning texts are found, which indexes serve; nothing is found by an e-mail address.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts.models import Adviser, Shop
from marketplace.accounts.public import ADVISER
from marketplace.catalogue import products
from marketplace.catalogue.models import Product
from marketplace.core.actor import Actor
from marketplace.core.money import Money
from marketplace.core.wording import _
from payouts.settlement.payout_models import Payout, PayoutRun
from payouts.statements import listing
from payouts.statements.models import Statement
from tracking.commissions import reading, visibility
from tracking.commissions.models import Commission, CommissionMove
from tracking.links import service as links
from tracking.links.models import TrackedLink
from tracking.orders.models import ShopOrder

MOST = 8
SHORTEST, LONGEST = 2, 80
_AMOUNT = re.compile(r"(?:€|EUR)?\s*([0-9]{1,9})(?:[.,]([0-9]{2}))?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found: what it is called, where it stands, and what tells it apart from others."""

    title: str
    href: str
    told: str = ""
    amount: Money | None = None
    at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Things of one kind; `more`: there are more than shown."""

    kind: str
    hits: Sequence[Hit]
    more: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    session: Session
    actor: Actor
    words: str

    @property
    def begins(self) -> str:
        """Return the pattern of texts that begin with the words."""
        return re.sub(r"([\\%_])", r"\\\1", self.words.lower()) + "%"

    @property
    def spelt(self) -> set[str]:
        """Return the words as typed, in capitals and in small letters, for an index that knows no other case."""
        return {self.words, self.words.upper(), self.words.lower()}


def find(session: Session, actor: Actor, words: str) -> list[Group]:
    """Return what fits the words within what the actor may see, in groups; nothing for less than two signs."""
    words = words.strip()[:LONGEST]
    if len(words) < SHORTEST:
        return []
    asked, groups = _Asked(session, actor, words), []
    for kind, search in _SEARCHES:
        hits = search(asked)
        if hits:
            groups.append(Group(kind, hits[:MOST], len(hits) > MOST))
    return groups


def minor_of(words: str) -> int | None:
    """Return what was typed as an amount of euros and cents, in cents; None when it is none."""
    found = _AMOUNT.fullmatch(words.strip().replace("\u00a0", " "))
    return int(found[1]) * 100 + int(found[2] or 0) if found else None


def _receipts(actor: Actor, commission_id: UUID) -> str:
    is_adviser = "adviser" in actor.roles and not actor.is_platform
    return (
        f"/adviser/earnings/{commission_id}"
        if is_adviser and not actor.shop_ids
        else f"/receipts/{commission_id}"
    )


def _orders(asked: _Asked) -> list[Hit]:
    rows = asked.session.execute(
        sa.select(ShopOrder, Commission.id)
        .outerjoin(Commission, sa.and_(Commission.order_id == ShopOrder.id, reading.visible(asked.actor)))
        .where(
            visibility.orders(asked.actor, None),
            sa.or_(*(ShopOrder.order_ref.op("^@")(one) for one in asked.spelt)),
        )
        .order_by(ShopOrder.ordered_at.desc(), ShopOrder.id)
        .limit(MOST + 1)
    )
    hits = []
    for order, found in rows:
        # An order without a commission of theirs has none here, which the outer join can't say of its type.
        commission_id: UUID | None = found
        is_whole = not asked.actor.is_platform and visibility.part_of(asked.actor, order) is None
        if is_whole:
            href = f"/shop/orders/{order.order_ref}?shop_id={order.shop_id}"
        elif commission_id is not None:
            href = _receipts(asked.actor, commission_id)
        else:
            href = "/adviser/not-credited" if not asked.actor.is_platform else ""
        hits.append(
            Hit(order.order_ref, href, order.mode if order.mode == "test" else "", at=order.ordered_at)
        )
    return hits


def _commissions(asked: _Asked) -> list[Hit]:
    minor = minor_of(asked.words)
    if minor is None:
        return []
    # The last move says what stands; the amount of any move is what somebody may remember.
    moved = sa.select(CommissionMove.commission_id).where(
        CommissionMove.commission_id == Commission.id,
        sa.or_(CommissionMove.standing_minor == minor, CommissionMove.delta_minor == minor),
    )
    rows = asked.session.execute(
        sa.select(Commission, ShopOrder.order_ref)
        .join(ShopOrder, ShopOrder.id == Commission.order_id)
        .where(reading.visible(asked.actor), moved.exists())
        .order_by(Commission.created_at.desc(), Commission.id)
        .limit(MOST + 1)
    )
    return [
        Hit(
            ref,
            _receipts(asked.actor, one.id),
            amount=Money(minor, one.currency),
            at=one.created_at,
        )
        for one, ref in rows
    ]


def _runs(asked: _Asked) -> list[Hit]:
    if not asked.actor.is_platform:
        return []
    minor = minor_of(asked.words)
    by_number = sa.func.lower(PayoutRun.number).like(asked.begins)
    fits = by_number if minor is None else sa.or_(by_number, PayoutRun.total_minor == minor)
    rows = asked.session.scalars(
        sa.select(PayoutRun).where(fits).order_by(PayoutRun.id.desc()).limit(MOST + 1)
    )
    return [
        Hit(
            run.number,
            f"/finance/runs/{run.id}",
            amount=None if run.total_minor is None else Money(run.total_minor, run.currency),
            at=run.created_at,
        )
        for run in rows
    ]


def _links(asked: _Asked) -> list[Hit]:
    rows = asked.session.scalars(
        links.visible(asked.actor)
        .where(TrackedLink.code == asked.words)
        .order_by(TrackedLink.created_at.desc(), TrackedLink.id)
        .limit(MOST + 1)
    )
    return [
        Hit(
            one.code,
            f"/adviser/links/{one.id}" if one.adviser_id == asked.actor.adviser_id else "",
            one.target_url,
            at=one.created_at,
        )
        for one in rows
    ]


def _statements(asked: _Asked) -> list[Hit]:
    minor = minor_of(asked.words)
    by_number = sa.func.lower(Statement.number).like(asked.begins)
    fits = by_number if minor is None else sa.or_(by_number, Statement.amount_minor == minor)
    rows = asked.session.execute(
        sa.select(Statement, Payout.run_id)
        .join(Payout, Payout.id == Statement.payout_id)
        .where(fits, listing.visible(asked.actor))
        .order_by(Statement.id.desc())
        .limit(MOST + 1)
    )
    return [
        Hit(
            one.number,
            f"/finance/runs/{run_id}" if asked.actor.is_platform else f"/adviser/statements/{one.id}",
            amount=Money(one.amount_minor, one.currency),
            at=one.issued_at,
        )
        for one, run_id in rows
    ]


def _products(asked: _Asked) -> list[Hit]:
    if not asked.actor.shop_ids:
        return []
    rows = asked.session.scalars(
        products.visible(asked.actor)
        .where(
            products.of_own_shops(asked.actor),
            sa.or_(Product.sku == asked.words, sa.func.lower(Product.title).like("%" + asked.begins)),
        )
        .order_by(Product.title, Product.id)
        .limit(MOST + 1)
    )
    return [
        Hit(one.title, f"/shop/products?q={one.sku}", one.sku, Money(one.price_minor, one.currency))
        for one in rows
    ]


def _elsewhere(asked: _Asked) -> list[Hit]:
    """Return lists that look for what was typed in a way of their own: an amount in the books, an address."""
    hits, minor = [], minor_of(asked.words)
    if minor is not None and asked.actor.is_platform:
        amount = Money(minor, "EUR")
        hits.append(Hit(_("Entries in the ledger"), f"/finance/ledger?amount={amount}", amount=amount))
    if "@" in asked.words and "admin" in asked.actor.roles:
        hits.append(Hit(_("Accounts with this address"), f"/admin/accounts?q={quote(asked.words)}"))
    return hits


def _advisers(asked: _Asked) -> list[Hit]:
    if asked.actor.is_platform:
        rows = asked.session.execute(
            sa.select(Adviser.id, Adviser.user_id, Adviser.display_name.label("name"), Adviser.code)
            .where(sa.func.lower(Adviser.display_name).like("%" + asked.begins))
            .order_by(Adviser.display_name, Adviser.id)
            .limit(MOST + 1)
        ).all()
        is_finance = "finance" in asked.actor.roles
        where = "/finance/ledger/accounts/adviser:available/{0}/EUR" if is_finance else "/admin/accounts/{1}"
        return [Hit(row.name, where.format(row.id, row.user_id), row.code) for row in rows]
    public = asked.session.execute(
        sa.select(ADVISER.c.id, ADVISER.c.display_name.label("name"), ADVISER.c.code)
        .where(sa.func.lower(ADVISER.c.display_name).like("%" + asked.begins), ADVISER.c.state == "active")
        .order_by(ADVISER.c.display_name, ADVISER.c.id)
        .limit(MOST + 1)
    ).all()
    return [Hit(row.name, f"/@{row.code}", row.code) for row in public]


def _shops(asked: _Asked) -> list[Hit]:
    if not asked.actor.is_platform:
        return []
    rows = asked.session.execute(
        sa.select(Shop.id, Shop.name, Shop.currency)
        .where(sa.func.lower(Shop.name).like("%" + asked.begins))
        .order_by(Shop.name, Shop.id)
        .limit(MOST + 1)
    )
    where = "/finance/ledger/accounts/shop:prepaid/{id}/{currency}"
    return [Hit(row.name, where.format(id=row.id, currency=row.currency)) for row in rows]


_SEARCHES: tuple[tuple[str, Callable[[_Asked], list[Hit]]], ...] = (
    ("orders", _orders),
    ("commissions", _commissions),
    ("runs", _runs),
    ("statements", _statements),
    ("links", _links),
    ("products", _products),
    ("advisers", _advisers),
    ("shops", _shops),
    ("elsewhere", _elsewhere),
)
