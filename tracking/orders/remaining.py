"""What is left of an order after its refunds: pure, and the one place that says which refund fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from marketplace.core.money import Money, divide_half_up


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands: all amounts of one currency; `quantity` in pieces."""

    line_ref: str
    sku: str
    category: str | None
    quantity: int
    net: Money
    tax: Money
    is_gift_card: bool = False

    @property
    def is_left(self) -> bool:
        """Tell whether anything of the line is left: a line without pieces or without net is gone."""
        return self.quantity > 0 and self.net.minor > 0


@dataclass(frozen=True, slots=True)
class Shipping:
    """What the customer paid for delivery, without tax and its tax."""

    net: Money
    tax: Money

    @classmethod
    def none(cls, currency: str) -> Shipping:
        """Return free delivery."""
        return cls(Money.zero(currency), Money.zero(currency))


@dataclass(frozen=True, slots=True)
class RefundedLine:
    """A part that came back of one line; `tax` None means: in proportion to net."""

    line_ref: str
    quantity: int
    net: Money
    tax: Money | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """A refund or, with `is_cancel`, the cancellation of everything that is left."""

    lines: tuple[RefundedLine, ...] = ()
    shipping_net: Money | None = None
    shipping_tax: Money | None = None
    is_cancel: bool = False


@dataclass(frozen=True, slots=True)
class Remaining:
    """The lines and the shipping that are left, in the order in which they were reported."""

    lines: tuple[Line, ...]
    shipping: Shipping

    @property
    def is_gone(self) -> bool:
        """Tell whether no line is left."""
        return not any(line.is_left for line in self.lines)


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a refund does not fit: a field of it, a reason code and what was left there."""

    field: str
    reason: str
    left: str


def misfit(left: Remaining, refund: Return) -> Misfit | None:
    """Return the first reason why `refund` does not fit in what is left, or None when it does.

    A cancellation always fits.
    """
    by_ref = {line.line_ref: line for line in left.lines}
    for index, part in enumerate(refund.lines):
        line = by_ref.get(part.line_ref)
        if line is None:
            return Misfit(f"lines.{index}.line_ref", "unknown_line", "no such line")
        if part.quantity > line.quantity:
            return Misfit(f"lines.{index}.quantity", "refund_exceeds_order", str(line.quantity))
        if part.net > line.net:
            return Misfit(f"lines.{index}.net", "refund_exceeds_order", str(line.net))
        if part.tax is not None and part.tax > line.tax:
            return Misfit(f"lines.{index}.tax", "refund_exceeds_order", str(line.tax))
    if refund.shipping_net is not None and refund.shipping_net > left.shipping.net:
        return Misfit("shipping.net", "refund_exceeds_order", str(left.shipping.net))
    if refund.shipping_tax is not None and refund.shipping_tax > left.shipping.tax:
        return Misfit("shipping.tax", "refund_exceeds_order", str(left.shipping.tax))
    return None


def after(left: Remaining, refund: Return) -> Remaining:
    """Return what is left after one refund that fits. Raises ValueError when it does not."""
    if refund.is_cancel:
        return Remaining(tuple(_without(line, _all_of(line)) for line in left.lines), _no(left.shipping))
    if found := misfit(left, refund):
        raise ValueError(f"{found.field}: {found.reason}")
    parts: Mapping[str, RefundedLine] = {part.line_ref: part for part in refund.lines}
    lines = tuple(
        _without(line, parts[line.line_ref]) if line.line_ref in parts else line for line in left.lines
    )
    net = refund.shipping_net or Money.zero(left.shipping.net.currency)
    tax = refund.shipping_tax if refund.shipping_tax is not None else _share(left.shipping, net)
    return Remaining(lines, Shipping(left.shipping.net - net, left.shipping.tax - tax))


def remaining(lines: Sequence[Line], shipping: Shipping, refunds: Iterable[Return]) -> Remaining:
    """Return what is left after refunds that were found to fit, applied in the order given."""
    left = Remaining(tuple(lines), shipping)
    for refund in refunds:
        left = after(left, refund)
    return left


def state_of(refunds: Sequence[Return], left: Remaining) -> str:
    """Return the state of an order: received, partly_refunded, refunded or cancelled."""
    if any(refund.is_cancel for refund in refunds):
        return "cancelled"
    if not refunds:
        return "received"
    return "refunded" if left.is_gone else "partly_refunded"


def _all_of(line: Line) -> RefundedLine:
    return RefundedLine(line.line_ref, line.quantity, line.net, line.tax)


def _no(shipping: Shipping) -> Shipping:
    return Shipping.none(shipping.net.currency)


def _without(line: Line, part: RefundedLine) -> Line:
    tax = part.tax if part.tax is not None else _share(line, part.net)
    return replace(line, quantity=line.quantity - part.quantity, net=line.net - part.net, tax=line.tax - tax)


def _share(of: Line | Shipping, net: Money) -> Money:
    """Return the tax that belongs to `net` of what is left; all of it when all net comes back."""
    if of.net.is_zero:
        return Money.zero(net.currency)
    return Money(divide_half_up(of.tax.minor * net.minor, of.net.minor), net.currency)
