"""What kinds of influence, evidence and profiles look like in the API."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.accounts import advisers, evidence_moves, influence
from marketplace.core.schemas import Instant, Integer, Page, Schema, Text, Url, Uuid

MOST_TOPICS = 8
MOST_LANGUAGES = 10


class NewEvidence(Schema):
    """What makes you what you say you are; a purchase names its shop and order, and the shop is asked."""

    kind = Text(required=True, validate=[validate.OneOf(advisers.KINDS)])
    statement = Text(required=True, minimum=3, maximum=300)
    link = Url(load_default=None, allow_none=True)
    shop_id = Uuid(load_default=None, allow_none=True)
    order_ref = Text(load_default=None, allow_none=True, minimum=1, maximum=100)


class EvidenceQuery(Page):
    """Which evidence to list."""

    state = Text(load_default=None, allow_none=True, validate=[validate.OneOf(evidence_moves.STATES)])
    kind = Text(load_default=None, allow_none=True, validate=[validate.OneOf(advisers.KINDS)])
    adviser_id = Uuid(load_default=None, allow_none=True)


class Verification(Schema):
    """Until when it counts; left out: as long as its kind does."""

    valid_until = Instant(load_default=None, allow_none=True)


class Refusal(Schema):
    """Why not."""

    reason = Text(required=True, minimum=3, maximum=300)


class Step(Schema):
    """One step of evidence."""

    state = Text(required=True)
    reason = Text(required=True, allow_none=True)
    by_role = Text(required=True)
    at = Instant(required=True)


class Evidence(Schema):
    """Evidence and where it stands."""

    id = Uuid(required=True)
    adviser_id = Uuid(required=True)
    kind = Text(required=True)
    statement = Text(required=True)
    link = Text(required=True, allow_none=True)
    shop_id = Uuid(required=True, allow_none=True)
    order_ref = Text(required=True, allow_none=True)
    state = Text(required=True, metadata={"enum": list(evidence_moves.STATES)})
    reason = Text(required=True, allow_none=True)
    stated_at = Instant(required=True)
    verified_at = Instant(required=True, allow_none=True)
    valid_until = Instant(required=True, allow_none=True)


class EvidenceWithSteps(Evidence):
    """Evidence with every step, oldest first."""

    steps = fields.List(fields.Nested(Step), required=True)


class EvidencePage(Schema):
    """A page of evidence."""

    items = fields.List(fields.Nested(Evidence), required=True)
    next_cursor = Text(required=True, allow_none=True)


class TwoLanguages(Schema):
    """A text in Dutch and in English."""

    nl = Text(required=True)
    en = Text(required=True)


class DisclosureView(Schema):
    """What stands beside advice of one relation: the label first, then the sentence."""

    label = fields.Nested(TwoLanguages, required=True)
    text = fields.Nested(TwoLanguages, required=True)


class KindView(Schema):
    """A kind of influence; weight_bp is its default share, in basis points, where an order is shared among kinds."""

    name = Text(required=True)
    is_person = fields.Boolean(required=True)
    evidence = Text(required=True)
    evidence_wanted = fields.Nested(TwoLanguages, required=True)
    verified_by = Text(required=True, metadata={"enum": ["admin", "shop", "computed"]})
    valid_days = Integer(required=True, allow_none=True)
    at_least = Integer(required=True, allow_none=True)
    badge = fields.Nested(TwoLanguages, required=True)
    disclosures = fields.Dict(
        keys=Text(validate=[validate.OneOf(influence.RELATIONS)]),
        values=fields.Nested(DisclosureView),
        required=True,
    )
    rewards = fields.List(Text(validate=[validate.OneOf(influence.REWARDS)]), required=True)
    weight_bp = Integer(required=True)
    report_line = fields.Nested(TwoLanguages, required=True)


class Kinds(Schema):
    """The five kinds."""

    items = fields.List(fields.Nested(KindView), required=True)


class Biography(Schema):
    """Who somebody is, as plain text in each language; null where there is none."""

    nl = Text(required=True, allow_none=True)
    en = Text(required=True, allow_none=True)


class BiographyChange(Schema):
    """What changes of it; a language that is left out stays."""

    nl = Text(allow_none=True, maximum=2000, multiline=True)
    en = Text(allow_none=True, maximum=2000, multiline=True)


def _different(topics: list[str]) -> None:
    if len({topic.casefold() for topic in topics}) != len(topics):
        raise ma.ValidationError("One is given twice.")


def topics(**kwargs: Any) -> fields.List[Any]:
    """Return the field of what somebody advises on."""
    each = Text(minimum=2, maximum=40)
    return fields.List(each, validate=[validate.Length(max=MOST_TOPICS), _different], **kwargs)


def languages(**kwargs: Any) -> fields.List[Any]:
    """Return the field of languages as ISO 639-1 codes."""
    each = Text(validate=[validate.Regexp(re.compile(r"[a-z]{2}\Z", re.ASCII))])
    return fields.List(each, validate=[validate.Length(max=MOST_LANGUAGES), _different], **kwargs)


class Badge(Schema):
    """What an adviser is, verified: shown only while evidence for that very kind stands."""

    kind = Text(required=True)
    name = fields.Nested(TwoLanguages, required=True)
    since = Instant(required=True)
    valid_until = Instant(required=True, allow_none=True)


class PublicEvidence(Schema):
    """Verified evidence as everybody reads it; never which order somebody bought."""

    kind = Text(required=True)
    statement = Text(required=True)
    link = Text(required=True, allow_none=True)
    verified_at = Instant(required=True)
    valid_until = Instant(required=True, allow_none=True)
