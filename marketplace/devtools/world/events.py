"""What can happen in the demo world, as data: who does what on which day. Nothing here does anything.

Days count from 0, when the world opens, to 90, which is now. Within a day things happen in the order of their slots.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

# The order of a day: what people decide, what came back, what is looked at, what is sold, what is paid.
DESK, BACK, LOOK, SELL, MONEY = range(5)


@dataclass(frozen=True, slots=True)
class Event:
    """Something on a day; `slot` is its part of the day."""

    day: int
    slot: int = field(kw_only=True, default=DESK)


@dataclass(frozen=True, slots=True)
class Link:
    """A tracked link: an adviser's for a whole offer, or with `sku` for one product, on one of their places."""

    adviser: str
    offer: str
    sku: str | None = None
    placement: str | None = None


@dataclass(frozen=True, slots=True)
class Click(Event):
    """A shopper follows a link; `mark` names the click. Under a minute before an order when `is_late`."""

    mark: int
    shopper: str
    link: Link
    is_late: bool = False
    slot: int = field(kw_only=True, default=LOOK)


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line of an order: pieces of a product, and what they cost together without and with tax."""

    ref: str
    sku: str
    title: str
    category: str
    quantity: int
    net: Decimal
    tax: Decimal

    @property
    def unit_net(self) -> Decimal:
        """Return what one piece cost without tax; lines are made so that this is exact."""
        return self.net / self.quantity


@dataclass(frozen=True, slots=True)
class Order(Event):
    """A shop reports a sale. `clicks` are the marks that its cart collected; no shopper means a stranger in a store."""

    ref: str
    shop: str
    shopper: str | None
    lines: tuple[SoldLine, ...]
    clicks: tuple[int, ...] = ()
    code: str | None = None
    channel: str = "web"
    store: str | None = None
    is_test: bool = False
    story: str | None = None
    slot: int = field(kw_only=True, default=SELL)


@dataclass(frozen=True, slots=True)
class AddLines(Event):
    """A shop reports lines that came later to an order."""

    ref: str
    shop: str
    lines: tuple[SoldLine, ...]
    slot: int = field(kw_only=True, default=BACK)


@dataclass(frozen=True, slots=True)
class Refund(Event):
    """Pieces of one line come back: `quantity` of them."""

    ref: str
    shop: str
    refund_ref: str
    line: SoldLine
    quantity: int
    slot: int = field(kw_only=True, default=BACK)

    @property
    def net(self) -> Decimal:
        """Return what is given back without tax."""
        return self.line.unit_net * self.quantity


@dataclass(frozen=True, slots=True)
class Cancel(Event):
    """A shop cancels what is left of an order."""

    ref: str
    shop: str
    reason: str
    slot: int = field(kw_only=True, default=BACK)


@dataclass(frozen=True, slots=True)
class Judge(Event):
    """A shop approves the commission of an order early, or declines it with a reason."""

    ref: str
    shop: str
    verb: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Dispute(Event):
    """A step in the dispute about an order's declined commission, and what is said with it.

    verb: open or escalate (the adviser), accept or reject (the shop), or decide (the platform, for `outcome`).
    """

    ref: str
    shop: str
    adviser: str
    verb: str
    words: str = ""
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Claim(Event):
    """An adviser claims a purchase that the shop did not report, some days after it.

    number: of the order, where the adviser knows it; amount: about how much it was.
    """

    shop: str
    adviser: str
    days_ago: int
    words: str
    number: str | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RefuseClaim(Event):
    """A shop finds no sale for what an adviser claimed under a number, and says why."""

    shop: str
    number: str
    reason: str
    words: str


@dataclass(frozen=True, slots=True)
class Join(Event):
    """An adviser applies to an offer, the shop approves, the adviser accepts."""

    adviser: str
    offer: str


@dataclass(frozen=True, slots=True)
class State(Event):
    """An adviser states evidence; a purchase names the shop and the order that is to confirm it."""

    adviser: str
    kind: str
    statement: str
    link: str | None = None
    shop: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Weigh(Event):
    """The platform or a shop decides about an adviser's evidence: verify, refuse, confirm or deny."""

    adviser: str
    verb: str
    shop: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Leave(Event):
    """An adviser leaves an offer: links and codes earn nothing from now on."""

    adviser: str
    offer: str


@dataclass(frozen=True, slots=True)
class GiveCode(Event):
    """A shop gives an adviser a discount code."""

    code: str
    adviser: str
    offer: str


@dataclass(frozen=True, slots=True)
class EndCode(Event):
    """A shop ends a code."""

    code: str
    shop: str


@dataclass(frozen=True, slots=True)
class NewTerms(Event):
    """A shop publishes the next terms of an offer; they take effect after the offer's notice."""

    offer: str


@dataclass(frozen=True, slots=True)
class MoveOffer(Event):
    """A shop pauses an offer or opens it again."""

    offer: str
    verb: str


@dataclass(frozen=True, slots=True)
class Fund(Event):
    """A shop pays into its media budget."""

    shop: str
    amount: Decimal
    slot: int = field(kw_only=True, default=MONEY)


@dataclass(frozen=True, slots=True)
class RefreshFeed(Event):
    """A shop's feed is read again as it stands on this day."""

    shop: str


@dataclass(frozen=True, slots=True)
class Bank(Event):
    """Something happens at the payment provider: the bank will refuse (`refuse`), or the adviser mends it (`mend`)."""

    adviser: str
    what: str


@dataclass(frozen=True, slots=True)
class Connect(Event):
    """Advisers say, on the payment provider's own page, where they want to be paid."""

    advisers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PayOut(Event):
    """Finance pays out: one person drafts and previews, another approves, the first executes."""

    number: int
    slot: int = field(kw_only=True, default=MONEY)
