"""Invitations: an owner asks the reader of one mailbox to join; the token works once, for that person only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.accounts import emails, shops, users
from marketplace.accounts.advisers import PlatformPerson
from marketplace.accounts.models import Invitation, Membership, UserAccount
from marketplace.core import audit, config, db, ids, mail, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, Forbidden, Gone, NotFound

VALID_FOR = dt.timedelta(days=7)


class InvitationGone(Gone):
    """The invitation was used, revoked, has expired, never was, or its sender is no owner any more."""

    code = "invitation_gone"
    detail = "This invitation was used, was revoked or has expired."
    next = "Ask an owner of the shop for a new invitation."


class InvitationForOther(Forbidden):
    """The invitation is bound to another mailbox."""

    code = "invitation_for_other"
    title = "This invitation is for another address"
    detail = "This invitation was sent to another e-mail address than the one of your account."
    next = "Sign in with the address that the invitation was sent to."


class AlreadyMember(Conflict):
    """The person works for the shop already."""

    code = "already_member"
    title = "Already a member"
    detail = "This person works for shop {shop_id} already."
    next = "Change the role of the member instead."


def invite(
    session: Session, actor: Actor, shop_id: UUID, email: str, role: str, now: dt.datetime, wall: dt.datetime
) -> Invitation:
    """Mail somebody an invitation to a shop that the actor owns; earlier open ones to that mailbox are revoked.

    Raises NotFound, OwnerNeeded, InvalidInput, AlreadyMember.
    """
    shop = shops.owned_by(session, actor, shop_id)
    address, key = emails.normalise(email), emails.key(email)
    member = session.scalars(
        select(Membership.id)
        .join(UserAccount, UserAccount.id == Membership.user_id)
        .where(Membership.shop_id == shop.id, Membership.removed_at.is_(None), UserAccount.email_key == key)
    ).first()
    if member is not None:
        raise AlreadyMember(shop_id=shop.id)
    session.execute(
        update(Invitation)
        .where(Invitation.shop_id == shop.id, Invitation.email_key == key)
        .where(Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))
        .values(revoked_at=wall)
        .execution_options(synchronize_session=False)
    )
    token = ids.secret_token()
    invitation = Invitation(
        shop_id=shop.id,
        email=address,
        email_key=key,
        role=role,
        token_hash=ids.digest(token),
        invited_by=users.id_of(actor),
        expires_at=wall + VALID_FOR,
    )
    session.add(invitation)
    session.flush()
    # Only so that the mail speaks their language: the person invited is a stranger to the shop still.
    with db.within(session, db.DOOR):
        known = session.scalars(select(UserAccount).where(UserAccount.email_key == key)).one_or_none()
    inviter = users.get(session, users.id_of(actor))
    locale = known.locale if known is not None else inviter.locale
    facts = {
        "shop": shop.name,
        "inviter": inviter.name,
        "role": role,
        "token": token,
        "url": f"{config.current().base_url}/invitations/accept?token={token}",
    }
    mail.queue(session, to=address, template="invitation", locale=locale, facts=facts, now=now)
    audit.record(
        session,
        actor,
        "invitation.send",
        "invitation",
        invitation.id,
        {"role": role},
        now=now,
        shop_id=shop.id,
    )
    return invitation


def accept(session: Session, actor: Actor, token: str, now: dt.datetime, wall: dt.datetime) -> Membership:
    """Join the shop of an invitation; of any number who try at once, one wins.

    Raises InvitationGone (410), InvitationForOther, PlatformPerson, AlreadyMember.
    """
    user = users.locked(session, users.id_of(actor))
    if user.is_staff:
        raise PlatformPerson(user_id=user.id)
    waiting = session.scalars(
        select(Invitation).where(Invitation.token_hash == ids.digest(token))
    ).one_or_none()
    if waiting is None:
        raise InvitationGone(entity="invitation")
    if waiting.email_key != user.email_key:
        raise InvitationForOther()
    spent = session.scalars(
        update(Invitation)
        .where(Invitation.id == waiting.id, Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))
        .where(Invitation.expires_at > wall)
        .values(accepted_at=wall, accepted_by=user.id)
        .returning(Invitation)
    ).one_or_none()
    if spent is None or not _still_owner(session, spent):
        raise InvitationGone(entity="invitation")
    joined = session.scalars(
        insert(Membership)
        .values(id=ids.new_id(), user_id=user.id, user_role="member", shop_id=spent.shop_id, role=spent.role)
        .on_conflict_do_nothing()
        .returning(Membership)
    ).one_or_none()
    if joined is None:
        raise AlreadyMember(shop_id=spent.shop_id)
    audit.record(
        session, actor, "invitation.accept", "invitation", spent.id, {"role": spent.role},
        now=now, shop_id=spent.shop_id,
    )  # fmt: skip
    return joined


def _still_owner(session: Session, invitation: Invitation) -> bool:
    # The row is locked: an inviter who is being removed at this moment is waited for, and then invites nobody.
    found = session.scalars(
        select(Membership.id)
        .join(UserAccount, UserAccount.id == Membership.user_id)
        .where(Membership.user_id == invitation.invited_by, Membership.shop_id == invitation.shop_id)
        .where(
            Membership.role == "owner", Membership.removed_at.is_(None), UserAccount.suspended_at.is_(None)
        )
        .with_for_update(of=Membership, read=True)
    ).one_or_none()
    return found is not None


def revoke(
    session: Session, actor: Actor, invitation_id: UUID, now: dt.datetime, wall: dt.datetime
) -> Invitation:
    """Take an invitation back; twice is the same. Raises NotFound, OwnerNeeded, InvitationGone when accepted."""
    invitation = session.get(Invitation, invitation_id, with_for_update=True, populate_existing=True)
    if invitation is None or not tenancy.works_for(actor, "invitations.revoke", invitation.shop_id):
        raise NotFound("invitation", invitation_id)
    shops.refuse_staff(actor, invitation.shop_id)
    if invitation.accepted_at is not None:
        raise InvitationGone(entity="invitation")
    if invitation.revoked_at is None:
        invitation.revoked_at = wall
        audit.record(
            session, actor, "invitation.revoke", "invitation", invitation.id, {},
            now=now, shop_id=invitation.shop_id,
        )  # fmt: skip
    return invitation


def state_of(invitation: Invitation, wall: dt.datetime) -> str:
    """Return open, accepted, revoked or expired."""
    if invitation.accepted_at is not None:
        return "accepted"
    if invitation.revoked_at is not None:
        return "revoked"
    return "open" if invitation.expires_at > wall else "expired"


def listed(
    session: Session, actor: Actor, shop_id: UUID | None, after: UUID | None, limit: int
) -> Sequence[Invitation]:
    """Return up to `limit` invitations after an id, of shops that the actor works for."""
    statement = select(Invitation).order_by(Invitation.id).limit(limit)
    if shop_id is not None:
        statement = statement.where(Invitation.shop_id == shops.seen_by(session, actor, shop_id).id)
    else:
        statement = statement.where(tenancy.shops(actor, "invitations.listed", Invitation.shop_id))
    if after is not None:
        statement = statement.where(Invitation.id > after)
    return session.scalars(statement).all()
