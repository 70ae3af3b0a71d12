"""A shop hears once for each payment that 80 % of its budget is used."""

from payouts.accrual import news


def test_a_shop_hears_once_for_each_payment_that_most_of_its_budget_is_used(world):
    shop, adviser = world.shop(), world.adviser()
    assert news.nearly_used() == 0
    world.pay_in(shop, 10_000)
    world.sale(shop, adviser, 7_000)
    world.post()
    # 7,000 and the fee of 700 are 77 % of it.
    assert news.nearly_used() == 0
    world.sale(shop, adviser, 300)
    world.post()
    assert news.nearly_used() == 1
    assert news.nearly_used() == 0
    assert world.one("SELECT audience FROM mail_message") == f"owners:{shop}"
    facts = world.one("SELECT facts FROM mail_message")
    assert facts["left"] == {"minor": 1_970, "currency": "EUR"}
    assert facts["budget"] == {"minor": 10_000, "currency": "EUR"}
    assert facts["used"] == 8_000
    world.pay_in(shop, 5_000)
    # 6,970 stood there after this payment.
    assert news.nearly_used() == 0
    world.sale(shop, adviser, 5_200)
    world.post()
    assert news.nearly_used() == 1
