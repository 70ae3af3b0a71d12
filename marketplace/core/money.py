"""Money: integer minor units and a currency. Nothing here knows floats, and nothing rounds without saying so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from babel.core import get_global

from marketplace.core.errors import CurrencyMismatch

_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,3})?", re.ASCII)
_BASIS = 10_000


@lru_cache(maxsize=256)
def exponent(currency: str) -> int:
    """Return how many decimals a currency has (ISO 4217, as kept by CLDR): EUR 2, JPY 0, KWD 3."""
    fractions = get_global("currency_fractions")
    return int(fractions.get(currency, fractions["DEFAULT"])[0])


def divide_half_up(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded half away from zero, so that mirror images round alike."""
    if denominator <= 0:
        raise ValueError("the denominator must be positive")
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An exact amount: `minor` units of `currency`. Mixing currencies, or with bare numbers, raises."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"minor units must be an int, not {type(self.minor).__name__}")
        if len(self.currency) != 3 or not self.currency.isascii() or not self.currency.isupper():
            raise ValueError(f"not a currency code: {self.currency!r}")

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Return nothing, of a currency."""
        return cls(0, currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Read a decimal string such as "129.00" that is exact in the currency.

        Raises ValueError for anything else: signs other than a minus, exponents, spaces, digits of other scripts,
        or more decimals than the currency has.
        """
        if type(text) is not str or not _DECIMAL.fullmatch(text):
            raise ValueError("not a decimal amount")
        whole, _, decimals = text.lstrip("-").partition(".")
        places = exponent(currency)
        if len(decimals) > places:
            raise ValueError(f"{currency} has {places} decimals")
        minor = int(whole) * 10**places + int((decimals or "0").ljust(places, "0") if places else 0)
        return cls(-minor if text.startswith("-") else minor, currency)

    def __str__(self) -> str:
        """Return the plain decimal string: "129.00", "-0.05", and "129" for a currency without decimals."""
        places = exponent(self.currency)
        digits = str(abs(self.minor)).rjust(places + 1, "0")
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"

    def _same(self, other: object) -> int:
        if not isinstance(other, Money):
            raise TypeError(f"money can't be combined with {type(other).__name__}")
        if other.currency != self.currency:
            raise CurrencyMismatch(left=self.currency, right=other.currency)
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.minor), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    @property
    def is_zero(self) -> bool:
        """Tell whether this is nothing."""
        return self.minor == 0

    def times(self, count: int) -> Money:
        """Return this amount `count` times, exactly."""
        if type(count) is not int:
            raise TypeError("money is multiplied by whole numbers only")
        return Money(self.minor * count, self.currency)

    def share_bp(self, basis_points: int) -> Money:
        """Return `basis_points` / 10,000 of this amount, rounded half away from zero."""
        if type(basis_points) is not int:
            raise TypeError("a share is given in whole basis points")
        return Money(divide_half_up(self.minor * basis_points, _BASIS), self.currency)


def sum_money(amounts: Iterable[Money], currency: str) -> Money:
    """Return the sum of amounts of one currency; of none, nothing of that currency."""
    total = Money.zero(currency)
    for amount in amounts:
        total = total + amount
    return total


def allocate(total: Money, weights: Sequence[int]) -> list[Money]:
    """Split `total` by whole non-negative weights so that the parts sum to it exactly.

    Largest remainder: each part is within one minor unit of its exact share; of equal remainders the earlier one
    gets the unit; a weight of zero gets nothing; the split of -x is the negated split of x.
    Raises ValueError when there is no weight or one is negative.
    """
    if not weights or any(type(weight) is not int or weight < 0 for weight in weights) or sum(weights) == 0:
        raise ValueError("weights must be whole, not negative, and not all zero")
    sign, amount, weight_sum = (-1 if total.minor < 0 else 1), abs(total.minor), sum(weights)
    shares = [amount * weight // weight_sum for weight in weights]
    remainders = [amount * weight % weight_sum for weight in weights]
    left = amount - sum(shares)
    for index in sorted(range(len(weights)), key=lambda i: (-remainders[i], i))[:left]:
        shares[index] += 1
    return [Money(sign * share, total.currency) for share in shares]
