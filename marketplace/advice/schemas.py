"""What advice looks like in the API."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from marketplace.advice.models import KINDS, LANGUAGES, STATES
from marketplace.advice.writing import MOST_TOPICS
from marketplace.core.schemas import Boolean, Instant, Integer, MoneyField, Page, Schema, Text, Uuid


def _topics(**kwargs: Any) -> fields.List[Any]:
    return fields.List(
        Text(minimum=2, maximum=40, validate=[validate.Regexp(r"[a-z0-9]+(-[a-z0-9]+)*\Z")]),
        validate=validate.Length(max=MOST_TOPICS, error=f"At most {MOST_TOPICS} topics."),
        **kwargs,
    )


def _blocks(**kwargs: Any) -> fields.List[Any]:
    told = {"description": "Blocks by `type`: text, product, picture, verdict, method, questions."}
    return fields.List(fields.Dict(), metadata=told, **kwargs)


class NewAdvice(Schema):
    """A page to begin; without blocks it begins with those of its kind."""

    kind = Text(required=True, validate=[validate.OneOf(KINDS)])
    language = Text(required=True, validate=[validate.OneOf(LANGUAGES)])
    title = Text(maximum=140)
    verdict = Text(maximum=600)
    topics = _topics()
    blocks = _blocks()


class DraftChange(Schema):
    """What changed of a draft; `edit` is the number that the writer began from."""

    edit = Integer(required=True, minimum=1)
    kind = Text(validate=[validate.OneOf(KINDS)])
    language = Text(validate=[validate.OneOf(LANGUAGES)])
    title = Text(maximum=140)
    verdict = Text(maximum=600)
    topics = _topics()
    blocks = _blocks()


class Publishing(Schema):
    """The edit that the adviser looked at and wants readers to see."""

    edit = Integer(required=True, minimum=1)


class Tie(Schema):
    """The same advice in the other language; without one it is untied."""

    twin_id = Uuid(load_default=None, allow_none=True)


class Reason(Schema):
    """Why the platform acts; its adviser reads it."""

    reason = Text(required=True, minimum=10, maximum=2_000, multiline=True)


class AdviceQuery(Page):
    """Which pages to list."""

    adviser_id = Uuid(load_default=None, allow_none=True)
    product_id = Uuid(load_default=None, allow_none=True)
    shop_id = Uuid(load_default=None, allow_none=True)
    topic = Text(load_default=None, allow_none=True, maximum=40)
    language = Text(load_default=None, allow_none=True, validate=[validate.OneOf(LANGUAGES)])
    state = Text(load_default=None, allow_none=True, validate=[validate.OneOf(STATES)])


class AdviceView(Schema):
    """A page as its newest version describes it; slug and published_at are null before the first."""

    id = Uuid(required=True)
    adviser_id = Uuid(required=True)
    code = Text(required=True)
    slug = Text(required=True, allow_none=True)
    state = Text(required=True)
    kind = Text(required=True)
    language = Text(required=True)
    title = Text(required=True)
    verdict = Text(required=True)
    topics = fields.List(Text(), required=True)
    product_ids = fields.List(Uuid(), required=True)
    pays = Boolean(required=True)
    twin_id = Uuid(required=True, allow_none=True)
    version = Integer(required=True)
    published_at = Instant(required=True, allow_none=True)
    updated_at = Instant(required=True)


class AdvicePages(Schema):
    """A page of pages."""

    items = fields.List(fields.Nested(AdviceView), required=True)
    next_cursor = Text(required=True, allow_none=True)


class AdviceContent(AdviceView):
    """A page with what readers see of it now: its blocks, its disclosure and a label for each button."""

    document = fields.Dict(required=True, allow_none=True)
    buttons = fields.List(fields.Dict(), required=True)


class DraftView(Schema):
    """What an adviser is writing."""

    page_id = Uuid(required=True)
    edit = Integer(required=True)
    kind = Text(required=True)
    language = Text(required=True)
    title = Text(required=True)
    verdict = Text(required=True)
    topics = fields.List(Text(), required=True)
    blocks = fields.List(fields.Dict(), required=True)
    saved_at = Instant(required=True)


class FindingView(Schema):
    """Something that was found; `block` is the id of the block that it is about."""

    code = Text(required=True)
    is_blocking = Boolean(required=True)
    block = Text(required=True, allow_none=True)
    sentence = Text(required=True)


class CardView(Schema):
    """A product card as readers would see it now."""

    id = Text(required=True)
    name = Text(required=True)
    shop = Text(required=True)
    pays = Boolean(required=True)
    price = MoneyField(required=True, allow_none=True)
    seen_at = Instant(required=True, allow_none=True)
    availability = Text(required=True, allow_none=True)


class CheckView(Schema):
    """What is found before publishing, and the disclosure that readers would see."""

    edit = Integer(required=True)
    can_publish = Boolean(required=True)
    findings = fields.List(fields.Nested(FindingView), required=True)
    cards = fields.List(fields.Nested(CardView), required=True)
    disclosure = fields.Dict(required=True)


class VersionView(Schema):
    """What readers saw from an instant on; `sha256` is of the document's canonical JSON, in hexadecimal."""

    number = Integer(required=True)
    document = fields.Dict(required=True)
    sha256 = fields.Function(lambda row: row.sha256.hex(), required=True)
    published_at = Instant(required=True)


class Versions(Schema):
    """A page of versions, newest first."""

    items = fields.List(fields.Nested(VersionView), required=True)
    next_cursor = Text(required=True, allow_none=True)


class EventView(Schema):
    """A step of a page."""

    state = Text(required=True)
    version = Integer(required=True)
    by_role = Text(required=True)
    reason = Text(required=True, allow_none=True)
    at = Instant(required=True)


class Events(Schema):
    """The steps of a page, newest first."""

    items = fields.List(fields.Nested(EventView), required=True)
