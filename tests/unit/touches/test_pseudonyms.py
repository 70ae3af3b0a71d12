"""Visitors are told apart for a day and a shop, and no further."""

import pytest

from tracking.touches import pseudonyms


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.77", "192.0.2"),
        ("::ffff:192.0.2.77", "192.0.2"),
        ("2001:db8:1:2::3", "2001:0db8:0001"),
        ("fe80::1%eth0", "fe80:0000:0000"),
        ("", ""),
        ("unix:", ""),
        ("nonsense", ""),
    ],
)
def test_an_address_is_cut_to_its_network(address: str, expected: str) -> None:
    assert pseudonyms.network(address) == expected


def test_the_same_browser_has_one_name_a_day_and_another_the_next() -> None:
    today = pseudonyms.namer(pseudonyms.day_key("secret", 20000))
    tomorrow = pseudonyms.namer(pseudonyms.day_key("secret", 20001))
    name = today("192.0.2", "Firefox")
    assert name == today("192.0.2", "Firefox") and len(name) == 32
    assert (
        len({name, tomorrow("192.0.2", "Firefox"), today("192.0.3", "Firefox"), today("192.0.2", "x")}) == 4
    )


def test_any_user_agent_has_a_name() -> None:
    assert len(pseudonyms.namer(pseudonyms.day_key("secret", 1))("", "\udc80 \x00 ÿ 漢")) == 32


def test_visitor_ids_of_two_shops_differ() -> None:
    key = pseudonyms.visitor_key("secret")
    assert pseudonyms.visitor_id(key, "a" * 32, "1" * 32) != pseudonyms.visitor_id(key, "a" * 32, "2" * 32)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "198.51.100.1", "203.0.113.9"),
        (0, "", "203.0.113.9"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (1, "", "203.0.113.9"),
        (1, "6.6.6.6, ", "203.0.113.9"),
        (2, "198.51.100.1, 192.0.2.1", "198.51.100.1"),
        (2, "6.6.6.6,198.51.100.1,192.0.2.1", "198.51.100.1"),
        (2, "198.51.100.1", "203.0.113.9"),
    ],
)
def test_of_a_forwarded_address_only_what_our_own_proxies_wrote_is_believed(
    proxies: int, forwarded: str, expected: str
) -> None:
    environ = {"REMOTE_ADDR": "203.0.113.9"} | ({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {})
    assert pseudonyms.client_address(environ, proxies) == expected
