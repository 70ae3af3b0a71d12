"""Take in what a shop reports about a sale: once per reference, whoever else reports it at the same moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.accounts.models import Shop
from marketplace.catalogue import products
from marketplace.catalogue.taxonomy.categories import normalise
from marketplace.core import config
from marketplace.core.errors import IdempotencyMismatch, InvalidInput
from marketplace.core.ids import new_id
from marketplace.core.money import Money
from marketplace.stores import service as stores
from tracking.links import codes
from tracking.orders import pseudonyms
from tracking.orders.models import OrderAnswer, OrderEcho, OrderLine, OrderToken, ShopOrder
from tracking.touches import service as touches

AHEAD = dt.timedelta(minutes=5)
LATE = dt.timedelta(days=30)
MAX_LINES_OF_ORDER = 10_000


class CurrencyNotOffered(InvalidInput):
    """A report carries money of another currency than the shop's."""

    code = "currency_not_offered"
    title = "Another currency than the shop's"
    next = "Report the order in the currency of the shop."


class ContentDiffers(IdempotencyMismatch):
    """The reference was used before, with other content; the fields that differ are named."""

    code = "content_differs"
    detail = "{entity} {key} was reported before with other content: {fields}."

    def __init__(self, entity: str, key: str, fields: Sequence[str]) -> None:
        self.fields = list(fields)
        super().__init__(entity=entity, key=key, fields=", ".join(fields))

    def problem(self) -> dict[str, Any]:
        """Return the problem with a sentence per field that differs."""
        return super().problem() | {
            "errors": {field: ["Differs from the first report."] for field in self.fields}
        }


def enter(session: Session, shop_id: UUID, mode: str, order_ref: str) -> None:
    """Wait until nobody else writes about this order, known or not yet, until the end of the transaction."""
    # A row lock can't hold off a refund that comes before its order, so the reference itself is locked.
    session.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"shop_order:{shop_id}:{mode}:{order_ref}"},
    )


def first_answer(
    session: Session, shop_id: UUID, mode: str, order_ref: str, kind: str, key: str = ""
) -> OrderAnswer | None:
    """Return what was answered to the first report of this kind and key, or None."""
    return session.scalar(
        sa.select(OrderAnswer).where(
            OrderAnswer.shop_id == shop_id,
            OrderAnswer.mode == mode,
            OrderAnswer.order_ref == order_ref,
            OrderAnswer.kind == kind,
            OrderAnswer.key == key,
        )
    )


def locked(session: Session, shop_id: UUID, mode: str, order_ref: str) -> ShopOrder | None:
    """Return the order, locked until the end of the transaction, or None when it isn't known."""
    return session.scalar(
        sa.select(ShopOrder)
        .where(ShopOrder.shop_id == shop_id, ShopOrder.mode == mode, ShopOrder.order_ref == order_ref)
        .with_for_update()
    )


def check_currency(found: Mapping[str, str], currency: str) -> None:
    """Raise CurrencyNotOffered naming each field of `found` (path -> currency) that isn't in `currency`."""
    errors = {path: [f"The shop sells in {currency}."] for path, code in found.items() if code != currency}
    if errors:
        raise CurrencyNotOffered(errors, currency=currency)


def check_instant(field: str, instant: dt.datetime, now: dt.datetime) -> None:
    """Raise InvalidInput when an instant lies more than five minutes ahead of business time."""
    if instant > now + AHEAD:
        raise InvalidInput({field: ["Lies more than 5 minutes in the future."]})


def currencies_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the currency of each money field of a report, by its path."""
    found: dict[str, str] = {}

    def walk(path: str, value: Any) -> None:
        if isinstance(value, Money):
            found[path] = value.currency
        elif isinstance(value, Mapping):
            for key, item in value.items():
                walk(f"{path}.{key}" if path else str(key), item)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(f"{path}.{index}", item)

    walk("", data)
    if isinstance(data.get("currency"), str):
        found["currency"] = data["currency"]
    return found


def record(
    session: Session, shop: Shop, mode: str, source: str, data: Mapping[str, Any], now: dt.datetime
) -> ShopOrder:
    """Store a new order with its lines and what its click tokens prove, and return it.

    The caller has entered the reference and found no answer to it. Raises CurrencyNotOffered and InvalidInput.
    """
    check_currency(currencies_of(data), shop.currency)
    check_instant("ordered_at", data["ordered_at"], now)
    order = _order(session, shop, mode, source, data, now)
    session.add(order)
    session.flush()
    add_lines(session, order, data["lines"], now)
    _prove_tokens(session, order, data["click_tokens"], now)
    session.flush()
    return order


def add_lines(
    session: Session, order: ShopOrder, lines: Sequence[Mapping[str, Any]], now: dt.datetime
) -> None:
    """Store lines after the ones that an order has. Raises InvalidInput beyond 10,000 lines."""
    known = session.scalar(
        sa.select(sa.func.count()).select_from(OrderLine).where(OrderLine.order_id == order.id)
    )
    first = int(known or 0)
    if first + len(lines) > MAX_LINES_OF_ORDER:
        raise InvalidInput({"lines": [f"An order has at most {MAX_LINES_OF_ORDER} lines."]})
    sold = products.by_sku(session, order.shop_id, [line["sku"] for line in lines])
    for position, line in enumerate(lines, start=first):
        product = sold.get(line["sku"])
        told = product.category if product is not None else line["category"]
        category = normalise(told) if told else ""
        session.add(
            OrderLine(
                order_id=order.id,
                shop_id=order.shop_id,
                position=position,
                line_ref=line["line_ref"],
                sku=line["sku"],
                title=line["title"],
                category=category or None,
                category_by=("catalogue" if product is not None else "order") if category else None,
                quantity=line["quantity"],
                net_minor=line["net"].minor,
                tax_minor=line["tax"].minor,
                discount_minor=None if line["discount"] is None else line["discount"].minor,
                is_gift_card=line["gift_card"],
                currency=order.currency,
                received_at=now,
            )
        )
    session.flush()


def keep_answer(
    session: Session,
    place: tuple[UUID, str, str],
    kind: str,
    key: str,
    content: Mapping[str, Any],
    answer: tuple[int, str],
) -> None:
    """Keep the first answer to a report; place: shop, mode and order_ref; answer: status and body."""
    shop_id, mode, order_ref = place
    status, body = answer
    session.execute(
        insert(OrderAnswer).values(
            id=new_id(),
            shop_id=shop_id,
            mode=mode,
            order_ref=order_ref,
            kind=kind,
            key=key,
            content=dict(content),
            status=status,
            body=body,
        )
    )


def log_echo(
    session: Session, order: ShopOrder, source: str, differing: Sequence[str], now: dt.datetime
) -> None:
    """Write down that another source than the owner reported the order too."""
    session.add(
        OrderEcho(
            order_id=order.id,
            shop_id=order.shop_id,
            source=source,
            differing=list(differing),
            received_at=now,
        )
    )


def _order(
    session: Session, shop: Shop, mode: str, source: str, data: Mapping[str, Any], now: dt.datetime
) -> ShopOrder:
    customer = data["customer"] or {}
    secret = config.current().secret_key
    key = pseudonyms.customer_key(secret, shop.id, customer["ref"]) if customer else None
    email = customer.get("email_sha256")
    shipping = data["shipping"]
    is_new, is_new_by = _newness(session, shop.id, mode, key, customer.get("is_new"), data["ordered_at"])
    return ShopOrder(
        id=new_id(),
        shop_id=shop.id,
        mode=mode,
        order_ref=data["order_ref"],
        parent_ref=data["parent_ref"],
        source=source,
        ordered_at=data["ordered_at"],
        received_at=now,
        is_reported_late=now - data["ordered_at"] > LATE,
        currency=data["currency"],
        channel=data["channel"],
        store_ref=data["store_ref"],
        store_id=_store(session, shop.id, data),
        customer_key=key,
        email_key=pseudonyms.email_key(secret, shop.id, email) if email else None,
        is_new=is_new,
        is_new_by=is_new_by,
        code=codes.canonical(data["code"]) if data["code"] else None,
        shipping_net_minor=shipping["net"].minor if shipping else 0,
        shipping_tax_minor=shipping["tax"].minor if shipping else 0,
    )


def _store(session: Session, shop_id: UUID, data: Mapping[str, Any]) -> UUID | None:
    """Return the store where an order of a till was made; None when the shop has none of that name."""
    if data["channel"] != "pos" or data["store_ref"] is None:
        return None
    store = stores.by_code(session, shop_id, data["store_ref"])
    return None if store is None else store.id


def _newness(
    session: Session, shop_id: UUID, mode: str, key: bytes | None, claim: bool | None, ordered_at: dt.datetime
) -> tuple[bool | None, str | None]:
    """Return whether the customer is new, and who says so: our own orders where they know, else the shop."""
    if key is None:
        return None, None
    earlier = sa.select(ShopOrder.id).where(
        ShopOrder.shop_id == shop_id,
        ShopOrder.mode == mode,
        ShopOrder.customer_key == key,
        ShopOrder.ordered_at <= ordered_at,
    )
    if session.scalar(sa.select(earlier.exists())):
        return False, "orders"
    return (None, None) if claim is None else (claim, "shop")


def _prove_tokens(session: Session, order: ShopOrder, tokens: Sequence[str], now: dt.datetime) -> None:
    proofs = touches.prove_all(session, set(tokens), order.shop_id, now)
    for position, token in enumerate(tokens):
        proof = proofs[token]
        session.add(
            OrderToken(
                order_id=order.id,
                position=position,
                result=proof if isinstance(proof, str) else "accepted",
                touch_id=None if isinstance(proof, str) else proof.id,
            )
        )
