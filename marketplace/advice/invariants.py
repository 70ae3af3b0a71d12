"""Promises about advice that can be checked on live data at any moment."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.advice.models import AdviceVersion
from marketplace.advice.publishing import canonical
from marketplace.core import hooks
from marketplace.core.hooks import Finding

CHECKED = 5_000
_FOLLOWS = sa.text(
    """
    SELECT count(*) FILTER (WHERE p.version <> v.newest OR p.version <> v.count
             OR (p.state <> 'draft' AND p.state <> e.state)), count(*)
      FROM advice_page p
      CROSS JOIN LATERAL (SELECT coalesce(max(number), 0) AS newest, count(*) AS count
                            FROM advice_version WHERE page_id = p.id) v
      LEFT JOIN LATERAL (SELECT state FROM advice_event WHERE page_id = p.id ORDER BY n DESC LIMIT 1) e ON true
    """
)


def register() -> None:
    """Register the promises. Safe to call twice."""
    hooks.invariant("advice_equals_its_hash", "versions", equals_its_hash)
    hooks.invariant("advice_follows_its_events", "pages", follows_its_events)


def equals_its_hash(session: Session) -> Finding:
    """Count the newest versions whose document is not what their hash was made of."""
    rows = session.execute(
        sa.select(AdviceVersion.document, AdviceVersion.sha256)
        .order_by(AdviceVersion.id.desc())
        .limit(CHECKED)
    ).all()
    broken = sum(hashlib.sha256(canonical(document)).digest() != digest for document, digest in rows)
    return Finding(broken, len(rows))


def follows_its_events(session: Session) -> Finding:
    """Count pages that miss a version of theirs, or stand elsewhere than their last step led."""
    broken, seen = session.execute(_FOLLOWS).one()
    return Finding(int(broken), int(seen))
