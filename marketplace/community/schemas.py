"""What questions, votes, follows, reviews and reports look like in the API."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from marketplace.community.models_judging import REPORT_REASONS
from marketplace.core.schemas import Boolean, Email, Instant, Integer, Page, Schema, Text, Uuid

LANGUAGE = validate.OneOf(["nl", "en"])


def _email() -> Email:
    return Email(load_default=None, allow_none=True)


def _consent() -> Boolean:
    return Boolean(load_default=False)


class NewQuestion(Schema):
    """A question; the address is used for one mail, about the answer, and needs consent."""

    body = Text(required=True, minimum=10, maximum=1_000, multiline=True)
    language = Text(load_default="nl", validate=[LANGUAGE])
    name = Text(load_default=None, allow_none=True, maximum=60)
    email = _email()
    consent = _consent()


class NewPageQuestion(NewQuestion):
    """A question on a page; `block` is the id of the product card that it is about."""

    block = Text(load_default=None, allow_none=True, maximum=40)


class Asked(Schema):
    """The question was kept; readers see it once it is answered."""

    id = Uuid(required=True)
    state = Text(required=True)


class QuestionsQuery(Page):
    """Which questions to list."""

    page_id = Uuid(load_default=None, allow_none=True)
    adviser_id = Uuid(load_default=None, allow_none=True)
    product_id = Uuid(load_default=None, allow_none=True)
    shop_id = Uuid(load_default=None, allow_none=True)
    state = Text(
        load_default=None,
        allow_none=True,
        validate=[validate.OneOf(["waiting", "answered", "set_aside", "hidden"])],
    )


class NewAnswer(Schema):
    """An answer, and a product that it suggests."""

    body = Text(required=True, minimum=2, maximum=3_000, multiline=True)
    product_id = Uuid(load_default=None, allow_none=True)


class AnswerView(Schema):
    """An answer; by_role says whether the adviser or the shop gave it."""

    id = Uuid(required=True)
    by_role = Text(required=True)
    name = Text(required=True)
    body = Text(required=True)
    product_id = Uuid(required=True, allow_none=True)
    useful = Integer(required=True)
    answered_at = Instant(required=True)


class QuestionView(Schema):
    """A question with what was answered."""

    id = Uuid(required=True)
    page_id = Uuid(required=True, allow_none=True)
    adviser_id = Uuid(required=True, allow_none=True)
    product_id = Uuid(required=True, allow_none=True)
    shop_id = Uuid(required=True, allow_none=True)
    language = Text(required=True)
    body = Text(required=True)
    asker_name = Text(required=True, allow_none=True)
    state = Text(required=True)
    asked_at = Instant(required=True)
    answered_at = Instant(required=True, allow_none=True)
    answers = fields.List(fields.Nested(AnswerView), required=True)


class Questions(Schema):
    """A page of questions, newest first."""

    items = fields.List(fields.Nested(QuestionView), required=True)
    next_cursor = Text(required=True, allow_none=True)


class Reason(Schema):
    """Why something is not shown."""

    reason = Text(required=True, minimum=3, maximum=1_000, multiline=True)


class Hidden(Schema):
    """What was hidden or set aside."""

    id = Uuid(required=True)
    state = Text(required=True)
    reason = Text(required=True, allow_none=True)


class NewSavedAnswer(Schema):
    """A text to answer with more than once."""

    title = Text(required=True, minimum=2, maximum=80)
    body = Text(required=True, minimum=2, maximum=3_000, multiline=True)


class SavedAnswerView(Schema):
    """A saved text."""

    id = Uuid(required=True)
    title = Text(required=True)
    body = Text(required=True)
    saved_at = Instant(required=True)
    removed_at = Instant(required=True, allow_none=True)


class SavedAnswers(Schema):
    """All saved texts, by title."""

    items = fields.List(fields.Nested(SavedAnswerView), required=True)


class Vote(Schema):
    """That something is useful, or no longer; the reader is known by a random key in a cookie that is set only then."""

    is_taken_back = Boolean(load_default=False)


class Useful(Schema):
    """How many readers find it useful now."""

    useful = Integer(required=True)


class NewFollow(Schema):
    """Who follows: the account that is signed in, or an address, which must be confirmed by mail."""

    email = _email()
    language = Text(load_default="nl", validate=[LANGUAGE])


class LinkToken(Schema):
    """The token of a link in a mail."""

    token = Text(required=True, minimum=20, maximum=200)


class FollowState(Schema):
    """Whether somebody follows: pending until the address is confirmed."""

    adviser_id = Uuid(required=True)
    state = Text(required=True)


class Follows(Schema):
    """Whom one follows."""

    items = fields.List(fields.Nested(FollowState), required=True)


class NewReview(Schema):
    """A review; order number and address together let the purchase be looked up with the shop."""

    stars = Integer(required=True, minimum=1, maximum=5)
    title = Text(required=True, minimum=3, maximum=100)
    body = Text(required=True, minimum=20, maximum=3_000, multiline=True)
    name = Text(required=True, minimum=2, maximum=60)
    language = Text(load_default="nl", validate=[LANGUAGE])
    order_ref = Text(load_default=None, allow_none=True, maximum=200)
    email = _email()


class ReviewView(Schema):
    """A review; is_verified says whether the purchase was found with the shop, `proof` how far that got."""

    id = Uuid(required=True)
    product_id = Uuid(required=True)
    stars = Integer(required=True)
    title = Text(required=True)
    body = Text(required=True)
    reviewer_name = Text(required=True)
    language = Text(required=True)
    proof = Text(required=True)
    is_verified = fields.Function(lambda row: _is_verified(row), required=True)
    useful = Integer(required=True)
    reviewed_at = Instant(required=True)


def _is_verified(row: Any) -> bool:
    return bool((row["proof"] if isinstance(row, dict) else row.proof) == "found")


class ReviewsQuery(Page):
    """Which reviews to list."""

    product_id = Uuid(load_default=None, allow_none=True)


class Reviews(Schema):
    """A page of reviews, newest first."""

    items = fields.List(fields.Nested(ReviewView), required=True)
    next_cursor = Text(required=True, allow_none=True)


class NewReport(Schema):
    """What is wrong with a page, and why."""

    reason = Text(required=True, validate=[validate.OneOf(REPORT_REASONS)])
    statement = Text(required=True, minimum=10, maximum=3_000, multiline=True)
    language = Text(load_default="nl", validate=[LANGUAGE])
    email = _email()
    consent = _consent()


class Receipt(Schema):
    """What the reporter keeps to read the decision."""

    receipt = Text(required=True)


class ReceiptQuery(Schema):
    """The receipt of a report."""

    receipt = Text(required=True, minimum=8, maximum=40)


class ReportState(Schema):
    """How far a report is, for whoever has its receipt."""

    page_id = Uuid(required=True)
    reason = Text(required=True)
    state = Text(required=True)
    decision = Text(required=True, allow_none=True)
    reported_at = Instant(required=True)
    decided_at = Instant(required=True, allow_none=True)


class ReportView(ReportState):
    """A report as the platform reads it."""

    id = Uuid(required=True)
    adviser_id = Uuid(required=True)
    statement = Text(required=True)


class ReportsQuery(Page):
    """Which reports to list."""

    state = Text(
        load_default=None, allow_none=True, validate=[validate.OneOf(["received", "upheld", "rejected"])]
    )


class Reports(Schema):
    """A page of reports, the oldest first."""

    items = fields.List(fields.Nested(ReportView), required=True)
    next_cursor = Text(required=True, allow_none=True)


class Decision(Schema):
    """Uphold takes the page down; the reason goes to the adviser and to the reporter."""

    outcome = Text(required=True, validate=[validate.OneOf(["uphold", "reject"])])
    reason = Text(required=True, minimum=10, maximum=2_000, multiline=True)
