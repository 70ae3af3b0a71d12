"""A repeat is told from a change, field by field, and nothing private is kept readable."""

import datetime as dt
import uuid

from marketplace.core.money import Money
from tracking.orders import pseudonyms
from tracking.orders.content import differing, flatten

DATA = {
    "order_ref": "A-1",
    "ordered_at": dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC),
    "code": None,
    "customer": {"ref": "c-1", "is_new": True, "email_sha256": "ab" * 32},
    "click_tokens": ["t1", "t2"],
    "lines": [{"line_ref": "1", "net": Money.parse("10.00", "EUR")}],
}


def conceal(text):
    return f"<{len(text)}>"


def test_each_leaf_gets_its_path_and_private_ones_are_concealed():
    assert flatten(DATA, conceal) == {
        "order_ref": "A-1",
        "ordered_at": "2026-03-01T12:00:00+00:00",
        "customer.ref": "<3>",
        "customer.is_new": True,
        "customer.email_sha256": "<64>",
        "click_tokens.0": "<2>",
        "click_tokens.1": "<2>",
        "lines.0.line_ref": "1",
        "lines.0.net": "10.00 EUR",
    }


def test_the_same_instant_in_another_offset_is_the_same():
    other = DATA | {"ordered_at": DATA["ordered_at"].astimezone(dt.timezone(dt.timedelta(hours=2)))}
    assert differing(flatten(DATA, conceal), flatten(other, conceal)) == []


def test_differing_fields_are_named_also_when_one_is_missing():
    other = DATA | {
        "code": "SAVE",
        "lines": [{"line_ref": "1", "net": Money.parse("11.00", "EUR")}, {"line_ref": "2"}],
    }
    assert differing(flatten(DATA, conceal), flatten(other, conceal)) == [
        "code",
        "lines.0.net",
        "lines.1.line_ref",
    ]


def test_pseudonyms_differ_per_shop_purpose_and_key_and_not_per_case_of_the_digest():
    one, two = uuid.uuid4(), uuid.uuid4()
    key = pseudonyms.customer_key("k" * 32, one, "c-1")
    assert len(key) == 32
    assert key == pseudonyms.customer_key("k" * 32, one, "c-1")
    assert key != pseudonyms.customer_key("k" * 32, two, "c-1")
    assert key != pseudonyms.customer_key("x" * 32, one, "c-1")
    assert key != pseudonyms.email_key("k" * 32, one, "c-1")
    assert pseudonyms.email_key("k", one, "AB" * 32) == pseudonyms.email_key("k", one, "ab" * 32)
