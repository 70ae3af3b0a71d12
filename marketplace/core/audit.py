"""Audit events: who did what to which thing, when; appended and never changed."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.core import db
from marketplace.core.actor import Actor


class AuditEvent(db.Base):
    """One act that somebody may have to answer for; facts hold ids and words, never secrets or addresses."""

    __tablename__ = "audit_event"
    __table_args__ = (
        sa.Index("ix_audit_event_user_id", "user_id", "id"),
        sa.Index("ix_audit_event_subject_id", "subject_id", "id"),
    )
    # Who writes history may not be allowed to read it, so nothing is asked back.
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 - SQLAlchemy reads this as a class attribute.

    id: orm.Mapped[uuid.UUID] = db.uuid_pk()
    at: orm.Mapped[dt.datetime]
    actor: orm.Mapped[str]
    user_id: orm.Mapped[uuid.UUID | None]
    action: orm.Mapped[str]
    subject_type: orm.Mapped[str]
    subject_id: orm.Mapped[str]
    shop_id: orm.Mapped[uuid.UUID | None]
    facts: orm.Mapped[dict[str, Any]] = orm.mapped_column(JSONB, default=dict)
    recorded_at: orm.Mapped[dt.datetime] = db.created_at()


def record(
    session: orm.Session,
    actor: Actor,
    action: str,
    subject_type: str,
    subject_id: object,
    facts: dict[str, Any] | None = None,
    *,
    now: dt.datetime,
    shop_id: uuid.UUID | None = None,
) -> None:
    """Write down an act in the same transaction as the act itself; `action` is like "payout_run.approve"."""
    session.add(
        AuditEvent(
            at=now,
            actor=actor.label,
            user_id=actor.user_id,
            action=action,
            subject_type=subject_type,
            subject_id=str(subject_id),
            shop_id=shop_id,
            facts=facts or {},
        )
    )
