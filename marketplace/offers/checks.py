"""Promises of offers that can be checked on live data."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from marketplace.core.hooks import Finding
from marketplace.offers import documents
from marketplace.offers.models import CommissionTerms, Partnership, PartnershipEvent


def terms_unchanged(session: Session) -> Finding:
    """Count versions of terms whose document no longer has the hash that was published."""
    rows = session.execute(sa.select(CommissionTerms.document, CommissionTerms.sha256)).all()
    return Finding(sum(documents.fingerprint(row.document) != row.sha256 for row in rows), len(rows))


def terms_numbered(session: Session) -> Finding:
    """Count offers whose versions are not numbered 1, 2, 3 or take effect in another order."""
    order = CommissionTerms.version
    previous = sa.func.lag(CommissionTerms.effective_from).over(
        partition_by=CommissionTerms.offer_id, order_by=order
    )
    number = sa.func.row_number().over(partition_by=CommissionTerms.offer_id, order_by=order)
    each = sa.select(
        CommissionTerms.offer_id,
        sa.or_(order != number, CommissionTerms.effective_from < previous).label("wrong"),
    ).subquery()
    wrong = sa.func.count(sa.distinct(each.c.offer_id)).filter(each.c.wrong)
    figure, seen = session.execute(sa.select(wrong, sa.func.count())).one()
    return Finding(figure, seen)


def partnership_history(session: Session) -> Finding:
    """Count partnerships whose state is not the one that their history ends with."""
    event = PartnershipEvent
    last = (
        sa.select(event.partnership_id, event.state)
        .ext(distinct_on(event.partnership_id))
        .order_by(event.partnership_id, event.from_at.desc(), event.id.desc())
        .subquery()
    )
    query = sa.select(
        sa.func.count().filter(last.c.state.is_distinct_from(Partnership.state)), sa.func.count()
    ).select_from(sa.outerjoin(Partnership, last, last.c.partnership_id == Partnership.id))
    figure, seen = session.execute(query).one()
    return Finding(figure, seen)
