"""Stripe counts some currencies in other units than ISO 4217; the gateway is the only caller."""

from __future__ import annotations

from marketplace.core.errors import InvalidInput, InvariantViolation
from marketplace.core.money import Money, exponent

_ZERO_DECIMAL = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE_DECIMAL = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])


class AmountNotPayable(InvalidInput):
    """The amount has a precision that Stripe cannot move in this currency."""

    code = "amount_not_payable"

    def __init__(self, amount: Money) -> None:
        """Name the amount and its currency."""
        super().__init__({"amount": [f"Stripe cannot move {amount} {amount.currency} exactly."]})


def stripe_exponent(currency: str) -> int:
    """Return the number of decimals in Stripe's unit; ISK and UGX have two there, against none in ISO 4217."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def _power(shift: int) -> int:
    return int(10 ** abs(shift))


def to_stripe(amount: Money) -> int:
    """Return Stripe's integer for an amount, exactly.

    Raises AmountNotPayable when Stripe's unit is coarser than the amount, or when a three-decimal currency does not
    end in 0 (Stripe requires it).
    """
    shift = stripe_exponent(amount.currency) - exponent(amount.currency)
    units, rest = (amount.minor * _power(shift), 0) if shift >= 0 else divmod(amount.minor, _power(shift))
    if rest or (amount.currency in _THREE_DECIMAL and units % 10):
        raise AmountNotPayable(amount)
    return units


def from_stripe(units: int, currency: str) -> Money:
    """Return the money that Stripe's integer stands for; InvariantViolation when ISO units cannot hold it."""
    code = currency.upper()
    shift = stripe_exponent(code) - exponent(code)
    minor, rest = divmod(units, _power(shift)) if shift >= 0 else (units * _power(shift), 0)
    if rest:
        raise InvariantViolation(reason="stripe_amount_below_minor_unit", units=units, currency=code)
    return Money(minor, code)
