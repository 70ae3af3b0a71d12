"""Product addresses: full http(s) ones only, and one digest a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalogue.addresses import AddressUnreadable, mended, page_digest, read_address


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://shop.example/p/1", "shop.example"),
        ("HTTP://Shop.Example:8080/p?id=1#top", "shop.example"),
        ("https://bücher.example/é", "xn--bcher-kva.example"),
        (" https://shop.example. ", "shop.example"),
    ],
)
def test_full_addresses_are_taken(url: str, host: str) -> None:
    assert read_address(url).host == host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/p/1",
        "//shop.example/p",
        "shop.example/p",
        "ftp://shop.example/p",
        "javascript:alert(1)",
        "https://",
        "https://localhost/p",
        "https://user@shop.example/",
        "https://user:pw@shop.example/",
        "https://shop.example\\@evil.example/",
        "https://shop.example/a b",
        "https://shop.example/\x00",
        "https://shop.example/<script>",
        "https://[::1/",
        "https://shop.example:99999/",
        "https://shop_.-example/",
        "https://shop.example/" + "a" * 2000,
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(AddressUnreadable):
        read_address(url)


def test_one_page_has_one_digest() -> None:
    same = [
        "https://shop.example/p/1?id=7&size=m",
        "http://www.shop.example/p/1?size=m&id=7",
        "https://SHOP.example:443/p/1/?id=7&size=m&utm_source=x&gclid=y#reviews",
        "https://shop.example/p/1?id=7&aan=token&size=m",
    ]
    other = [
        "https://shop.example/p/1?id=8&size=m",
        "https://shop.example/p/1",
        "https://shop.example:81/p/1?id=7&size=m",
    ]
    digests = [page_digest(read_address(url)) for url in same]
    assert len(set(digests)) == 1
    assert not {page_digest(read_address(url)) for url in other} & set(digests)


_SIGNS = st.text(alphabet="aB3._-~%+&=?/#:utm_", max_size=30)


@given(_SIGNS, _SIGNS)
def test_the_short_way_to_a_digest_gives_what_the_long_way_gives(path: str, query: str) -> None:
    """An upper-case scheme never takes the short way."""
    try:
        short = read_address(f"https://www.shop.example/{path}?{query}")
        long = read_address(f"HTTPS://www.shop.example/{path}?{query}")
    except AddressUnreadable:
        return
    assert short.host == long.host and page_digest(short) == page_digest(long)


@pytest.mark.parametrize(
    ("given_one", "better"),
    [
        ("https://shop.example/a b?c=d e", "https://shop.example/a%20b?c=d%20e"),
        ("https://shop.example/caf\u00e9/100%25", "https://shop.example/caf%C3%A9/100%25"),
        ("https://b\u00fccher.example/\u00e9", "https://b\u00fccher.example/%C3%A9"),
        ("https://shop.example/a?b=1&c=[2]", "https://shop.example/a?b=1&c=[2]"),
        ("https://shop.example/\\evil", "https://shop.example/\\evil"),
        ("https://shop.example /a", "https://shop.example /a"),
        ("/a b", "/a b"),
    ],
)
def test_an_address_is_mended_behind_its_host_only(given_one: str, better: str) -> None:
    assert mended(given_one) == better


def test_a_page_is_the_same_page_percent_encoded_or_not() -> None:
    addresses = [
        read_address("https://shop.example/caf\u00e9?a=\u00e9"),
        read_address("https://shop.example/caf%C3%A9?a=%C3%A9"),
    ]
    assert len({page_digest(address) for address in addresses}) == 1


@given(st.text(max_size=200) | st.text(max_size=100).map(lambda tail: "https://shop.example" + tail))
def test_no_text_raises_anything_but_the_refusal(text: str) -> None:
    try:
        address = read_address(text)
    except AddressUnreadable:
        return
    assert len(page_digest(address)) == 32
