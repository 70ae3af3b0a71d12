"""From a report to an answer, in one transaction: store the facts, decide, earn, apply what waited, remember."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.core import config, db, jobs
from marketplace.core.errors import Conflict, NotFound
from tracking.attribution import service as attribution
from tracking.commissions import answers
from tracking.commissions.answers import Answer
from tracking.commissions.service import settle
from tracking.orders import content, intake, pseudonyms, refunds, standing
from tracking.orders.models import OrderAnswer, OrderLine, ShopOrder

DECIDE_JOB = "decide_order"


class OrderApproved(Conflict):
    """The commission of the order is approved, so its lines are closed."""

    code = "order_approved"
    title = "The order is approved"
    detail = "The commission of order {order_ref} is approved; it takes no more lines."
    next = "Report the lines as a new order with this order_ref as parent_ref."


def report_order(
    session: Session, shop_id: UUID, mode: str, data: Mapping[str, Any], now: dt.datetime, source: str = "api"
) -> Answer:
    """Take in an order and return what it earns whom; the same report again gets the same answer.

    data: as loaded by OrderReport. source: which way it came; the first one owns the order, a report from another
    is logged and answered like the first. Raises ContentDiffers, CurrencyNotOffered, InvalidInput, NotFound.
    """
    shop = shops.get(session, shop_id)
    place = (shop_id, mode, data["order_ref"])
    intake.enter(session, *place)
    flat = _flatten(shop_id, data)
    first = intake.first_answer(session, *place, "order")
    if first is not None:
        return _repeated(session, place, first, flat, source, now)
    order = intake.record(session, shop, mode, source, data, now)
    attribution.decide_at_intake(session, order, now)
    settle(session, order, "order", now)
    apply_waiting(session, order, now)
    answer = Answer.of(201, answers.order_answer(session, order))
    intake.keep_answer(session, place, "order", "", flat, (answer.status, answer.body))
    db.after_commit(session, lambda: jobs.enqueue(DECIDE_JOB, str(order.id)))
    return answer


def add_lines(
    session: Session, place: tuple[UUID, str, str], data: Mapping[str, Any], now: dt.datetime
) -> Answer:
    """Add lines to an order until its commission is approved; lines that are there already change nothing.

    place: shop, mode and order_ref. Raises NotFound, OrderApproved, ContentDiffers, CurrencyNotOffered.
    """
    intake.enter(session, *place)
    order = _known(session, place)
    intake.check_currency(intake.currencies_of(data), order.currency)
    known = {row.line_ref: row for row in standing.lines_of(session, order.id)}
    differing = [
        f"lines.{index}.{name}"
        for index, line in enumerate(data["lines"])
        if line["line_ref"] in known
        for name, was, told in _line_pairs(known[line["line_ref"]], line)
        if was != told
    ]
    if differing:
        raise intake.ContentDiffers("The order with lines", place[2], differing)
    fresh = [line for line in data["lines"] if line["line_ref"] not in known]
    if not fresh:
        return _present(session, order, is_replay=True)
    decision = attribution.newest(session, order.id)
    if decision is not None and decision.state == "final":
        raise OrderApproved(order_ref=order.order_ref)
    intake.add_lines(session, order, fresh, now)
    settle(session, order, "lines", now)
    return _present(session, order, is_replay=False)


def refund(
    session: Session,
    place: tuple[UUID, str, str],
    kind: str,
    data: Mapping[str, Any],
    now: dt.datetime,
) -> Answer:
    """Take in a refund or a cancellation: applied (201), or waiting for its order (202).

    place: shop, mode and order_ref; kind: refund or cancel. The same reference again gets the first answer; once a
    waiting one was applied or parked, the answer says so. Raises ContentDiffers, RefundExceedsOrder, InvalidInput.
    """
    shop = shops.get(session, place[0])
    intake.enter(session, *place)
    flat = _flatten(shop.id, data)
    key = "" if kind == "cancel" else data["refund_ref"]
    first = intake.first_answer(session, *place, kind, key)
    if first is not None:
        return _repeated_refund(session, place, kind, key, first, flat)
    intake.check_currency(intake.currencies_of(data), shop.currency)
    happened = "cancelled_at" if kind == "cancel" else "refunded_at"
    if data[happened] is not None:
        intake.check_instant(happened, data[happened], now)
    order = intake.locked(session, *place)
    row = refunds.record(session, place, kind, data, shop.currency, now)
    if order is not None:
        found = refunds.apply(session, order, row, now)
        if found is not None:
            raise refunds.refuse(found)
        settle(session, order, _cause(row), now)
    body = _refund_body(session, place, kind, key, order)
    answer = Answer.of(202 if order is None else 201, body)
    intake.keep_answer(session, place, kind, key, flat, (answer.status, answer.body))
    return answer


def apply_waiting(session: Session, order: ShopOrder, now: dt.datetime) -> int:
    """Apply what waited for an order, in the order in which it happened; park what doesn't fit. Returns how many.

    The caller holds the lock of the order's reference.
    """
    waiting = refunds.waiting(session, order.shop_id, order.mode, order.order_ref)
    for row in waiting:
        found = refunds.apply(session, order, row, now)
        if found is None:
            settle(session, order, _cause(row), now)
        else:
            refunds.park(session, row, order, f"{found.reason}: {found.field}, {found.left} was left", now)
    return len(waiting)


def _known(session: Session, place: tuple[UUID, str, str]) -> ShopOrder:
    order = intake.locked(session, *place)
    if order is None:
        raise NotFound("order", place[2])
    return order


def _cause(row: Any) -> str:
    return "cancel" if row.kind == "cancel" else f"refund:{row.refund_ref}"


def _flatten(shop_id: UUID, data: Mapping[str, Any]) -> dict[str, Any]:
    secret = config.current().secret_key
    return content.flatten(data, lambda text: pseudonyms.content_digest(secret, shop_id, text))


def _line_pairs(row: OrderLine, line: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return field, stored and told value of a line; its category is left out, it may be the catalogue's."""
    discount = line["discount"]
    return [
        ("sku", row.sku, line["sku"]),
        ("title", row.title, line["title"]),
        ("quantity", row.quantity, line["quantity"]),
        ("net", row.net_minor, line["net"].minor),
        ("tax", row.tax_minor, line["tax"].minor),
        ("discount", row.discount_minor, discount.minor if discount is not None else None),
        ("gift_card", row.is_gift_card, line["gift_card"]),
    ]


def _repeated(
    session: Session,
    place: tuple[UUID, str, str],
    first: OrderAnswer,
    flat: Mapping[str, Any],
    source: str,
    now: dt.datetime,
) -> Answer:
    """Return the first answer to the same report; of another source it is logged, of the same refused if it differs."""
    order = _known(session, place)
    differing = content.differing(first.content, flat)
    if order.source != source:
        intake.log_echo(session, order, source, differing, now)
    elif differing:
        raise intake.ContentDiffers("The order", place[2], differing)
    return Answer(first.status, first.body, is_replay=True)


def _repeated_refund(
    session: Session,
    place: tuple[UUID, str, str],
    kind: str,
    key: str,
    first: OrderAnswer,
    flat: Mapping[str, Any],
) -> Answer:
    if differing := content.differing(first.content, flat):
        raise intake.ContentDiffers(f"The {kind}", key or place[2], differing)
    row = refunds.by_ref(session, place, kind, key)
    if first.status == 202 and row is not None and refunds.outcome_of(session, row.id) is not None:
        order = intake.locked(session, *place)
        body = _refund_body(session, place, kind, key, order)
        return _replayed(body)
    return Answer(first.status, first.body, is_replay=True)


def _replayed(body: Mapping[str, Any]) -> Answer:
    present = Answer.of(201, body)
    return Answer(present.status, present.body, is_replay=True)


def _refund_body(
    session: Session, place: tuple[UUID, str, str], kind: str, key: str, order: ShopOrder | None
) -> dict[str, Any]:
    row = refunds.by_ref(session, place, kind, key)
    if row is None:
        raise NotFound(kind, key)
    told = answers.refund_answer(row, refunds.outcome_of(session, row.id))
    shown = answers.order_answer(session, order) if order is not None else None
    return {"order_ref": place[2], **told, "order": shown}


def _present(session: Session, order: ShopOrder, *, is_replay: bool) -> Answer:
    present = Answer.of(201, answers.order_answer(session, order))
    return Answer(present.status, present.body, is_replay)
