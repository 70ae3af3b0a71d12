"""Reviews of products: by anybody, and said openly whether a purchase was found with the shop or not."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from marketplace.catalogue.models import Product
from marketplace.community import asking, texts
from marketplace.community.models import Review, ReviewProof
from marketplace.core import audit, db, hooks, ids, jobs
from marketplace.core.actor import Actor
from marketplace.core.errors import InvalidInput, NotFound

log = structlog.get_logger(__name__)
PROVE = "community.prove"
# How purchases are looked up by the room that has orders: (session, shop_id, sku, order_ref, email_sha256) -> bool.
PURCHASE: Final = ("review", "purchase")
BATCH = 200


def review(
    session: Session, actor: Actor, product_id: UUID, data: Mapping[str, Any], now: dt.datetime
) -> UUID:
    """Keep a review; return its id.

    data: stars, title, body, name, language, and order_ref with email to have the purchase looked up: the address is
    kept as a digest only, for that. Raises NotFound for a product that nobody sells, InvalidInput.
    """
    subject = asking.about_product(session, product_id)
    texts.accept({"title": data["title"], "body": data["body"], "name": data["name"]})
    if bool(data.get("order_ref")) != bool(data.get("email")):
        raise InvalidInput(
            {"email": ["To have a purchase looked up, give both order number and e-mail address."]}
        )
    asked = bool(data.get("order_ref"))
    made = Review(
        id=ids.new_id(), product_id=product_id, shop_id=subject.shop_id, user_id=actor.user_id, stars=data["stars"],
        language=data["language"], title=data["title"], body=data["body"], reviewer_name=data["name"],
        proof="asked" if asked else "none", state="shown", reviewed_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    if asked:
        digest = hashlib.sha256(data["email"].strip().lower().encode()).hexdigest()
        session.add(
            ReviewProof(
                review_id=made.id, shop_id=subject.shop_id, order_ref=data["order_ref"], email_sha256=digest
            )
        )
        session.flush()
        db.after_commit(session, lambda: jobs.enqueue(PROVE))
    return made.id


def listed(
    session: Session, product_id: UUID | None, *, after: UUID | None = None, limit: int = 50
) -> Sequence[Review]:
    """Return up to limit + 1 reviews that readers see, newest first, after the id `after`."""
    query = sa.select(Review).where(Review.state == "shown").order_by(Review.id.desc()).limit(limit + 1)
    if product_id is not None:
        query = query.where(Review.product_id == product_id)
    if after is not None:
        query = query.where(Review.id < after)
    return session.scalars(query).all()


def counts(session: Session, product_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many reviews readers see of each product; products without any are absent."""
    query = sa.select(Review.product_id, sa.func.count()).group_by(Review.product_id)
    seen = query.where(Review.state == "shown", Review.product_id.in_(product_ids))
    return {row[0]: row[1] for row in session.execute(seen)}


def hide(session: Session, actor: Actor, review_id: UUID, reason: str, now: dt.datetime) -> Review:
    """Hide a review from readers, as the platform; twice changes nothing. Raises NotFound."""
    found = session.scalars(sa.select(Review).where(Review.id == review_id).with_for_update()).one_or_none()
    if found is None:
        raise NotFound("review", review_id)
    if found.state != "hidden":
        found.state, found.reason = "hidden", reason
        session.flush()
        audit.record(session, actor, "review.hide", "review", found.id, {}, now=now, shop_id=found.shop_id)
    return found


def prove_due() -> int:
    """Look up the purchases that reviewers name, as the worker; return how many. Safe to run twice."""
    return db.run_in_transaction(_prove, point="community.prove")


def unproved(session: Session, _now: dt.datetime) -> int:
    """Return how many purchases still have to be looked up."""
    return session.execute(
        sa.select(sa.func.count()).select_from(Review).where(Review.proof == "asked")
    ).scalar_one()


def _prove(session: Session) -> int:
    find = hooks.figures.get(PURCHASE)
    query = (
        sa.select(Review, ReviewProof, Product.sku)
        .join(ReviewProof, ReviewProof.review_id == Review.id)
        .join(Product, Product.id == Review.product_id)
        .where(Review.proof == "asked")
        .order_by(Review.id)
        .limit(BATCH)
    )
    rows = session.execute(query.with_for_update(of=Review, skip_locked=True)).all()
    for found, proof, sku in rows:
        is_found = find is not None and find(session, found.shop_id, sku, proof.order_ref, proof.email_sha256)
        found.proof = "found" if is_found else "not_found"
    session.flush()
    return len(rows)
