"""Payout accounts: an adviser's connected account, what is still missing, and what happens when the bank changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import insert

from marketplace.accounts import advisers
from marketplace.accounts import service as people
from marketplace.core import audit, config, db, ids, mail
from marketplace.core.actor import SYSTEM, Actor
from marketplace.core.errors import Forbidden, GatewayUncertain, NotFound
from payouts.settlement.gateway import AccountState, Gateway, Rejected
from payouts.settlement.models import DestinationChange, PayoutAccount
from payouts.settlement.retry import KEY_LIFE

COOLING_OFF = dt.timedelta(hours=72)

# Stripe names fields by path; the longest matching start wins, so a new field still gets a sentence.
_WORDS = {
    "external_account": "your bank account",
    "individual.first_name": "your first name",
    "individual.last_name": "your last name",
    "individual.dob": "your date of birth",
    "individual.address": "your address",
    "individual.email": "your e-mail address",
    "individual.phone": "your phone number",
    "individual.id_number": "your identification number",
    "individual.verification": "a document that proves who you are",
    "individual": "details about you",
    "company": "details about your company",
    "business_profile": "what you do and where",
    "business_type": "whether you are a person or a company",
    "representative": "details about the company's representative",
    "tos_acceptance": "your agreement to Stripe's terms",
}


class TotpNeededForChange(Forbidden):
    """A change of the payout destination needs a second factor, so that a stolen password cannot redirect money."""

    code = "totp_needed_for_change"
    title = "A second factor is needed for this change"
    detail = "You are paid to a bank account already; changing it needs a second factor on your account."
    next = "Enrol with POST /api/v1/totp/enrol, confirm it, sign in again with a code, then repeat."


def missing_words(fields: tuple[str, ...] | list[str]) -> list[str]:
    """Return in plain words what Stripe still asks for, each thing once, in Stripe's order."""
    words: list[str] = []
    for field in fields:
        starts = [start for start in _WORDS if field == start or field.startswith(start + ".")]
        word = _WORDS[max(starts, key=len)] if starts else field.replace("_", " ").replace(".", ", ")
        if word not in words:
            words.append(word)
    return words


def state_of(account: AccountState) -> str:
    """Return ready, incomplete or disabled for what Stripe says now."""
    if account.transfers_active and account.payouts_enabled and account.fingerprint is not None:
        return "ready"
    return "disabled" if account.details_submitted else "incomplete"


def account_key(adviser_id: UUID, attempt: int) -> str:
    """Return the idempotency key under which an adviser's connected account is made."""
    return f"payout-account-{adviser_id}-a{attempt}"


def find(session: orm.Session, adviser_id: UUID, currency: str) -> PayoutAccount | None:
    """Return the adviser's payout account in a currency, or None."""
    return session.scalars(
        sa.select(PayoutAccount).where(
            PayoutAccount.adviser_id == adviser_id, PayoutAccount.currency == currency
        )
    ).one_or_none()


def plan(session: orm.Session, actor: Actor, currency: str, now: dt.datetime) -> PayoutAccount:
    """Write down that the acting adviser wants to be paid; the same row again when it exists.

    Raises NotFound when the actor is no adviser, TotpNeededForChange when a bank account is connected already and the
    actor has no second factor.
    """
    adviser = advisers.get(session, actor.adviser())
    session.execute(
        insert(PayoutAccount)
        .values(id=ids.new_id(), adviser_id=adviser.id, currency=currency, asked_at=now, state="planned")
        .on_conflict_do_nothing(index_elements=[PayoutAccount.adviser_id, PayoutAccount.currency])
    )
    row = find(session, adviser.id, currency)
    if row is None:
        raise NotFound("payout account", adviser.id)
    if row.destination_fingerprint is not None and not actor.totp_enrolled:
        raise TotpNeededForChange(adviser_id=adviser.id)
    audit.record(session, actor, "payout_account.open_form", "payout_account", row.id, {}, now=now)
    return row


def connect(gateway: Gateway, row: PayoutAccount, now: dt.datetime) -> str:
    """Return the id of the planned row's connected account, making it at Stripe when it is not there yet.

    The planned row is committed; the key derives from the adviser, so a lost answer is repeated with the same key for
    23 hours and looked up after that. Raises GatewayUncertain when the outcome stays unknown.
    """
    if row.stripe_account_id is not None:
        return row.stripe_account_id
    with db.transaction(point="accounts.owner") as session:
        adviser = advisers.get(session, row.adviser_id)
        user = people.user_of_adviser(session, adviser.id)
        country, email = adviser.country, user.email
    if now - row.asked_at >= KEY_LIFE:
        found = gateway.find_account(row.adviser_id, row.asked_at - dt.timedelta(minutes=5))
        if found is not None:
            record(row.id, found, now)
            return found.account_id
        with db.transaction(point="accounts.attempt") as session:
            fresh = locked(session, row.id)
            fresh.attempt, fresh.asked_at = row.attempt + 1, now
        row.attempt += 1
    try:
        made = gateway.create_account(
            account_key(row.adviser_id, row.attempt), row.adviser_id, country, email
        )
    except GatewayUncertain:
        found = gateway.find_account(row.adviser_id, row.asked_at - dt.timedelta(minutes=5))
        if found is None:
            raise
        made = found
    record(row.id, made, now)
    return made.account_id


def locked(session: orm.Session, row_id: UUID) -> PayoutAccount:
    """Return a payout account with its row locked."""
    return session.scalars(
        sa.select(PayoutAccount)
        .where(PayoutAccount.id == row_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def record(row_id: UUID, seen: AccountState, now: dt.datetime) -> PayoutAccount:
    """Record in a transaction of its own what Stripe says about an account now; return the row."""
    with db.transaction(point="accounts.record") as session:
        return apply(session, locked(session, row_id), seen, now)


def apply(session: orm.Session, row: PayoutAccount, seen: AccountState, now: dt.datetime) -> PayoutAccount:
    """Bring the locked row up to date with what Stripe says now.

    A bank account taking the place of another starts 72 hours of business time in which it is not paid, and the adviser
    is told by mail at the address we know; the first bank account starts none.
    """
    row.stripe_account_id = row.stripe_account_id or seen.account_id
    row.state = state_of(seen)
    row.requirements = {
        "due": list(seen.due),
        "past_due": list(seen.past_due),
        "disabled_reason": seen.disabled_reason,
    }
    row.seen_at, row.request_id = now, seen.request_id or row.request_id
    if seen.fingerprint is None or seen.fingerprint == row.destination_fingerprint:
        return row
    first = row.destination_fingerprint is None
    session.add(
        DestinationChange(
            payout_account_id=row.id,
            adviser_id=row.adviser_id,
            was=row.destination_fingerprint,
            became=seen.fingerprint,
            at=now,
        )
    )
    row.destination_fingerprint, row.destination_last4 = seen.fingerprint, seen.bank_last4
    if not first:
        row.changed_at, row.cooling_until = now, now + COOLING_OFF
        _tell(session, row, now)
    audit.record(
        session, SYSTEM, "payout_account.destination", "payout_account", row.id, {"first": first}, now=now
    )
    return row


def _tell(session: orm.Session, row: PayoutAccount, now: dt.datetime) -> None:
    user = people.user_of_adviser(session, row.adviser_id)
    until = row.cooling_until or now + COOLING_OFF
    mail.queue(
        session,
        to=user.email,
        template="payout_destination_changed",
        locale=user.locale,
        facts={
            "name": user.name,
            "last4": row.destination_last4 or "",
            "until": until.isoformat(),
            "url": f"{config.current().base_url}/adviser/payout-account",
        },
        now=now,
    )


def refresh(
    gateway: Gateway, row_id: UUID, stripe_account_id: str, now: Callable[[], dt.datetime]
) -> PayoutAccount:
    """Fetch an account from Stripe, outside any transaction, and record it; return the row."""
    try:
        seen = gateway.account(stripe_account_id)
    except Rejected as error:
        # The account was closed or taken away from us: nothing can be paid there until a person has looked.
        with db.transaction(point="accounts.disabled") as session:
            row = locked(session, row_id)
            row.state, row.seen_at = "disabled", now()
            row.requirements = {"due": [], "past_due": [], "disabled_reason": str(error.facts["reason"])}
            return row
    return record(row_id, seen, now())


def unseen(session: orm.Session, now: dt.datetime, limit: int = 50) -> list[tuple[UUID, str]]:
    """Return accounts (our id, Stripe's id) that were not looked at for long: a day, or an hour when not payable.

    So a lost webhook about an account costs time only.
    """
    ready = PayoutAccount.state == "ready"
    old = sa.or_(
        sa.and_(ready, PayoutAccount.seen_at <= now - dt.timedelta(days=1)),
        sa.and_(~ready, PayoutAccount.seen_at <= now - dt.timedelta(hours=1)),
    )
    rows = session.execute(
        sa.select(PayoutAccount.id, PayoutAccount.stripe_account_id)
        .where(PayoutAccount.stripe_account_id.is_not(None), old)
        .order_by(PayoutAccount.seen_at)
        .limit(limit)
    )
    return [(row.id, str(row.stripe_account_id)) for row in rows]


def blocked_reason(row: PayoutAccount | None, now: dt.datetime) -> str | None:
    """Return why money cannot go to this account now: no_payout_account, account_not_ready, cooling_off, or None."""
    if row is None or row.stripe_account_id is None or row.destination_fingerprint is None:
        return "no_payout_account"
    if row.state != "ready":
        return "account_not_ready"
    if row.cooling_until is not None and now < row.cooling_until:
        return "cooling_off"
    return None
