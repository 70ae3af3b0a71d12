"""A shop's shelf on a day of the 90: prices move, things go on sale, two products vanish and two arrive."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from marketplace.devtools.world.shops import WorldProduct, catalogue

# Two of each shop leave for good on these days, and two come that were not there before.
LEAVES = {
    "BK-033": 25, "BK-045": 58, "KP-031": 25, "KP-061": 58, "UK-033": 25, "UK-119": 58,
}  # fmt: skip
ARRIVES = {
    "BK-029": 20, "BK-095": 47, "KP-055": 20, "KP-120": 47, "UK-047": 20, "UK-100": 47,
}  # fmt: skip
# These keep their price over all days, because terms and tests speak of them.
STEADY = frozenset({f"BK-{number:03d}" for number in range(1, 8)})
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Shelved:
    """A product with its prices of the day."""

    product: WorldProduct
    price: Decimal
    sale_price: Decimal | None

    @property
    def pays(self) -> Decimal:
        """Return what a buyer pays."""
        return self.price if self.sale_price is None else self.sale_price


@lru_cache(maxsize=64)
def shelf(key: str, day: int) -> tuple[Shelved, ...]:
    """Return what the shop sells on day 0 to 90, in the order of its SKUs.

    Raises DevtoolsError when there is no such shop.
    """
    return tuple(
        _of(one, day)
        for one in catalogue(key)
        if ARRIVES.get(one.sku, 0) <= day and not LEAVES.get(one.sku, 1000) <= day
    )


def _of(one: WorldProduct, day: int) -> Shelved:
    if one.sku in STEADY:
        return Shelved(one, one.price, one.sale_price)
    dice = hashlib.sha256(one.sku.encode()).digest()
    price, sale = one.price, one.sale_price
    if dice[0] < 40 and day >= 10 + dice[1] % 70:
        # One in six gets another price once: two to six percent up, or down.
        percent = (100 + dice[2] % 5 + 2) if dice[3] % 3 else (100 - dice[2] % 5 - 2)
        price = _rounded(price * percent / 100)
    begins = dice[5] % 80
    if sale is None and dice[4] < 60 and begins <= day < begins + 12:
        sale = _rounded(price * (100 - 10 - dice[6] % 3 * 5) / 100)
    return Shelved(one, price, sale if sale is not None and sale < price else None)


def _rounded(price: Decimal) -> Decimal:
    """Return a price as shops write it: to five cents, from EUR 100 on to whole euros."""
    step = Decimal(1) if price >= 100 else Decimal("0.05")
    return ((price / step).quantize(Decimal(1)) * step).quantize(_CENT)
