"""What a shop's program sent and we did not take: refused, or come twice. Of it only the order's number is kept.

What was taken stands with orders and refunds. A line here is written after the answer is made, in a transaction of its
own, and only for these, so taking an order costs nothing more.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import flask
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column
from werkzeug.exceptions import HTTPException

from marketplace.core import auth, clock, db, ids, policy, strict_json, web
from marketplace.core.actor import ANONYMOUS, Actor
from marketplace.core.db import Base, uuid_pk
from marketplace.core.errors import AppError

log = structlog.get_logger(__name__)
KEPT = dt.timedelta(days=30)
MOST = 1_000
# So many lines of an hour are enough to see what is wrong, whatever a program in a loop sends.
MOST_AN_HOUR = 1_000
MOST_FIELDS = 12
KINDS = {
    "orders.report_order": "order",
    "orders.add_lines": "lines",
    "orders.refund_order": "refund",
    "orders.cancel_order": "cancel",
}


class ShopReport(Base):
    """One thing that a shop's program sent and that changed nothing; append-only, the newest 1,000 of 30 days."""

    __tablename__ = "shop_report"
    __table_args__ = (
        sa.CheckConstraint("mode IN ('live', 'test')", name="mode"),
        sa.CheckConstraint("kind IN ('order', 'lines', 'refund', 'cancel')", name="kind"),
        sa.CheckConstraint("length(order_ref) <= 100", name="order_ref"),
        sa.CheckConstraint("outcome IN ('refused', 'repeated')", name="outcome"),
        sa.CheckConstraint("(outcome = 'refused') = (code IS NOT NULL)", name="code"),
        sa.Index("ix_shop_report_shop_id_at", "shop_id", "at", "id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    mode: Mapped[str]
    kind: Mapped[str]
    order_ref: Mapped[str | None]
    outcome: Mapped[str]
    code: Mapped[str | None]
    fields: Mapped[list[str]] = mapped_column(JSONB)
    at: Mapped[dt.datetime]


_TRIM = sa.text(
    """
    DELETE FROM shop_report r USING (
      SELECT id FROM (SELECT id, at, row_number() OVER (PARTITION BY shop_id ORDER BY at DESC, id DESC) AS n
                        FROM shop_report) x WHERE n > :most OR at < :since) old
     WHERE r.id = old.id
    """
)


def keep_in_mind(response: flask.Response) -> flask.Response:
    """Write down an answer that refused a report or told what was done before; return the answer as it is.

    Answers of ours that failed (500 and above), of limits (429) and to strangers leave no line. A line that can't be
    written is logged, because the program's answer must not change for it.
    """
    kind = KINDS.get(str(flask.request.endpoint))
    is_replay = response.headers.get("Idempotent-Replayed") == "true"
    is_refused = 400 <= response.status_code < 500 and response.status_code not in (401, 403, 429)
    if kind is None or not (is_replay or is_refused):
        return response
    actor = _sender()
    shop_id = _shop_of(actor)
    if shop_id is None:
        return response
    told: dict[str, Any] = (response.get_json(silent=True) or {}) if is_refused else {}
    line = {
        "id": ids.new_id(),
        "shop_id": shop_id,
        "mode": actor.mode if actor.via == "key" else "live",
        "kind": kind,
        "order_ref": _reference(response.status_code),
        "outcome": "refused" if is_refused else "repeated",
        "code": str(told.get("code") or response.status_code) if is_refused else None,
        "fields": [str(one)[:80] for one in list(told.get("errors") or {})[:MOST_FIELDS]],
        "at": web.request_now(),
    }
    try:
        with db.transaction(point="orders.keep_in_mind") as session:
            _write(session, line)
    except sa.exc.SQLAlchemyError as error:
        log.warning("report_not_kept", error=repr(error), kind=kind)
    return response


def trim() -> int:
    """Drop lines that are older than 30 days or beyond the newest 1,000 of a shop; return how many. Worker only."""
    with db.transaction(point="orders.trim_reports") as session:
        result: Any = session.execute(_TRIM, {"most": MOST, "since": clock.now() - KEPT})
        return int(result.rowcount)


def _write(session: Session, line: dict[str, Any]) -> None:
    lately = sa.select(sa.literal(1)).where(
        ShopReport.shop_id == line["shop_id"], ShopReport.at > line["at"] - dt.timedelta(hours=1)
    )
    counted = session.scalar(sa.select(sa.func.count()).select_from(lately.limit(MOST_AN_HOUR).subquery()))
    if (counted or 0) < MOST_AN_HOUR:
        session.add(ShopReport(**line))


def _sender() -> Actor:
    """Return who sent this; a body that is too large by what it declares is refused before anybody asks that."""
    if "actor" in flask.g:
        return auth.current_actor()
    rule = policy.rule_of(flask.current_app.view_functions[str(flask.request.endpoint)])
    try:
        return auth.enforce(rule) if rule is not None else ANONYMOUS
    except AppError as error:
        log.info("report_of_a_stranger", error=type(error).__name__)
        return ANONYMOUS


def _shop_of(actor: Actor) -> uuid.UUID | None:
    shops: Sequence[uuid.UUID] = actor.shop_ids
    if actor.key_shop_id is not None:
        return actor.key_shop_id
    return shops[0] if len(shops) == 1 else None


def _reference(status: int) -> str | None:
    """Return the order's number that was sent, None where there is none or the body can't be read as ours are.

    A body that was refused because it is too large or no JSON is not read again.
    """
    given = (flask.request.view_args or {}).get("order_ref")
    if given is None and flask.request.is_json and status not in (400, 413):
        try:
            body = strict_json.load_json(flask.request.get_data())
        except (AppError, HTTPException) as error:
            log.info("report_without_reference", error=type(error).__name__)
            return None
        given = body.get("order_ref") if isinstance(body, dict) else None
    return given if isinstance(given, str) and 0 < len(given) <= 100 and given.isprintable() else None
