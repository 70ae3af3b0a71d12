"""Tables of payouts: the run that finance approves, one payout per adviser, its lines and its attempts."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.accounts.models import UserAccount
from marketplace.core import db
from marketplace.core.money import Money


class PayoutRun(db.Base):
    """A batch of payouts in one currency: draft, approved (amounts frozen), executing, done; or rejected as a draft.

    `content_hash` and `total_minor` belong to the last preview until approval, and to what was approved after it.
    `cut_off_at`: what became payable from then on waits for a later run; None: whatever is payable when it is worked
    out. The second person is a constraint of the database: nobody approves or rejects a run of their own making.
    """

    __tablename__ = "payout_run"

    id: orm.Mapped[uuid.UUID] = db.uuid_pk()
    number: orm.Mapped[str] = orm.mapped_column(unique=True)
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    state: orm.Mapped[str] = orm.mapped_column(default="draft", server_default="draft")
    created_by: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(UserAccount.id))
    created_at: orm.Mapped[dt.datetime]
    cut_off_at: orm.Mapped[dt.datetime | None]
    cutoff_entry_id: orm.Mapped[int | None]
    content_hash: orm.Mapped[str | None]
    total_minor: orm.Mapped[int | None]
    # Postings on accounts without a place in the draft, when it was previewed.
    others: orm.Mapped[int | None]
    preview: orm.Mapped[dict[str, Any] | None] = orm.mapped_column(JSONB)
    previewed_at: orm.Mapped[dt.datetime | None]
    approved_by: orm.Mapped[uuid.UUID | None] = orm.mapped_column(sa.ForeignKey(UserAccount.id))
    approved_at: orm.Mapped[dt.datetime | None]
    executed_by: orm.Mapped[uuid.UUID | None] = orm.mapped_column(sa.ForeignKey(UserAccount.id))
    executed_at: orm.Mapped[dt.datetime | None]
    finished_at: orm.Mapped[dt.datetime | None]
    rejected_by: orm.Mapped[uuid.UUID | None] = orm.mapped_column(sa.ForeignKey(UserAccount.id))
    rejected_at: orm.Mapped[dt.datetime | None]
    rejected_reason: orm.Mapped[str | None]

    __table_args__ = (
        sa.CheckConstraint("state IN ('draft', 'approved', 'executing', 'done', 'rejected')", name="state"),
        sa.CheckConstraint("approved_by <> created_by", name="second_person"),
        sa.CheckConstraint(
            "(state IN ('draft', 'rejected')) = (approved_by IS NULL)"
            " AND (approved_by IS NULL) = (approved_at IS NULL)",
            name="approved_by_somebody",
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'rejected') OR (content_hash IS NOT NULL AND total_minor > 0)",
            name="approved_content",
        ),
        sa.CheckConstraint(
            "(state = 'rejected') = (rejected_by IS NOT NULL) AND (rejected_by IS NULL) = (rejected_at IS NULL)"
            " AND (rejected_by IS NULL) = (rejected_reason IS NULL)",
            name="rejected_by_somebody",
        ),
        sa.CheckConstraint("rejected_by <> created_by", name="second_person_rejects"),
    )


class PayoutDraft(db.Base):
    """What a run's last preview said of one adviser; `reason` says why somebody is left out.

    `content` is the hash of what would be paid; only functions of the owner write here.
    """

    __tablename__ = "payout_draft"

    run_id: orm.Mapped[uuid.UUID] = orm.mapped_column(primary_key=True)
    adviser_id: orm.Mapped[uuid.UUID] = orm.mapped_column(primary_key=True)
    place: orm.Mapped[int] = orm.mapped_column(sa.Integer)
    payout_id: orm.Mapped[uuid.UUID]
    account_id: orm.Mapped[int]
    amount_minor: orm.Mapped[int]
    lines: orm.Mapped[int]
    reason: orm.Mapped[str | None]
    destination: orm.Mapped[str | None]
    destination_fingerprint: orm.Mapped[str | None]
    content: orm.Mapped[bytes | None] = orm.mapped_column(sa.LargeBinary)
    # How many postings the account had, and the digest of the unpaid ones: what has not changed is not read again.
    postings: orm.Mapped[int | None]
    digest: orm.Mapped[bytes | None] = orm.mapped_column(sa.LargeBinary)

    __table_args__ = (
        sa.CheckConstraint("(reason IS NULL) = (content IS NOT NULL)", name="paid_has_content"),
    )


class RunNumber(db.Base):
    """The last number given in a year, so that run numbers have no gaps."""

    __tablename__ = "payout_run_number"

    year: orm.Mapped[int] = orm.mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    last: orm.Mapped[int] = orm.mapped_column(sa.Integer)


class Payout(db.Base):
    """One adviser's money in one run; amount, currency and destination are frozen at approval."""

    __tablename__ = "payout"

    id: orm.Mapped[uuid.UUID] = db.uuid_pk()
    # That run, adviser and entry exist is asked by a trigger once a statement; they are never removed.
    run_id: orm.Mapped[uuid.UUID]
    place: orm.Mapped[int] = orm.mapped_column(sa.Integer)
    adviser_id: orm.Mapped[uuid.UUID]
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    amount_minor: orm.Mapped[int]
    destination: orm.Mapped[str]
    destination_fingerprint: orm.Mapped[str]
    reserve_entry_id: orm.Mapped[int] = orm.mapped_column(unique=True)
    state: orm.Mapped[str] = orm.mapped_column(default="approved", server_default="approved")
    reason: orm.Mapped[str | None]
    next_try_at: orm.Mapped[dt.datetime]
    # Wall time: what is under way at Stripe does not end because business time was moved.
    leased_until: orm.Mapped[dt.datetime | None]
    leased_by: orm.Mapped[str | None]
    stripe_transfer_id: orm.Mapped[str | None]
    destination_payment: orm.Mapped[str | None]
    bank_payout_id: orm.Mapped[str | None]
    approved_at: orm.Mapped[dt.datetime]
    paid_at: orm.Mapped[dt.datetime | None]
    in_bank_at: orm.Mapped[dt.datetime | None]
    bank_failed_at: orm.Mapped[dt.datetime | None]
    released_at: orm.Mapped[dt.datetime | None]

    __table_args__ = (
        # By this key an adviser's payouts are found, too.
        sa.UniqueConstraint("adviser_id", "run_id"),
        sa.UniqueConstraint("run_id", "place"),
        # A run writes its payouts before there is a transfer, and what is not there costs no place in an index.
        sa.Index(
            "uq_payout_stripe_transfer_id",
            "stripe_transfer_id",
            unique=True,
            postgresql_where=sa.text("stripe_transfer_id IS NOT NULL"),
        ),
        sa.Index(
            "ix_payout_destination_payment",
            "destination_payment",
            postgresql_where=sa.text("destination_payment IS NOT NULL"),
        ),
        sa.Index(
            "ix_payout_bank_payout_id",
            "bank_payout_id",
            postgresql_where=sa.text("bank_payout_id IS NOT NULL"),
        ),
        sa.CheckConstraint("amount_minor > 0", name="positive"),
        sa.CheckConstraint(
            "state IN ('approved', 'sending', 'unknown', 'rejected', 'released', 'paid', 'in_bank', 'bank_failed')",
            name="state",
        ),
        sa.CheckConstraint(
            "(state IN ('paid', 'in_bank', 'bank_failed')) = (stripe_transfer_id IS NOT NULL)",
            name="paid_has_transfer",
        ),
        sa.Index(
            "ix_payout_due",
            "next_try_at",
            postgresql_where=sa.text("state IN ('approved', 'sending', 'unknown', 'rejected')"),
        ),
    )

    @property
    def amount(self) -> Money:
        """Return the amount that was approved."""
        return Money(self.amount_minor, self.currency)


class PayoutLine(db.Base):
    """A posting on adviser:available that a payout pays; the key makes paying it twice impossible."""

    __tablename__ = "payout_line"

    entry_id: orm.Mapped[int] = orm.mapped_column(primary_key=True, autoincrement=False)
    line: orm.Mapped[int] = orm.mapped_column(sa.SmallInteger, primary_key=True, autoincrement=False)
    payout_id: orm.Mapped[uuid.UUID]
    adviser_id: orm.Mapped[uuid.UUID]
    shop_id: orm.Mapped[uuid.UUID]
    amount_minor: orm.Mapped[int]

    # That posting and payout exist and fit is asked by a trigger once a statement, not by keys line by line.
    __table_args__ = (sa.CheckConstraint("amount_minor <> 0", name="not_zero"),)


class PayoutAttempt(db.Base):
    """One idempotency key's worth of trying: committed before the call, closed by what is known for certain.

    `outcome` is NULL while the answer is unknown, then created, adopted (found by looking up), rejected, or
    abandoned (two empty look-ups). At most one attempt of a payout is open.
    """

    __tablename__ = "payout_attempt"

    id: orm.Mapped[uuid.UUID] = db.uuid_pk()
    payout_id: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(Payout.id))
    n: orm.Mapped[int] = orm.mapped_column(sa.SmallInteger)
    idem_key: orm.Mapped[str] = orm.mapped_column(unique=True)
    request_hash: orm.Mapped[bytes]
    first_sent_at: orm.Mapped[dt.datetime]
    sends: orm.Mapped[int] = orm.mapped_column(sa.Integer, default=1, server_default="1")
    trouble: orm.Mapped[str | None]
    look_ups: orm.Mapped[int] = orm.mapped_column(sa.Integer, default=0, server_default="0")
    last_look_up_at: orm.Mapped[dt.datetime | None]
    request_id: orm.Mapped[str | None]
    stripe_id: orm.Mapped[str | None] = orm.mapped_column(unique=True)
    outcome: orm.Mapped[str | None]
    code: orm.Mapped[str | None]
    closed_at: orm.Mapped[dt.datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("payout_id", "n"),
        sa.CheckConstraint("outcome IN ('created', 'adopted', 'rejected', 'abandoned')", name="outcome"),
        sa.CheckConstraint(
            "coalesce(outcome IN ('created', 'adopted'), false) = (stripe_id IS NOT NULL)",
            name="moved_has_id",
        ),
        sa.CheckConstraint("(outcome IS NULL) = (closed_at IS NULL)", name="closed_when"),
        sa.CheckConstraint("outcome <> 'abandoned' OR look_ups >= 2", name="looked_up_twice"),
        sa.Index(
            "uq_payout_attempt_open", "payout_id", unique=True, postgresql_where=sa.text("outcome IS NULL")
        ),
        sa.Index(
            "uq_payout_attempt_moved",
            "payout_id",
            unique=True,
            postgresql_where=sa.text("outcome IN ('created', 'adopted')"),
        ),
    )
