"""What everybody reads of an adviser: who they say they are, and what of it was verified."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.accounts import influence, public

HIDDEN_BADGE = ("banned", "closed")


def shown(session: Session, adviser_id: UUID, now: dt.datetime) -> dict[str, Any]:
    """Return the public profile of an adviser with the evidence that is verified and in time. Raises NotFound."""
    row, known = public.proven_profile(session, adviser_id)
    evidence = [one for one in known if one["valid_until"] is None or one["valid_until"] > now]
    return {
        **row,
        "biography": {"nl": row["biography_nl"], "en": row["biography_en"]},
        "evidence": evidence,
        "badge": _badge(row, evidence),
    }


def _badge(row: dict[str, Any], evidence: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the badge of an adviser's present kind, when evidence for that very kind stands."""
    found = [one for one in evidence if one["kind"] == row["kind"]]
    if not found or row["state"] in HIDDEN_BADGE:
        return None
    ends = [one["valid_until"] for one in found]
    return {
        "kind": row["kind"],
        "name": dict(influence.KINDS[row["kind"]].badge),
        "since": min(one["verified_at"] for one in found),
        "valid_until": None if None in ends else max(ends),
    }
