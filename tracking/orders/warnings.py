"""What a shop should look at in an order that was taken in all the same: an unknown store, a code that names nobody."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from marketplace.stores.models import Store
from tracking.links import codes, resolving
from tracking.orders.models import ShopOrder


def of(session: Session, order: ShopOrder) -> list[dict[str, Any]]:
    """Return the warnings about an order, each with code, field, detail and the codes that may have been meant.

    The same order has the same warnings for ever: its store and the codes at its instant never change.
    """
    return [*_store(session, order), *_code(session, order)]


def _store(session: Session, order: ShopOrder) -> list[dict[str, Any]]:
    if order.store_id is None:
        if order.channel != "pos" or order.store_ref is None:
            return []
        detail = f"The shop has no store {order.store_ref}; the order counts, and is in no report of a store."
        return [_warning("store_unknown", "store_ref", detail)]
    store = session.get_one(Store, order.store_id)
    if store.closed_at is None or order.ordered_at < store.closed_at:
        return []
    return [_warning("store_closed", "store_ref", f"Store {store.code} was closed by then.")]


def _code(session: Session, order: ShopOrder) -> list[dict[str, Any]]:
    if order.code is None:
        return []
    when = min(order.ordered_at, order.received_at)
    if codes.valid_at(session, order.shop_id, order.code, when) is not None:
        return []
    near = resolving.near_misses(session, order.shop_id, order.code, when)
    meant = [
        {
            "code": one.code,
            "spoken": one.spoken,
            "code_id": str(one.code_id),
            "adviser_id": str(one.adviser_id),
            "adviser_name": one.adviser_name,
        }
        for one in near
    ]
    if resolving.fails_its_check(order.code):
        detail = f"Code {order.code} was heard or typed wrong: its last character does not fit."
        return [_warning("code_wrong_check", "code", detail, meant)]
    detail = f"Code {order.code} stood for nobody when the order was made."
    return [_warning("code_unknown", "code", detail, meant)]


def _warning(code: str, field: str, detail: str, near: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"code": code, "field": field, "detail": detail, "near_misses": near or []}
