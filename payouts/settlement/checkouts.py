"""A shop's payment through Stripe's hosted page: opened under an intent row, believed only when fetched again."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import orm

from marketplace.core import db
from marketplace.core.errors import InvariantViolation, NotFound
from marketplace.core.money import Money
from payouts.funding import service as funding_service
from payouts.funding.models import Funding
from payouts.settlement import breaks, rounds
from payouts.settlement.gateway import CheckoutSession, Gateway, Rejected
from payouts.settlement.models import StripeMovement
from payouts.settlement.retry import KEY_LIFE

GRACE = dt.timedelta(minutes=1)
# The webhook normally comes within seconds; after this the session is fetched without having been told.
ASK_AFTER = dt.timedelta(minutes=2)
Now = Callable[[], dt.datetime]


def checkout_key(funding_id: UUID) -> str:
    """Return the idempotency key under which a funding's hosted page is opened."""
    return f"funding-{funding_id}"


def open_page(gateway: Gateway, funding: Funding, base_url: str) -> Funding:
    """Open the hosted page of a planned funding whose row is committed; return it with its address.

    Raises Rejected when Stripe refuses (the funding is then failed), GatewayUncertain or GatewayUnavailable when the
    answer is missing: the sweep repeats it with the same key.
    """
    amount = Money(funding.amount_minor, funding.currency)
    back = f"{base_url}/shop/budget?shop_id={funding.shop_id}"
    done, cancelled = f"{back}&paid={funding.id}", f"{back}&cancelled={funding.id}"
    try:
        page = gateway.create_checkout(checkout_key(funding.id), funding.id, amount, done, cancelled)
    except Rejected:
        with db.transaction(point="funding.refused") as session:
            funding_service.failed(session, funding.id)
        raise
    with db.transaction(point="funding.opened") as session:
        return funding_service.opened(session, funding.id, page.session_id, page.url or "")


def confirm(gateway: Gateway, session_id: str, now: Now) -> str:
    """Fetch a session and book it when it is paid; return booked, expired, open or alarm.

    Raises NotFound when no funding of ours has this session. What a webhook said about it does not count.
    """
    page = gateway.checkout(session_id)
    return db.run_in_transaction(lambda session: _record(session, page, now()), point="funding.confirm")


def _record(session: orm.Session, page: CheckoutSession, now: dt.datetime) -> str:
    funding = session.scalars(
        sa.select(Funding).where(Funding.stripe_session_id == page.session_id).with_for_update(key_share=True)
    ).one_or_none()
    if funding is None and page.reference is not None:
        # The answer that named the session was lost; our own reference in it finds the funding.
        funding = _by_reference(session, page)
    if funding is None:
        raise NotFound("funding", page.session_id)
    if page.status == "expired":
        if funding.state in ("planned", "open"):
            funding_service.failed(session, funding.id, expired=True)
        return "expired"
    if page.payment_status != "paid" or page.gross is None or page.fee is None:
        return "open"
    planned = Money(funding.amount_minor, funding.currency)
    if page.amount != planned or page.gross != planned or page.reference != str(funding.id):
        breaks.open_break(
            session,
            "funding_mismatch",
            page.session_id,
            page.gross,
            cause="What was paid is not what was planned; nothing was booked.",
            facts={
                "funding_id": str(funding.id),
                "planned": f"{planned} {planned.currency}",
                "session": f"{page.amount} {page.amount.currency}",
                "charged": f"{page.gross} {page.gross.currency}",
                "reference": page.reference or "",
            },
            now=now,
        )
        return "alarm"
    if funding.state == "paid":
        return "booked"
    paid = funding_service.credit(
        session, funding.id, page.gross, page.fee, now, payment_intent=page.payment_intent
    )
    if paid.entry_id is None or page.charge_id is None:
        raise InvariantViolation(reason="paid_without_entry_or_charge", funding_id=funding.id)
    net = page.gross - page.fee
    session.add(
        StripeMovement(
            source_id=page.charge_id,
            kind="funding",
            subject_id=str(funding.id),
            entry_id=paid.entry_id,
            amount_minor=net.minor,
            currency=net.currency,
            at=now,
        )
    )
    return "booked"


def _by_reference(session: orm.Session, page: CheckoutSession) -> Funding | None:
    try:
        funding = session.get(Funding, UUID(page.reference), with_for_update={"key_share": True})
    except ValueError:
        return None
    if funding is None or funding.state != "planned":
        return None
    return funding_service.opened(session, funding.id, page.session_id, page.url or "")


def repair(gateway: Gateway, base_url: str, now: Now) -> int:
    """Do what lost answers and lost webhooks left: open planned pages, ask about open ones; return how many moved."""
    moment = now()
    with db.transaction(point="funding.repair") as session:
        planned = list(
            session.scalars(
                sa.select(Funding)
                .where(Funding.state == "planned", Funding.planned_at <= moment - GRACE)
                .order_by(Funding.id)
                .limit(100)
            )
        )
        unanswered = list(
            session.scalars(
                sa.select(Funding.stripe_session_id)
                .where(Funding.state == "open", Funding.planned_at <= moment - ASK_AFTER)
                .order_by(Funding.id)
                .limit(100)
            )
        )
    opened = rounds.each(
        "fundings_planned", planned, lambda one: _open_or_give_up(gateway, one, base_url, moment)
    )
    return opened + rounds.each(
        "fundings_open", unanswered, lambda one: confirm(gateway, str(one), now) in ("booked", "expired")
    )


def _open_or_give_up(gateway: Gateway, funding: Funding, base_url: str, moment: dt.datetime) -> bool:
    """Repeat the opening while Stripe remembers the key; later the address, which nobody has, is worthless."""
    if moment - funding.planned_at >= KEY_LIFE:
        with db.transaction(point="funding.given_up") as session:
            funding_service.failed(session, funding.id, expired=True)
        return True
    with contextlib.suppress(Rejected):
        open_page(gateway, funding, base_url)
    return True
