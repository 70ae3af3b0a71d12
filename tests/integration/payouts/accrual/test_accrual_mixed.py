"""A commission of which the shop paid for a part only: what comes back is never more than was taken."""

from __future__ import annotations

import pytest

from payouts.funding import release
from tests.integration.payouts.world import NOW, World


@pytest.mark.parametrize(("first", "later", "back"), [(2005, 1005, 2005), (4, 2, 3)])
def test_rounded_fees_of_a_mixed_commission_never_stop_the_books(
    world: World, first: int, later: int, back: int
) -> None:
    shop, rich, adviser = world.shop(), world.shop(), world.adviser()
    sale = world.sale(shop, adviser, first)
    world.post()
    # Enough for the smaller sale, not for the older one that waits.
    fee = (first + later + 5) // 10 - (first + 5) // 10
    world.pay_in(shop, later + fee)
    world.move(sale, "earned", later)
    world.post()
    assert world.balance("shop:prepaid", shop) == 0
    world.move(sale, "reversed", -back)
    world.pay_in(rich, 5000)
    world.sale(rich, adviser, 1000)
    world.post()
    assert world.balance("adviser:pending", adviser) == first + later - back + 1000
    world.move(sale, "approved")
    world.pay_in(shop, 5000)
    world.post()
    stands = first + later - back
    assert world.balance("adviser:available", adviser) == stands
    assert world.balance("shop:receivable", shop) == 0
    assert world.balance("shop:prepaid", shop) == later + fee + 5000 - stands - (stands + 5) // 10


def test_one_payment_releases_all_that_it_pays_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "AT_ONCE", 2)
    shop, adviser = world.shop(), world.adviser()
    for _ in range(5):
        world.sale(shop, adviser, 100)
    world.post()
    world.pay_in(shop, 1000, now=NOW)
    assert world.balance("shop:receivable", shop) == 0
    assert world.balance("shop:prepaid", shop) == 450
