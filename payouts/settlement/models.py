"""Tables of settlement: where advisers are paid, what Stripe told us, and differences that a person must see."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.accounts.models import Adviser
from marketplace.core import db
from payouts.ledger.models import EntryRow


class PayoutAccount(db.Base):
    """An adviser's connected account in one currency, as last seen at Stripe.

    `state`: planned (asked, no answer yet), incomplete, ready, disabled. `destination_fingerprint` names the bank
    account; `cooling_until` is business time until which a *changed* bank account is not paid.
    """

    __tablename__ = "payout_account"

    id: orm.Mapped[uuid.UUID] = db.uuid_pk()
    adviser_id: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(Adviser.id))
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    attempt: orm.Mapped[int] = orm.mapped_column(sa.SmallInteger, default=1, server_default="1")
    asked_at: orm.Mapped[dt.datetime]
    stripe_account_id: orm.Mapped[str | None] = orm.mapped_column(unique=True)
    state: orm.Mapped[str] = orm.mapped_column(default="planned", server_default="planned")
    requirements: orm.Mapped[dict[str, Any]] = orm.mapped_column(JSONB, default=dict, server_default="{}")
    destination_fingerprint: orm.Mapped[str | None]
    destination_last4: orm.Mapped[str | None]
    changed_at: orm.Mapped[dt.datetime | None]
    cooling_until: orm.Mapped[dt.datetime | None]
    seen_at: orm.Mapped[dt.datetime | None]
    bank_checked_at: orm.Mapped[dt.datetime | None]
    request_id: orm.Mapped[str | None]
    created_at: orm.Mapped[dt.datetime] = db.created_at()

    __table_args__ = (
        sa.UniqueConstraint("adviser_id", "currency"),
        sa.CheckConstraint("state IN ('planned', 'incomplete', 'ready', 'disabled')", name="state"),
        sa.CheckConstraint(
            "(state = 'planned') = (stripe_account_id IS NULL)", name="planned_has_no_account"
        ),
    )


class DestinationChange(db.Base):
    """One bank account taking the place of another (or being the first); appended and never changed."""

    __tablename__ = "payout_destination_change"

    id: orm.Mapped[uuid.UUID] = db.uuid_pk()
    payout_account_id: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(PayoutAccount.id), index=True)
    adviser_id: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(Adviser.id))
    was: orm.Mapped[str | None]
    became: orm.Mapped[str | None]
    at: orm.Mapped[dt.datetime]
    recorded_at: orm.Mapped[dt.datetime] = db.created_at()


class StripeEvent(db.Base):
    """A verified webhook as it came, byte for byte; `outcome` is done, parked, ignored or alarm."""

    __tablename__ = "stripe_event"

    id: orm.Mapped[uuid.UUID] = db.uuid_pk()
    source: orm.Mapped[str]
    event_id: orm.Mapped[str]
    type: orm.Mapped[str]
    account: orm.Mapped[str | None]
    object_id: orm.Mapped[str | None]
    payload: orm.Mapped[bytes]
    received_at: orm.Mapped[dt.datetime]
    tries: orm.Mapped[int] = orm.mapped_column(sa.Integer, default=0, server_default="0")
    next_try_at: orm.Mapped[dt.datetime]
    handled_at: orm.Mapped[dt.datetime | None]
    outcome: orm.Mapped[str | None]
    note: orm.Mapped[str | None]

    __table_args__ = (
        sa.UniqueConstraint("source", "event_id"),
        sa.CheckConstraint("source IN ('account', 'connect')", name="source"),
        sa.CheckConstraint("(outcome IS NULL) = (handled_at IS NULL)", name="handled_has_outcome"),
        sa.Index("ix_stripe_event_unhandled", "next_try_at", postgresql_where=sa.text("handled_at IS NULL")),
        sa.Index("ix_stripe_event_parked", "account", postgresql_where=sa.text("outcome = 'parked'")),
    )


class BankPayoutRow(db.Base):
    """A payout from a connected account to its bank, as last seen; its status only moves forward."""

    __tablename__ = "bank_payout"

    id: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    payout_account_id: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(PayoutAccount.id), index=True)
    adviser_id: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(Adviser.id))
    status: orm.Mapped[str]
    amount_minor: orm.Mapped[int]
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    failure_code: orm.Mapped[str | None]
    arrival_at: orm.Mapped[dt.datetime | None]
    seen_at: orm.Mapped[dt.datetime]


class StripeMovement(db.Base):
    """Which entry of ours stands for which object at Stripe; written with the entry, appended and never changed.

    `source_id` is what a balance transaction calls its source (a charge, a transfer) or, for a cost, the balance
    transaction itself. `amount_minor` is the change of the Stripe balance: gross less fee for a charge, negative
    for a transfer.
    """

    __tablename__ = "stripe_movement"

    source_id: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    kind: orm.Mapped[str]
    subject_id: orm.Mapped[str]
    entry_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey(EntryRow.id), unique=True)
    amount_minor: orm.Mapped[int]
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    at: orm.Mapped[dt.datetime]

    __table_args__ = (sa.CheckConstraint("kind IN ('funding', 'transfer', 'cost')", name="kind"),)


class Break(db.Base):
    """A difference that a person must be able to see: it keeps its id as long as it is the same difference."""

    __tablename__ = "recon_break"

    id: orm.Mapped[uuid.UUID] = db.uuid_pk()
    kind: orm.Mapped[str]
    ref: orm.Mapped[str]
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    amount_minor: orm.Mapped[int]
    state: orm.Mapped[str] = orm.mapped_column(default="open", server_default="open")
    cause: orm.Mapped[str]
    facts: orm.Mapped[dict[str, Any]] = orm.mapped_column(JSONB, default=dict, server_default="{}")
    first_seen_at: orm.Mapped[dt.datetime]
    last_seen_at: orm.Mapped[dt.datetime]
    resolved_at: orm.Mapped[dt.datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("kind", "ref"),
        sa.CheckConstraint("state IN ('open', 'explained', 'corrected')", name="state"),
        sa.CheckConstraint("(state = 'corrected') = (resolved_at IS NOT NULL)", name="corrected_when"),
        sa.Index("ix_recon_break_open", "first_seen_at", postgresql_where=sa.text("state <> 'corrected'")),
    )
