"""What the routes of accrual take and give."""

from __future__ import annotations

from marshmallow import fields

from marketplace.core.schemas import Currency, Instant, MoneyField, Page, Schema, Text, Uuid


class EarningsQuery(Schema):
    """Whose earnings; finance and admin must name the adviser."""

    adviser_id = Uuid(load_default=None)


class SumView(Schema):
    """An amount, the instant that goes with it, and what the two mean."""

    amount = MoneyField(required=True)
    at = Instant(required=True, allow_none=True)
    note = Text(required=True)


class EarningsView(Schema):
    """Where the money of one currency is."""

    currency = Currency(required=True)
    on_hold = fields.Nested(SumView, required=True)
    awaiting_shop = fields.Nested(SumView, required=True)
    payable = fields.Nested(SumView, required=True)
    in_payout = fields.Nested(SumView, required=True)
    paid = fields.Nested(SumView, required=True)
    in_bank = fields.Nested(SumView, required=True)
    recovering = fields.Nested(SumView, required=True)


class EarningsPage(Schema):
    """An adviser's earnings, one item a currency."""

    adviser_id = Uuid(required=True)
    items = fields.List(fields.Nested(EarningsView), required=True)
    next_cursor = Text(required=True, allow_none=True)


class FundingQuery(Schema):
    """Which shop; needed only by whoever sees several."""

    shop_id = Uuid(load_default=None)


class BudgetView(Schema):
    """Up to where a shop is funded."""

    currency = Currency(required=True)
    funded_to = MoneyField(required=True)
    owed = MoneyField(required=True)
    as_of = Instant(required=True)


class WaitingView(Schema):
    """A commission that waits for the shop's budget."""

    commission_id = Uuid(required=True)
    order_ref = Text(required=True)
    adviser_id = Uuid(required=True)
    commission = MoneyField(required=True)
    fee = MoneyField(required=True)
    approved = fields.Boolean(required=True)
    since = Instant(required=True)


class PaymentView(Schema):
    """A payment into the budget."""

    id = Uuid(required=True)
    state = Text(required=True)
    amount = MoneyField(required=True)
    planned_at = Instant(required=True)
    paid_at = Instant(required=True, allow_none=True)
    url = Text(required=True, allow_none=True)


class FundingView(Schema):
    """A shop's budget, what waits for it, and the latest payments into it."""

    shop_id = Uuid(required=True)
    balances = fields.List(fields.Nested(BudgetView), required=True)
    awaiting = fields.List(fields.Nested(WaitingView), required=True)
    payments = fields.List(fields.Nested(PaymentView), required=True)


class AccountsQuery(Page):
    """Which accounts of the ledger."""

    kind = Text(load_default=None, maximum=40)
    owner = Uuid(load_default=None)
    currency = Currency(load_default=None)


class AccountView(Schema):
    """An account of the ledger; the balance is positive on its normal side."""

    id = fields.Integer(required=True)
    code = Text(required=True)
    kind = Text(required=True)
    owner = Uuid(required=True, allow_none=True)
    normal = Text(required=True)
    meaning = Text(required=True)
    balance = MoneyField(required=True)
    postings = fields.Integer(required=True)


class AccountPage(Schema):
    """A page of accounts."""

    items = fields.List(fields.Nested(AccountView), required=True)
    next_cursor = Text(required=True, allow_none=True)


class EntriesQuery(Page):
    """Which entries of the ledger; `since` counts, `until` doesn't."""

    account = Text(load_default=None, maximum=120)
    kind = Text(load_default=None, maximum=40)
    source_type = Text(load_default=None, maximum=40)
    source_id = Text(load_default=None, maximum=120)
    since = Instant(load_default=None)
    until = Instant(load_default=None)


class LineView(Schema):
    """A line of an entry: debit or credit, never both."""

    account = Text(required=True)
    debit = MoneyField()
    credit = MoneyField()
    shop_id = Uuid(required=True, allow_none=True)


class EntryView(Schema):
    """One event in the books."""

    id = fields.Integer(required=True)
    kind = Text(required=True)
    effective_at = Instant(required=True)
    posted_at = Instant(required=True)
    reverses = fields.Integer(required=True, allow_none=True)
    actor = Text(required=True)
    source_type = Text(required=True)
    source_id = Text(required=True)
    lines = fields.List(fields.Nested(LineView), required=True)


class EntryPage(Schema):
    """A page of entries, newest first."""

    items = fields.List(fields.Nested(EntryView), required=True)
    next_cursor = Text(required=True, allow_none=True)


class SetAsideView(Schema):
    """A move that could not be posted; `code` names what went wrong, without values."""

    move_id = Uuid(required=True)
    commission_id = Uuid(required=True)
    code = Text(required=True)
    tries = fields.Integer(required=True)
    first_at = Instant(required=True)
    last_at = Instant(required=True)
    retry_at = Instant(required=True)


class SetAsidePage(Schema):
    """What is set aside, oldest first."""

    items = fields.List(fields.Nested(SetAsideView), required=True)
    next_cursor = Text(required=True, allow_none=True)
