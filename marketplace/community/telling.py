"""News to readers without an account, and to who follows: told by the worker, who alone may read their addresses."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import public
from marketplace.advice.models import AdvicePage
from marketplace.catalogue.models import Product
from marketplace.community import answering
from marketplace.community.models import Answer, Follow, PageReport, Question, QuestionAsker
from marketplace.core import clock, config, db, mail, mail_unsubscribe

BATCH = 200


def tell_due() -> int:
    """Queue mails about answers, decisions and new pages that nobody was told of; return how many. Safe twice."""
    now = clock.now()
    done = db.run_in_transaction(lambda session: answers(session, now), point="community.answers")
    done += db.run_in_transaction(lambda session: decisions(session, now), point="community.decisions")
    return done + db.run_in_transaction(lambda session: new_pages(session, now), point="community.pages")


def untold(session: Session, _now: dt.datetime) -> int:
    """Return how many answers still have to be told to who asked."""
    return session.execute(
        sa.select(sa.func.count()).select_from(Answer).where(Answer.told_at.is_(None))
    ).scalar_one()


def answers(session: Session, now: dt.datetime) -> int:
    """Tell askers of answers, each once; return how many answers were looked at."""
    query = (
        sa.select(Answer, Question, QuestionAsker)
        .join(Question, Question.id == Answer.question_id)
        .outerjoin(QuestionAsker, QuestionAsker.question_id == Question.id)
        .where(Answer.told_at.is_(None))
        .order_by(Answer.id)
        .limit(BATCH)
    )
    rows = session.execute(query.with_for_update(of=Answer, skip_locked=True)).all()
    told = answering.of(session, {question.id for _, question, _ in rows})
    for answer, question, asker in rows:
        answer.told_at = now
        shown = next((one for one in told.get(question.id, ()) if one["id"] == answer.id), None)
        reader: QuestionAsker | None = asker
        if reader is None or shown is None:
            continue
        title, url = _place(session, question)
        facts = {
            "answerer": shown["name"],
            "page": title,
            "question": question.body,
            "answer": answer.body,
            "at": answer.answered_at.isoformat(),
            "url": url,
        }
        if reader.user_id is not None:
            once = f"answer:{answer.id}"
            mail.tell(session, f"user:{reader.user_id}", "question_answered", facts, once=once, now=now)
        else:
            facts["name"] = question.asker_name or ""
            mail.queue(
                session,
                to=str(reader.email),
                template="answer_to_reader",
                locale=question.language,
                facts=facts,
                now=now,
            )
    session.flush()
    return len(rows)


def _place(session: Session, question: Question) -> tuple[str, str]:
    base = config.current().base_url
    page = session.get(AdvicePage, question.page_id) if question.page_id is not None else None
    if page is not None and page.slug is not None:
        return page.title, f"{base}/a/{page.slug}#q-{question.id}"
    if question.adviser_id is not None:
        who = public.adviser(session, question.adviser_id)
        return who.display_name, f"{base}/@{who.code}#q-{question.id}"
    product = session.get(Product, question.product_id) if question.product_id is not None else None
    if product is not None:
        return product.title, f"{base}/products/{product.id}/reviews"
    return "", f"{base}/search"


def decisions(session: Session, now: dt.datetime) -> int:
    """Tell reporters what was decided; return how many."""
    query = sa.select(PageReport).where(
        PageReport.told_state != PageReport.state, PageReport.email.is_not(None)
    )
    rows = session.scalars(query.order_by(PageReport.id).limit(BATCH).with_for_update(skip_locked=True)).all()
    for row in rows:
        page = session.get_one(AdvicePage, row.page_id)
        facts = {"page": page.title, "outcome": row.state, "reason": row.decision}
        mail.queue(
            session, to=str(row.email), template="report_decided", locale=row.language, facts=facts, now=now
        )
        row.told_state = row.state
    session.flush()
    return len(rows)


def new_pages(session: Session, now: dt.datetime) -> int:
    """Tell who follows of pages that were published for the first time since they were last told; return how many."""
    newer = sa.select(AdvicePage.id).where(
        AdvicePage.adviser_id == Follow.adviser_id,
        AdvicePage.state == "published",
        AdvicePage.published_at > Follow.told_until,
    )
    query = sa.select(Follow).where(Follow.state == "confirmed", newer.exists())
    rows = session.scalars(query.order_by(Follow.id).limit(BATCH).with_for_update(skip_locked=True)).all()
    for row in rows:
        _tell_follower(session, row, now)
    session.flush()
    return len(rows)


def _tell_follower(session: Session, row: Follow, now: dt.datetime) -> None:
    query = sa.select(AdvicePage).where(
        AdvicePage.adviser_id == row.adviser_id,
        AdvicePage.state == "published",
        AdvicePage.published_at > row.told_until,
    )
    pages = session.scalars(query.order_by(AdvicePage.published_at).limit(10)).all()
    row.told_until = now
    base, name = config.current().base_url, _name(session, row.adviser_id)
    facts = {
        "adviser": name,
        "pages": [{"title": page.title, "url": f"{base}/a/{page.slug}"} for page in pages],
    }
    if row.user_id is not None:
        once = f"new_advice:{row.id}:{pages[-1].id}"
        mail.tell(session, f"user:{row.user_id}", "new_advice", facts, once=once, now=now)
        return
    facts["end"] = f"{base}/follow?token={mail_unsubscribe.end_of(row.id)}&end=1"
    mail.queue(
        session, to=str(row.email), template="new_advice_to_reader", locale=row.language, facts=facts, now=now
    )


def _name(session: Session, adviser_id: UUID) -> str:
    return str(public.adviser(session, adviser_id).display_name)
