"""A shop pays in: plan, open, credit. The money counts when Stripe says it is paid, and is booked once."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.core import ids
from marketplace.core.errors import Conflict, IdempotencyMismatch, IllegalTransition, InvalidInput, NotFound
from marketplace.core.money import Money
from payouts.funding.models import Funding
from payouts.funding.release import release
from payouts.ledger import commissions
from payouts.ledger.accounts import Account
from payouts.ledger.service import lock, post


class ForeignCurrency(InvalidInput):
    """A budget is kept in the shop's own currency."""

    code = "currency_not_offered"


class FundingDiffers(Conflict):
    """What was paid is not what was planned; a person must look."""

    code = "funding_differs"
    title = "Paid is not what was planned"
    detail = "Funding {funding_id} was planned as {planned} and paid as {paid}."
    next = "Compare the payment at Stripe with the funding; nothing is booked until they agree."


def plan(session: Session, shop_id: UUID, amount: Money, actor: str, now: dt.datetime) -> Funding:
    """Write down that a shop is about to pay in `amount`; commit this before anything is asked of Stripe.

    actor: who asked, as history names them. Raises NotFound, or ForeignCurrency for another than the shop's currency.
    """
    shop = shops.get(session, shop_id)
    if amount.currency != shop.currency:
        raise ForeignCurrency({"amount": [f"This shop pays in {shop.currency}."]})
    if amount.minor <= 0:
        raise InvalidInput({"amount": ["Pay in more than nothing."]})
    funding = Funding(
        id=ids.new_id(),
        shop_id=shop_id,
        amount_minor=amount.minor,
        currency=amount.currency,
        state="planned",
        actor=actor,
        planned_at=now,
    )
    session.add(funding)
    session.flush()
    return funding


def opened(session: Session, funding_id: UUID, session_id: str, url: str) -> Funding:
    """Record the Checkout session under which the shop can pay; again with the same session changes nothing."""
    funding = _locked(session, funding_id)
    if funding.state == "planned":
        funding.state, funding.stripe_session_id, funding.url = "open", session_id, url
        session.flush()
    elif funding.stripe_session_id != session_id:
        raise IdempotencyMismatch(entity="funding", key=funding_id)
    return funding


def failed(session: Session, funding_id: UUID, *, expired: bool = False) -> Funding:
    """Record that nothing will be paid under this funding; one that was paid stays paid.

    Raises IllegalTransition for one that was paid.
    """
    funding = _locked(session, funding_id)
    wanted = "expired" if expired else "failed"
    if funding.state == "paid":
        raise IllegalTransition("funding", funding.state, wanted)
    funding.state = wanted
    session.flush()
    return funding


def credit(
    session: Session,
    funding_id: UUID,
    gross: Money,
    fee: Money,
    now: dt.datetime,
    *,
    payment_intent: str | None = None,
) -> Funding:
    """Book a payment once and release the oldest commissions that waited for it; safe to repeat.

    gross: what the shop paid; fee: what Stripe kept of it; now: business time. A session that we took for expired
    or failed and that was paid after all is booked too: the money is there.
    Raises NotFound, FundingDiffers when the amount is not the planned one, IdempotencyMismatch for another fee.
    """
    funding = _locked(session, funding_id)
    planned = Money(funding.amount_minor, funding.currency)
    if gross != planned:
        raise FundingDiffers(funding_id=funding_id, planned=str(planned), paid=str(gross))
    entry = commissions.fund(funding_id, funding.shop_id, gross, fee, at=now)
    [entry_id] = post(session, [entry])
    if funding.state != "paid":
        funding.state, funding.entry_id, funding.paid_at = "paid", entry_id, now
        funding.stripe_payment_intent = payment_intent
        session.flush()
        release(session, funding.shop_id, funding.currency, now)
    return funding


def returned(session: Session, funding_id: UUID, amount: Money, key: str, now: dt.datetime) -> int:
    """Book that Stripe gave `amount` of a funding back, once per `key`, and return the entry's id.

    What the shop's budget no longer has, the shop owes again. Raises NotFound, IllegalTransition when it was not paid.
    """
    funding = _locked(session, funding_id)
    if funding.state != "paid":
        raise IllegalTransition("funding", funding.state, "returned")
    known = session.execute(
        sa.text("SELECT id FROM entry WHERE idem = :idem"), {"idem": f"fund_returned:{key}"}
    ).scalar_one_or_none()
    if known is not None:
        return int(known)
    prepaid = Account("shop:prepaid", funding.shop_id, amount.currency)
    held = lock(session, [prepaid])[prepaid]
    entry = commissions.fund_returned(funding_id, funding.shop_id, amount, held, key=key, at=now)
    return post(session, [entry])[0]


def _locked(session: Session, funding_id: UUID) -> Funding:
    found = session.execute(
        sa.select(Funding).where(Funding.id == funding_id).with_for_update(key_share=True)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound("funding", funding_id)
    return found
