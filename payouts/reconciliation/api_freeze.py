"""/api/v1/payout-freeze: why nothing is paid, what has to be explained, and the two people who lift it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma

from marketplace.core import db, jobs, schemas
from marketplace.core.auth import current_actor
from marketplace.core.money import Money
from marketplace.core.policy import policy
from marketplace.core.schemas import dump_instant, dump_money
from marketplace.core.web import ApiBlueprint, request_now
from payouts.reconciliation import api, bookings, lifting
from payouts.reconciliation.lifting import UnknownTransfer
from payouts.reconciliation.models import TransferBooking
from payouts.settlement import freeze
from payouts.settlement.freeze import PayoutFreeze

blueprint = ApiBlueprint(
    "payout_freeze",
    __name__,
    url_prefix="/api/v1/payout-freeze",
    description="After a restore nothing is paid until Stripe's transfers are in the books.",
)


class FreezeWanted(schemas.Schema):
    """Why payouts should stop."""

    note = schemas.Text(required=True, minimum=3, maximum=500)


class Freeze(schemas.Schema):
    """The freeze that stands, what keeps it, and the transfers that have to be explained."""

    frozen = ma.fields.Boolean(required=True)
    freeze = ma.fields.Dict(required=True, allow_none=True)
    in_the_way = ma.fields.List(ma.fields.String(), required=True)
    unknown_transfers = ma.fields.List(ma.fields.Dict(), required=True)


class BookingWanted(schemas.Schema):
    """Whose money a lost transfer was; both ids only where the books can't tell."""

    adviser_id = schemas.Uuid(load_default=None)
    shop_id = schemas.Uuid(load_default=None)
    note = schemas.Text(required=True, minimum=3, maximum=500)


class Booking(schemas.Schema):
    """What is said of a lost transfer, and how far it is: asked, approved, booked."""

    transfer_id = ma.fields.String(required=True)
    adviser_id = schemas.Uuid(required=True)
    amount = schemas.MoneyField(required=True)
    note = ma.fields.String(required=True)
    state = ma.fields.String(required=True)


@blueprint.route("", methods=["GET"])
@policy("payout_freeze", "read")
@blueprint.response(200, Freeze)
def read() -> dict[str, Any]:
    """Return whether payouts are frozen, why, and what is in the way of lifting it."""
    with db.session() as session:
        standing = freeze.standing(session)
        return {
            "frozen": standing is not None,
            "freeze": None if standing is None else freeze_json(standing),
            "in_the_way": [] if standing is None else lifting.in_the_way(session, standing),
            "unknown_transfers": [_transfer(one) for one in lifting.unknown_transfers(session)],
        }


@blueprint.route("", methods=["POST"])
@policy("payout_freeze", "begin")
@blueprint.arguments(FreezeWanted)
@blueprint.response(201, Freeze)
def begin(data: dict[str, Any]) -> dict[str, Any]:
    """Freeze payouts by hand: nothing is claimed, approved or sent from here on."""
    with db.transaction(point="payouts.freeze") as session:
        standing = freeze.impose(session, current_actor(), data["note"], request_now())
        shown = freeze_json(standing)
    return {"frozen": True, "freeze": shown, "in_the_way": [], "unknown_transfers": []}


@blueprint.route("/lift", methods=["POST"])
@policy("payout_freeze", "lift")
@blueprint.response(200, Freeze)
def lift() -> dict[str, Any]:
    """Ask for the freeze to be lifted, or lift it as the second person."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="payouts.lift") as session:
        standing = lifting.lift(session, actor, now)
        shown = freeze_json(standing)
        why = [] if standing.lifted_at else lifting.in_the_way(session, standing)
        db.after_commit(session, lambda: jobs.enqueue(api.SWEEP_JOB))
    return {
        "frozen": standing.lifted_at is None,
        "freeze": shown,
        "in_the_way": why,
        "unknown_transfers": [],
    }


@blueprint.route("/transfers/<uuid:break_id>/book", methods=["POST"])
@policy("payout_freeze", "book")
@blueprint.arguments(BookingWanted)
@blueprint.response(202, Booking)
def book(data: dict[str, Any], break_id: UUID) -> dict[str, Any]:
    """Say whose money a transfer was whose payout the books lost; a second person approves it."""
    with db.transaction(point="reconciliation.ask_booking") as session:
        return _booking(bookings.ask(session, current_actor(), break_id, now=request_now(), **data))


@blueprint.route("/transfers/<uuid:break_id>/approve", methods=["POST"])
@policy("payout_freeze", "approve")
@blueprint.response(202, Booking)
def approve(break_id: UUID) -> dict[str, Any]:
    """Agree as the second person; the worker books the transfer within seconds."""
    with db.transaction(point="reconciliation.approve_booking") as session:
        booking = bookings.approve(session, current_actor(), break_id, request_now())
        db.after_commit(session, lambda: jobs.enqueue(api.SWEEP_JOB))
        return _booking(booking)


def freeze_json(one: PayoutFreeze) -> dict[str, Any]:
    """Return a freeze as finance reads it."""
    moments = ("backup_at", "frozen_at", "lift_asked_at", "lifted_at")
    shown = {name: getattr(one, name) for name in moments}
    return {
        "id": str(one.id),
        "reason": one.reason,
        "why": freeze.WORDS[one.reason],
        "note": one.note,
        "frozen_by": one.frozen_by,
        "lift_asked_by": None if one.lift_asked_by is None else str(one.lift_asked_by),
        "lifted_by": None if one.lifted_by is None else str(one.lifted_by),
        **{name: None if value is None else dump_instant(value) for name, value in shown.items()},
    }


def _transfer(one: UnknownTransfer) -> dict[str, Any]:
    row = one.balance_tx
    return {
        "transfer_id": row.source_id,
        "amount": dump_money(Money(-row.net_minor, row.currency)),
        "created": dump_instant(row.created),
        "destination": row.source.get("destination"),
        "payout_id": row.source.get("payout_id"),
        "difference_id": None if one.break_id is None else str(one.break_id),
        "booking": None if one.booking is None else _state(one.booking),
    }


def _state(booking: TransferBooking) -> str:
    if booking.entry_id is not None:
        return "booked"
    return "asked" if booking.approved_at is None else "approved"


def _booking(booking: TransferBooking) -> dict[str, Any]:
    return {
        "transfer_id": booking.transfer_id,
        "adviser_id": booking.adviser_id,
        "amount": Money(booking.amount_minor, booking.currency),
        "note": booking.note,
        "state": _state(booking),
    }
