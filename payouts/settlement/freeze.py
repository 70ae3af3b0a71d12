"""The freeze: while it stands no transfer is claimed, approved or sent; PostgreSQL refuses all three by itself.

A restore takes the books back in time and Stripe not, so a restored database begins frozen. Reconciliation says what is
in the way of lifting it (payouts/reconciliation/lifting.py).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

import sqlalchemy as sa
import structlog
from sqlalchemy import orm

from marketplace.accounts.models import UserAccount
from marketplace.core import audit, clock, config, db
from marketplace.core.actor import SYSTEM, Actor
from marketplace.core.errors import Conflict

log = structlog.get_logger(__name__)

_BY_HAND = sa.text("SELECT payout_freeze_by_hand(:said, :at, :by_whom)")
_FROZEN = sa.text("SELECT payouts_frozen()")


class PayoutFreeze(db.Base):
    """One time in which nothing was paid: why, since when, and the two people who lifted it.

    `backup_at` is the instant after which the books may lack what Stripe did. At most one freeze is open.
    """

    __tablename__ = "payout_freeze"

    id: orm.Mapped[uuid.UUID] = orm.mapped_column(
        sa.Uuid(), primary_key=True, server_default=sa.func.gen_random_uuid()
    )
    reason: orm.Mapped[str]
    note: orm.Mapped[str] = orm.mapped_column(server_default="")
    backup_at: orm.Mapped[dt.datetime | None]
    frozen_at: orm.Mapped[dt.datetime]
    frozen_by: orm.Mapped[str]
    recorded_at: orm.Mapped[dt.datetime] = db.created_at()
    lift_asked_by: orm.Mapped[uuid.UUID | None] = orm.mapped_column(sa.ForeignKey(UserAccount.id))
    lift_asked_at: orm.Mapped[dt.datetime | None]
    lifted_by: orm.Mapped[uuid.UUID | None] = orm.mapped_column(sa.ForeignKey(UserAccount.id))
    lifted_at: orm.Mapped[dt.datetime | None]

    __table_args__ = (
        sa.CheckConstraint("reason IN ('restore', 'by_hand')", name="reason"),
        sa.CheckConstraint("lifted_by <> lift_asked_by", name="second_person"),
        sa.CheckConstraint(
            "(lift_asked_by IS NULL) = (lift_asked_at IS NULL) AND (lifted_by IS NULL) = (lifted_at IS NULL)"
            " AND (lifted_by IS NULL OR lift_asked_by IS NOT NULL)",
            name="lifted_by_two",
        ),
        sa.Index(
            "uq_payout_freeze_open",
            sa.text("(lifted_at IS NULL)"),
            unique=True,
            postgresql_where=sa.text("lifted_at IS NULL"),
        ),
    )


class PayoutsFrozen(Conflict):
    """Nothing is paid now, because the books may not know everything that Stripe has paid."""

    code = "payouts_frozen"
    title = "Payouts are frozen"
    detail = "Payouts are frozen since {since}: {why}."
    next = (
        "Look at /api/v1/payout-freeze for what has to be explained; two people of finance lift the freeze."
    )


WORDS = {
    "restore": "the database was restored from a backup, and Stripe may have paid since",
    "by_hand": "somebody froze them by hand",
}


def standing(session: orm.Session, *, lock: bool = False) -> PayoutFreeze | None:
    """Return the freeze that stands now, locked when asked, or None."""
    statement = sa.select(PayoutFreeze).where(PayoutFreeze.lifted_at.is_(None))
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalars(statement).one_or_none()


def is_frozen(session: orm.Session) -> bool:
    """Say whether payouts are frozen."""
    return bool(session.scalar(_FROZEN))


def refuse_when_frozen(session: orm.Session) -> None:
    """Raise PayoutsFrozen while a freeze stands."""
    found = standing(session)
    if found is not None:
        raise PayoutsFrozen(since=f"{found.frozen_at:%Y-%m-%d %H:%M} UTC", why=WORDS[found.reason])


def impose(session: orm.Session, actor: Actor, note: str, now: dt.datetime) -> PayoutFreeze:
    """Freeze payouts by hand and return the freeze; one that stands already is returned as it is.

    What was claimed before this commits may still be sent; nothing that is claimed after it. PostgreSQL refuses it to
    a transaction that does not act as finance.
    """
    values = {"said": note, "at": now, "by_whom": actor.label}
    freeze_id = session.execute(_BY_HAND, values).scalar_one()
    audit.record(session, actor, "payouts.freeze", "payout_freeze", freeze_id, {"note": note}, now=now)
    return session.get_one(PayoutFreeze, freeze_id)


def run(arguments: Sequence[str]) -> int:
    """Freeze payouts from the command line, with the reason in words: for whoever restored PostgreSQL otherwise."""
    settings = config.current()
    db.init(settings.database_url, pool_size=1, clock_moves=settings.clock_moves)
    # Whoever starts commands on the house's machines acts for finance here, whichever login the process was given.
    finance = db.use_scope(db.Scope(role="finance"))
    with finance, db.transaction(point="payouts.freeze_command") as session:
        session.execute(sa.text("SELECT 1"))
        found = impose(session, SYSTEM, " ".join(arguments), clock.now())
    log.warning("payouts_frozen", freeze=str(found.id), reason=found.reason, note=found.note)
    return 0
