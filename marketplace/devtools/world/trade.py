"""Everyday trade: what forty shoppers do in ninety days by habit, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence, Set
from functools import lru_cache

from marketplace.devtools.world.diary import Basket, Diary, Sale, sellable
from marketplace.devtools.world.events import Link
from marketplace.devtools.world.people import Adviser
from marketplace.devtools.world.shoppers import Shopper
from marketplace.devtools.world.shops import product, shop

# Ordinary trade begins once everybody is there, and stops a little before now.
FIRST_DAY, LAST_DAY = 4, 89
# How many products an adviser shares of one offer.
SHARED = 4
_WINDOWS = {"coffee": 30, "hiking": 45, "books": 30}


class Market:
    """Draws who reads whom and buys what; the same seed draws the same."""

    def __init__(
        self,
        seed: int,
        diary: Diary,
        advisers: Sequence[Adviser],
        codes: dict[str, list[str]],
        quiet: Set[str],
    ) -> None:
        """Draw for these advisers. codes: by shop; quiet: advisers who appear in the story only."""
        self.chance = random.Random(seed)  # noqa: S311 - a plan, not a secret.
        self.diary, self.codes = diary, codes
        self.links = {one.key: self._links(one) for one in advisers if one.key not in quiet}

    def _links(self, adviser: Adviser) -> dict[str, list[Link]]:
        found: dict[str, list[Link]] = {}
        for offer in adviser.offers:
            shop_key, _, number = offer.partition(":")
            if number != "0":
                continue
            skus = self.chance.sample(everyday(shop_key), SHARED)
            found[shop_key] = [
                Link(adviser.key, offer, sku, self.chance.choice(adviser.places)) for sku in skus
            ] + [Link(adviser.key, offer)]
        return found

    def visit(self, shopper: Shopper) -> None:
        """Let a shopper live through the ninety days."""
        day = FIRST_DAY + self.chance.randrange(shopper.pace)
        while day <= LAST_DAY:
            shop_key = shopper.likes[0 if self.chance.randrange(3) else 1]
            sale = self._buy(shopper, shop_key, day)
            self._think_again(sale)
            if not self.chance.randrange(3):
                # Read and not bought: somebody looks around without a purchase behind it.
                self._look(shopper, self.chance.choice(shopper.likes), day + 1)
            day += shopper.pace - 3 + self.chance.randrange(7)

    def _buy(self, shopper: Shopper, shop_key: str, day: int) -> Sale:
        habit = shopper.habit
        if habit == "finds":
            return self.diary.sell(day, shop_key, shopper.key, self._basket(shop_key))
        if habit == "codes" and self.codes[shop_key]:
            code = self.chance.choice(self.codes[shop_key])
            return self.diary.sell(day, shop_key, shopper.key, self._basket(shop_key), code=code)
        if habit == "local":
            return self._buy_in_store(shopper, shop_key, day)
        if habit == "forgets":
            early = day - _WINDOWS[shop_key] - 2
            marks = (
                [self.diary.click(early, shopper.key, self._any_link(shop_key))] if early > FIRST_DAY else []
            )
            return self.diary.sell(day, shop_key, shopper.key, self._basket(shop_key), marks)
        touches = 1 if habit == "reads" else 2 + self.chance.randrange(3)
        marks, last = [], None
        for number in range(touches, 0, -1):
            before = number * 2 + self.chance.randrange(2)
            last = self._any_link(shop_key)
            if day - before > FIRST_DAY - 1:
                marks.append(self.diary.click(day - before, shopper.key, last))
        wanted = last.sku if last is not None and self.chance.randrange(4) else None
        return self.diary.sell(day, shop_key, shopper.key, self._basket(shop_key, wanted), marks)

    def _buy_in_store(self, shopper: Shopper, shop_key: str, day: int) -> Sale:
        code = self.chance.choice(self.codes[shop_key]) if self.chance.randrange(3) else None
        store = self.chance.choice(shop(shop_key).stores).code
        basket = self._basket(shop_key)
        return self.diary.sell(day, shop_key, shopper.key, basket, code=code, channel="pos", store=store)

    def _look(self, shopper: Shopper, shop_key: str, day: int) -> None:
        if day <= LAST_DAY and shopper.habit != "finds":
            self.diary.click(day, shopper.key, self._any_link(shop_key))

    def _any_link(self, shop_key: str) -> Link:
        keys = [key for key, links in self.links.items() if shop_key in links]
        return self.chance.choice(self.links[self.chance.choice(keys)][shop_key])

    def _basket(self, shop_key: str, wanted: str | None = None) -> Basket:
        skus = [wanted] if wanted is not None else []
        for sku in self.chance.sample(everyday(shop_key), 1 + self.chance.randrange(3)):
            if sku not in skus:
                skus.append(sku)
        return [(sku, 1 + (not self.chance.randrange(4)) * (1 + self.chance.randrange(2))) for sku in skus]

    def _think_again(self, sale: Sale) -> None:
        """Let one sale in eight come back, in part or as a whole, within the hold or long after it."""
        if self.chance.randrange(8):
            return
        back = sale.day + self.chance.choice((3, 6, 9, 12, 20, 34))
        if back > LAST_DAY:
            return
        if self.chance.randrange(2):
            self.diary.give_all_back(back, sale)
        else:
            self.diary.give_back(back, sale, self.chance.randrange(len(sale.lines)), 1)


@lru_cache(maxsize=8)
def everyday(shop_key: str) -> tuple[str, ...]:
    """Return what everyday shoppers buy of a shop: above EUR 5 and below EUR 250."""
    return tuple(
        sku for sku in sellable(shop_key) if (found := product(sku)) is not None and 5 <= found.price <= 250
    )
