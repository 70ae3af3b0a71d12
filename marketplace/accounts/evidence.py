"""Evidence: an adviser states what makes them what they are, somebody else verifies it, and it runs out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import evidence_moves as moves
from marketplace.accounts import evidence_news, influence, public, shops
from marketplace.accounts.models import InfluenceEvidence, InfluenceEvidenceEvent
from marketplace.core import audit, ids, tenancy
from marketplace.core.actor import SYSTEM, Actor
from marketplace.core.errors import Conflict, Forbidden, InvalidInput, NotFound

MOST_OPEN = 50
BATCH = 500


class TooMuchEvidence(Conflict):
    """What is open of one adviser stays readable by people."""

    code = "too_much_evidence"
    title = "You have stated enough"
    detail = "At most {most} pieces of evidence stand or wait at a time."
    next = "Withdraw one with POST /api/v1/evidence/{id}/withdraw."


class AlreadyStated(Conflict):
    """The same stands or waits already."""

    code = "already_stated"
    title = "You have stated this already"
    detail = "The same statement of kind {kind} stands or waits."
    next = "Wait for it, or withdraw it first."


class PurchaseTaken(Conflict):
    """One order makes one person a buyer."""

    code = "purchase_taken"
    title = "Somebody else is the buyer of this order"
    detail = "Order {order_ref} is confirmed for another adviser."
    next = "Deny this one, or deny the other first."


class OwnPurchase(Forbidden):
    """Nobody verifies their own."""

    code = "own_purchase"
    title = "Somebody else must confirm this"
    detail = "You can't confirm a purchase of your own."
    next = "Ask another owner of the shop."


def state(session: Session, actor: Actor, data: Mapping[str, Any], now: dt.datetime) -> InfluenceEvidence:
    """State evidence as the adviser that the actor is.

    data: kind, statement, link; of kind user shop_id and order_ref, which the adviser agrees to be looked up. Raises
    InvalidInput for what that kind doesn't take, NotFound for no such shop, AlreadyStated, TooMuchEvidence.
    """
    adviser_id, kind = actor.adviser(), influence.KINDS[data["kind"]]
    _refuse_misfit(data, kind)
    if data["shop_id"] is not None:
        public.require_shop(session, data["shop_id"])
    session.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"evidence:{adviser_id}"}
    )
    standing = sa.select(InfluenceEvidence.kind, InfluenceEvidence.statement).where(
        InfluenceEvidence.adviser_id == adviser_id, InfluenceEvidence.state.in_(moves.OPEN)
    )
    present = {(row.kind, row.statement) for row in session.execute(standing)}
    if (data["kind"], data["statement"]) in present:
        raise AlreadyStated(kind=data["kind"])
    if len(present) >= MOST_OPEN:
        raise TooMuchEvidence(most=MOST_OPEN)
    made = InfluenceEvidence(
        id=ids.new_id(), adviser_id=adviser_id, state="stated", stated_at=now, **dict(data)
    )
    session.add(made)
    session.flush()
    _note(session, actor, made, "adviser", now)
    return made


def withdraw(session: Session, actor: Actor, evidence_id: UUID, now: dt.datetime) -> InfluenceEvidence:
    """Take one's own evidence back; twice changes nothing. Raises NotFound, IllegalTransition."""
    own = tenancy.adviser(actor, "evidence.withdraw", InfluenceEvidence.adviser_id)
    return _move(session, actor, _locked(session, evidence_id, own), "withdrawn", "adviser", now)


def review(session: Session, actor: Actor, evidence_id: UUID, now: dt.datetime) -> InfluenceEvidence:
    """Take evidence into review, as admin. Raises NotFound, DecidedElsewhere, IllegalTransition."""
    found = _locked(session, evidence_id)
    moves.require_decider(found.kind, "admin")
    return _move(session, actor, found, "in_review", "admin", now)


def verify(
    session: Session, actor: Actor, evidence_id: UUID, valid_until: dt.datetime | None, now: dt.datetime
) -> InfluenceEvidence:
    """Verify evidence in review, as admin; it counts until `valid_until`, or as long as its kind does.

    Raises NotFound, DecidedElsewhere, IllegalTransition, InvalidInput for an end that is past.
    """
    found = _locked(session, evidence_id)
    moves.require_decider(found.kind, "admin")
    if valid_until is not None and valid_until <= now:
        raise InvalidInput({"valid_until": ["Lies in the past."]})
    return _move(session, actor, found, "verified", "admin", now, valid_until=valid_until)


def refuse(
    session: Session, actor: Actor, evidence_id: UUID, reason: str, now: dt.datetime
) -> InfluenceEvidence:
    """Refuse evidence in review, or take back what somebody verified, as admin.

    Raises NotFound, IllegalTransition.
    """
    return _move(session, actor, _locked(session, evidence_id), "refused", "admin", now, reason=reason)


def confirm(session: Session, actor: Actor, evidence_id: UUID, now: dt.datetime) -> InfluenceEvidence:
    """Confirm that an adviser bought what they say, as owner of the shop.

    Raises NotFound, OwnerNeeded, OwnPurchase, PurchaseTaken, IllegalTransition.
    """
    found = _of_shop(session, actor, evidence_id)
    if tenancy.is_adviser(actor, "evidence.own_purchase", found.adviser_id):
        raise OwnPurchase()
    try:
        with session.begin_nested():
            return _move(session, actor, found, "verified", "shop", now)
    except sa.exc.IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", "") != "uq_influence_evidence_order":
            raise
        raise PurchaseTaken(order_ref=found.order_ref) from error


def deny(
    session: Session, actor: Actor, evidence_id: UUID, reason: str, now: dt.datetime
) -> InfluenceEvidence:
    """Say that an adviser did not buy that, as owner of the shop. Raises NotFound, OwnerNeeded, IllegalTransition."""
    found = _of_shop(session, actor, evidence_id)
    return _move(session, actor, found, "refused", "shop", now, reason=reason)


def get(session: Session, actor: Actor, evidence_id: UUID) -> InfluenceEvidence:
    """Return evidence that the actor may see. Raises NotFound."""
    query = sa.select(InfluenceEvidence).where(InfluenceEvidence.id == evidence_id, _visible(actor))
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound("evidence", evidence_id)
    return found


def listed(
    session: Session,
    actor: Actor,
    wanted: Mapping[str, Any],
    after: UUID | None,
    limit: int,
) -> Sequence[InfluenceEvidence]:
    """Return up to limit + 1 pieces of evidence that the actor may see, newest first.

    wanted: state, kind and adviser_id, each None for any.
    """
    query = sa.select(InfluenceEvidence).where(_visible(actor))
    for name in ("state", "kind", "adviser_id"):
        if wanted[name] is not None:
            query = query.where(getattr(InfluenceEvidence, name) == wanted[name])
    if after is not None:
        query = query.where(InfluenceEvidence.id < after)
    return session.scalars(query.order_by(InfluenceEvidence.id.desc()).limit(limit + 1)).all()


def steps_of(session: Session, evidence_id: UUID) -> Sequence[InfluenceEvidenceEvent]:
    """Return every step of a piece of evidence, oldest first."""
    query = sa.select(InfluenceEvidenceEvent).where(InfluenceEvidenceEvent.evidence_id == evidence_id)
    return session.scalars(query.order_by(InfluenceEvidenceEvent.n)).all()


def expired(session: Session, now: dt.datetime, limit: int = BATCH) -> list[UUID]:
    """Return verified evidence whose time is over."""
    query = sa.select(InfluenceEvidence.id).where(
        InfluenceEvidence.state == "verified", InfluenceEvidence.valid_until <= now
    )
    return list(session.scalars(query.order_by(InfluenceEvidence.valid_until).limit(limit)))


def expire(session: Session, evidence_id: UUID, now: dt.datetime) -> int:
    """Let verified evidence run out when its time is over; return 1 when it did."""
    found = _locked(session, evidence_id)
    if found.state != "verified" or found.valid_until is None or found.valid_until > now:
        return 0
    _move(session, SYSTEM, found, "expired", "time", now)
    return 1


def _refuse_misfit(data: Mapping[str, Any], kind: influence.Kind) -> None:
    is_purchase = kind.evidence == "purchase"
    errors: dict[str, list[str]] = {}
    for name in ("shop_id", "order_ref"):
        if is_purchase and data[name] is None:
            errors[name] = ["A purchase names the shop and its order."]
        if not is_purchase and data[name] is not None:
            errors[name] = ["Only a purchase names a shop and an order."]
    if kind.evidence == "public_profile" and data["link"] is None:
        errors["link"] = ["A public profile has an address."]
    if errors:
        raise InvalidInput(errors)


def _visible(actor: Actor) -> sa.ColumnElement[bool]:
    if actor.is_platform:
        return sa.true()
    own = tenancy.adviser(actor, "evidence.own", InfluenceEvidence.adviser_id)
    return sa.or_(own, tenancy.shops(actor, "evidence.shops", InfluenceEvidence.shop_id))


def _locked(session: Session, evidence_id: UUID, *limits: sa.ColumnElement[bool]) -> InfluenceEvidence:
    query = sa.select(InfluenceEvidence).where(InfluenceEvidence.id == evidence_id, *limits)
    found = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFound("evidence", evidence_id)
    return found


def _of_shop(session: Session, actor: Actor, evidence_id: UUID) -> InfluenceEvidence:
    limit = tenancy.shops(actor, "evidence.of_shop", InfluenceEvidence.shop_id)
    found = _locked(session, evidence_id, limit)
    if found.shop_id is None:
        raise NotFound("evidence", evidence_id)
    shops.refuse_staff(actor, found.shop_id)
    return found


def _move(
    session: Session,
    actor: Actor,
    found: InfluenceEvidence,
    wanted: str,
    role: str,
    now: dt.datetime,
    *,
    reason: str | None = None,
    valid_until: dt.datetime | None = None,
) -> InfluenceEvidence:
    """Move evidence under its lock and write the step down; where it stands already nothing changes."""
    if found.state == wanted:
        return found
    moves.require(found.kind, found.state, wanted)
    found.state, found.reason = wanted, reason
    if wanted == "verified":
        days = influence.KINDS[found.kind].valid_days
        longest = now + dt.timedelta(days=days) if days is not None else None
        found.verified_at, found.valid_until = now, valid_until or longest
    session.flush()
    _note(session, actor, found, role, now)
    evidence_news.tell(session, found, now)
    return found


def _note(session: Session, actor: Actor, found: InfluenceEvidence, role: str, now: dt.datetime) -> None:
    number = session.scalar(sa.select(sa.func.count()).where(InfluenceEvidenceEvent.evidence_id == found.id))
    session.add(
        InfluenceEvidenceEvent(
            evidence_id=found.id,
            adviser_id=found.adviser_id,
            shop_id=found.shop_id,
            n=int(number or 0) + 1,
            state=found.state,
            reason=found.reason,
            by_role=role,
            by_user_id=actor.user_id,
            at=now,
        )
    )
    session.flush()
    facts = {"kind": found.kind, "adviser_id": str(found.adviser_id)}
    shop_id = found.shop_id if role == "shop" else None
    audit.record(
        session,
        actor,
        f"evidence.{found.state}",
        "influence_evidence",
        found.id,
        facts,
        now=now,
        shop_id=shop_id,
    )
