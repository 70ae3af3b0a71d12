"""Promises about dialogue that can be checked on live data at any moment."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import hooks
from marketplace.core.hooks import Finding

_ANSWERED = sa.text(
    """
    SELECT count(*) FILTER (WHERE q.state = 'answered' AND a.id IS NULL
             OR q.state IN ('waiting', 'set_aside') AND a.id IS NOT NULL
             OR a.adviser_id <> q.adviser_id OR a.shop_id <> q.shop_id), count(*)
      FROM question q LEFT JOIN answer a ON a.question_id = q.id
    """
)


def register() -> None:
    """Register the promises. Safe to call twice."""
    hooks.invariant("answered_questions_have_answers", "questions", answered_have_answers)


def answered_have_answers(session: Session) -> Finding:
    """Count questions that are said to be answered and are not, or were answered by whom nobody asked."""
    broken, seen = session.execute(_ANSWERED).one()
    return Finding(int(broken), int(seen))
