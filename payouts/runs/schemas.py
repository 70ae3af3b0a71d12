"""What the routes of payout runs take and give."""

from __future__ import annotations

import marshmallow as ma

from marketplace.core import schemas


class RunRequest(schemas.Schema):
    """In which currency to pay, and up to which day.

    `cut_off_on` is the last day, in Amsterdam, whose amounts are paid; what became payable later waits for the next
    run. Without it whatever is payable when the run is worked out.
    """

    currency = schemas.Currency(load_default="EUR")
    cut_off_on = ma.fields.Date(load_default=None, allow_none=True)


class Rejection(schemas.Schema):
    """Why a run is rejected; its maker reads it."""

    reason = schemas.Text(required=True, minimum=3, maximum=1000)


class Approval(schemas.Schema):
    """What the approver saw, and a code of the approver's authenticator."""

    content_hash = schemas.Text(required=True, minimum=64, maximum=64)
    total = schemas.MoneyField(required=True, positive=True)
    totp = schemas.Text(required=True, minimum=6, maximum=8)


class RunPreview(schemas.Schema):
    """Who would be paid, who not and why; the hash is what an approver repeats.

    `next` is the cursor with which `GET /api/v1/runs/{id}` shows the advisers that follow, null at the end.
    """

    content_hash = ma.fields.String(required=True)
    total = schemas.MoneyField(required=True)
    included = ma.fields.List(ma.fields.Dict(), required=True)
    excluded = ma.fields.List(ma.fields.Dict(), required=True)
    next = ma.fields.String(required=True, allow_none=True)


class PreviewPage(schemas.Schema):
    """After which adviser a run's preview is shown."""

    cursor = schemas.Text(maximum=400, load_default=None, allow_none=True)


class Run(schemas.Schema):
    """A run, how far it is, and its last preview."""

    id = schemas.Uuid(required=True)
    number = ma.fields.String(required=True)
    currency = ma.fields.String(required=True)
    state = ma.fields.String(required=True)
    content_hash = ma.fields.String(required=True, allow_none=True)
    total = schemas.MoneyField(required=True, allow_none=True)
    created_by = schemas.Uuid(required=True)
    created_at = schemas.Instant(required=True)
    previewed_at = schemas.Instant(required=True, allow_none=True)
    approved_by = schemas.Uuid(required=True, allow_none=True)
    approved_at = schemas.Instant(required=True, allow_none=True)
    executed_at = schemas.Instant(required=True, allow_none=True)
    cut_off_on = ma.fields.Date(required=True, allow_none=True)
    rejected_by = schemas.Uuid(required=True, allow_none=True)
    rejected_at = schemas.Instant(required=True, allow_none=True)
    rejected_reason = ma.fields.String(required=True, allow_none=True)
    finished_at = schemas.Instant(required=True, allow_none=True)
    progress = ma.fields.Dict()
    payouts = ma.fields.List(ma.fields.Dict())
    preview = ma.fields.Dict(allow_none=True)


class RunPage(schemas.Schema):
    """A page of runs, newest first."""

    items = ma.fields.List(ma.fields.Nested(Run), required=True)
    next_cursor = ma.fields.String(required=True, allow_none=True)
