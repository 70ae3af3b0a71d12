"""Routes of what readers say: usefulness, follows, reviews and reports of pages."""

from __future__ import annotations

import uuid
from typing import Any

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import public
from marketplace.advice import reading
from marketplace.community import answers, asking, following, readers, reporting, reviewing, schemas, voting
from marketplace.community.models import Follow, PageReport, Review
from marketplace.core import db
from marketplace.core.auth import current_actor
from marketplace.core.errors import InvalidInput
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now

votes = ApiBlueprint("votes", __name__, url_prefix="/api/v1/votes", description="What readers find useful.")
follows = ApiBlueprint(
    "follows", __name__, url_prefix="/api/v1/follows", description="Who wants to know of new pages."
)
reviews = ApiBlueprint("reviews", __name__, url_prefix="/api/v1/reviews", description="Reviews of products.")
reports = ApiBlueprint(
    "page-reports",
    __name__,
    url_prefix="/api/v1/page-reports",
    description="Reports of pages, with a receipt.",
)


def _vote(what: str, subject_id: uuid.UUID, data: dict[str, Any]) -> Response:
    actor = current_actor()
    key = readers.key(actor)
    with db.transaction(point="votes.cast") as session:
        voting.require_shown(session, what, subject_id)
        readers.spend("vote")
        reader = voting.reader_of(actor, key)
        useful = voting.vote(
            session, what, subject_id, reader, request_now(), taken_back=data["is_taken_back"]
        )
    return readers.keep(flask.jsonify({"useful": useful}), actor, key)


@votes.post("/page/<uuid:page_id>")
@policy("votes", "cast")
@votes.arguments(schemas.Vote)
@votes.response(200, schemas.Useful)
def vote_page(data: dict[str, Any], page_id: uuid.UUID) -> Response:
    """Say that a page is useful, or take that back."""
    return _vote("page", page_id, data)


@votes.post("/answer/<uuid:answer_id>")
@policy("votes", "cast")
@votes.arguments(schemas.Vote)
@votes.response(200, schemas.Useful)
def vote_answer(data: dict[str, Any], answer_id: uuid.UUID) -> Response:
    """Say that an answer is useful, or take that back."""
    return _vote("answer", answer_id, data)


@votes.post("/review/<uuid:review_id>")
@policy("votes", "cast")
@votes.arguments(schemas.Vote)
@votes.response(200, schemas.Useful)
def vote_review(data: dict[str, Any], review_id: uuid.UUID) -> Response:
    """Say that a review is useful, or take that back."""
    return _vote("review", review_id, data)


@follows.get("")
@policy("follows", "own")
@follows.response(200, schemas.Follows)
def follow_index() -> dict[str, Any]:
    """List whom you follow."""
    return {"items": following.of(db.session(), current_actor())}


@follows.post("/<uuid:adviser_id>")
@policy("follows", "begin")
@follows.arguments(schemas.NewFollow)
@follows.response(202, schemas.FollowState)
def follow(data: dict[str, Any], adviser_id: uuid.UUID) -> dict[str, Any]:
    """Follow an adviser: at once when signed in, else by a link that is mailed to the address."""
    actor = current_actor()
    if actor.user_id is None and data["email"] is None:
        raise InvalidInput({"email": ["Give an address, or sign in."]})
    with db.transaction(point="follows.begin") as session:
        public.adviser(session, adviser_id)
        readers.spend("follow")
        if actor.user_id is not None:
            following.follow(session, actor, adviser_id, data["language"], request_now())
        else:
            following.ask(session, adviser_id, data["email"], data["language"], request_now())
    return {"adviser_id": adviser_id, "state": "pending" if actor.user_id is None else "confirmed"}


@follows.post("/<uuid:adviser_id>/end")
@policy("follows", "own")
@follows.response(200, schemas.FollowState)
def unfollow(adviser_id: uuid.UUID) -> dict[str, Any]:
    """Follow an adviser no more."""
    with db.transaction(point="follows.end") as session:
        following.end(session, current_actor(), adviser_id, request_now())
    return {"adviser_id": adviser_id, "state": "ended"}


@follows.post("/confirm")
@policy("follows", "begin")
@follows.arguments(schemas.LinkToken)
@follows.response(200, schemas.FollowState)
def confirm(data: dict[str, Any]) -> Follow:
    """Confirm by the link of a mail that you follow."""
    with db.transaction(point="follows.confirm") as session:
        return following.confirm(session, data["token"], request_now())


@follows.post("/end")
@policy("follows", "begin")
@follows.arguments(schemas.LinkToken)
@follows.response(200, schemas.FollowState)
def end_by_link(data: dict[str, Any]) -> Follow:
    """Follow no more, by the link of a mail."""
    with db.transaction(point="follows.end_by_link") as session:
        return following.end_by_link(session, data["token"], request_now())


@reviews.get("")
@policy("reviews", "read")
@reviews.arguments(schemas.ReviewsQuery, location="query")
@reviews.response(200, schemas.Reviews)
def review_index(query: dict[str, Any]) -> dict[str, Any]:
    """List reviews, newest first; each says whether a purchase was found."""
    session = db.session()
    found = reviewing.listed(
        session, query["product_id"], after=id_after(query["cursor"]), limit=query["limit"]
    )
    made = page(found, query["limit"], lambda row: (row.id,), lambda row: row)
    return made | {"items": answers.reviews(session, made["items"])}


@reviews.post("/<uuid:product_id>")
@policy("reviews", "write")
@reviews.arguments(schemas.NewReview)
@reviews.response(201, schemas.Asked)
def review(data: dict[str, Any], product_id: uuid.UUID) -> dict[str, Any]:
    """Review a product; a purchase is looked up within seconds when you name its order."""
    with db.transaction(point="reviews.write") as session:
        asking.about_product(session, product_id)
        readers.spend("ask")
        made = reviewing.review(session, current_actor(), product_id, data, request_now())
    return {"id": made, "state": "shown"}


@reviews.post("/<uuid:review_id>/hide")
@policy("reviews", "moderate")
@reviews.arguments(schemas.Reason)
@reviews.response(200, schemas.Hidden)
def hide_review(data: dict[str, Any], review_id: uuid.UUID) -> Review:
    """Hide a review from readers."""
    with db.transaction(point="reviews.hide") as session:
        return reviewing.hide(session, current_actor(), review_id, data["reason"], request_now())


@reports.post("/page/<uuid:page_id>")
@policy("page_reports", "write")
@reports.arguments(schemas.NewReport)
@reports.response(201, schemas.Receipt)
def report(data: dict[str, Any], page_id: uuid.UUID) -> dict[str, Any]:
    """Report a page; keep the receipt to read the decision."""
    with db.transaction(point="page_reports.write") as session:
        reading.shown(session, page_id)
        readers.spend("report")
        return {"receipt": reporting.report(session, page_id, data, request_now())}


@reports.get("/receipt")
@policy("page_reports", "follow")
@reports.arguments(schemas.ReceiptQuery, location="query")
@reports.response(200, schemas.ReportState)
def receipt(query: dict[str, Any]) -> PageReport:
    """Show how far your report is, by its receipt."""
    readers.spend("report")
    return reporting.of_receipt(db.session(), query["receipt"])


@reports.get("")
@policy("page_reports", "read")
@reports.arguments(schemas.ReportsQuery, location="query")
@reports.response(200, schemas.Reports)
def report_index(query: dict[str, Any]) -> dict[str, Any]:
    """List reports, the oldest first."""
    found = reporting.listed(
        db.session(), query["state"], after=id_after(query["cursor"]), limit=query["limit"]
    )
    return page(found, query["limit"], lambda row: (row.id,), lambda row: row)


@reports.post("/<uuid:report_id>/decide")
@policy("page_reports", "decide")
@reports.arguments(schemas.Decision)
@reports.response(200, schemas.ReportView)
def decide(data: dict[str, Any], report_id: uuid.UUID) -> PageReport:
    """Decide about a report with a reason: uphold takes the page down."""
    with db.transaction(point="page_reports.decide") as session:
        return reporting.decide(
            session, current_actor(), report_id, data["outcome"], data["reason"], request_now()
        )
