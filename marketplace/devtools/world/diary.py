"""The diary in which a world is planned: clicks and sales are written down day by day, and numbered at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from marketplace.devtools.world import events
from marketplace.devtools.world.events import Click, Event, Link, Order, SoldLine
from marketplace.devtools.world.shelf import shelf
from marketplace.devtools.world.shops import WorldProduct, product

# The order numbers of each shop begin here.
PREFIXES = {"coffee": "BK", "hiking": "KP", "books": "UK"}
FIRST_NUMBER = 2001
CENT = Decimal("0.01")
LAST_DAY = 90
# Their rows in the feeds have no price that anybody could read.
UNREADABLE = frozenset(("BK-007", "BK-071", "KP-004", "KP-030", "UK-146"))
# What people eat and read is taxed less than what they wear and use, in per cent.
LOW_TAX, HIGH_TAX = 9, 21
Basket = Sequence[tuple[str, int]]


@dataclass(slots=True, eq=False)
class Sale:
    """A sale that has no number yet; what comes later of it names the sale itself."""

    day: int
    shop: str
    shopper: str | None
    lines: tuple[SoldLine, ...]
    clicks: tuple[int, ...]
    more: dict[str, object] = field(default_factory=dict)
    ref: str = ""


def sold(ref: str, sku: str, quantity: int, day: int) -> SoldLine:
    """Return a line of so many pieces at what the shop asks on a day, its tax taken out."""
    found = product(sku)
    price = None if found is None else _asked(found.shop, day).get(sku)
    if found is None or price is None:
        raise LookupError(f"no shop sells {sku} on day {day}")
    unit = (price * 100 / (100 + tax_percent(found))).quantize(CENT, ROUND_HALF_UP)
    net = unit * quantity
    return SoldLine(ref, sku, found.title, found.category_path, quantity, net, price * quantity - net)


@lru_cache(maxsize=300)
def _asked(shop: str, day: int) -> dict[str, Decimal]:
    return {one.product.sku: one.pays for one in shelf(shop, day)}


@lru_cache(maxsize=8)
def sellable(shop: str) -> tuple[str, ...]:
    """Return what is in stock all the time, in the order of the SKUs, of what a reader of the feed can take."""
    last = _asked(shop, LAST_DAY)
    return tuple(
        one.product.sku
        for one in shelf(shop, 0)
        if one.product.sku in last
        and one.product.sku not in UNREADABLE
        and one.product.availability == "in_stock"
    )


def tax_percent(found: WorldProduct) -> int:
    """Return the rate of tax that the shop adds to a product."""
    return LOW_TAX if found.category_path.startswith(("Food", "Media > Books")) else HIGH_TAX


class Diary:
    """Collects what happens; `close` numbers the sales by day and returns all events in the order of their day."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._sales: list[Sale] = []
        self._later: list[Callable[[], Event]] = []
        self._marks = 0

    def note(self, *found: Event) -> None:
        """Write down events that belong to no sale."""
        self._events += found

    def click(self, day: int, shopper: str, link: Link, *, is_late: bool = False) -> int:
        """Let a shopper follow a link and return the click's mark."""
        self._marks += 1
        # A late click comes seconds before its order, so it takes its place among the sales.
        slot = events.SELL if is_late else events.LOOK
        self._events.append(Click(day, self._marks, shopper, link, is_late, slot=slot))
        return self._marks

    def sell(
        self,
        day: int,
        shop: str,
        shopper: str | None,
        basket: Basket,
        clicks: Sequence[int] = (),
        **more: object,
    ) -> Sale:
        """Let a shopper buy a basket of (SKU, pieces) and return the sale. more: as in events.Order."""
        lines = tuple(sold(str(number), sku, pieces, day) for number, (sku, pieces) in enumerate(basket, 1))
        sale = Sale(day, shop, shopper, lines, tuple(clicks), dict(more))
        self._sales.append(sale)
        return sale

    def give_back(self, day: int, sale: Sale, line: int = 0, pieces: int | None = None) -> None:
        """Let pieces of a line come back, all of them unless a number is given."""
        given = sale.lines[line]
        quantity = given.quantity if pieces is None else pieces
        number = len(self._later) + 1
        self._later.append(
            lambda: events.Refund(day, sale.ref, sale.shop, f"RF-{number:04d}", given, quantity)
        )

    def give_all_back(self, day: int, sale: Sale) -> None:
        """Let every line of a sale come back."""
        for number in range(len(sale.lines)):
            self.give_back(day, sale, number)

    def add_lines(self, day: int, sale: Sale, basket: Basket) -> None:
        """Let lines come later to a sale."""
        first = len(sale.lines) + 1
        lines = tuple(
            sold(str(number), sku, pieces, day) for number, (sku, pieces) in enumerate(basket, first)
        )
        self._later.append(lambda: events.AddLines(day, sale.ref, sale.shop, lines))

    def cancel(self, day: int, sale: Sale, reason: str = "order_cancelled") -> None:
        """Let the shop cancel a sale."""
        self._later.append(lambda: events.Cancel(day, sale.ref, sale.shop, reason))

    def later(self, make: Callable[[], Event]) -> None:
        """Write down an event that names a sale's number, made once there is one."""
        self._later.append(make)

    def close(self) -> tuple[Event, ...]:
        """Number the sales in the order of their days and return everything that happens, in order."""
        numbers = dict.fromkeys(PREFIXES, FIRST_NUMBER)
        tests = 0
        for sale in sorted(self._sales, key=lambda one: one.day):
            if sale.more.get("is_test"):
                tests += 1
                sale.ref = f"{PREFIXES[sale.shop]}-TEST-{tests}"
            else:
                sale.ref = f"{PREFIXES[sale.shop]}-{numbers[sale.shop]}"
                numbers[sale.shop] += 1
        found = (
            list(self._events)
            + [self._order(sale) for sale in self._sales]
            + [make() for make in self._later]
        )
        return tuple(sorted(_with_late_clicks(found), key=lambda one: (one.day, one.slot)))

    @staticmethod
    def _order(sale: Sale) -> Order:
        order = Order(sale.day, sale.ref, sale.shop, sale.shopper, sale.lines, sale.clicks)
        return replace(order, **sale.more)  # type: ignore[arg-type]


def _with_late_clicks(found: list[Event]) -> list[Event]:
    """Return the events with each late click just before the order that it belongs to."""
    late = {one.mark: one for one in found if isinstance(one, Click) and one.is_late}
    result: list[Event] = []
    for one in found:
        if isinstance(one, Click) and one.is_late:
            continue
        if isinstance(one, Order):
            result += [late[mark] for mark in one.clicks if mark in late]
        result.append(one)
    return result
