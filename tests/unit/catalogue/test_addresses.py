"""Product addresses: full http(s) ones only, and one digest a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalogue.addresses import AddressUnreadable, page_digest, read_address


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


@given(st.text(max_size=200) | st.text(max_size=100).map(lambda tail: "https://shop.example" + tail))
def test_no_text_raises_anything_but_the_refusal(text: str) -> None:
    try:
        address = read_address(text)
    except AddressUnreadable:
        return
    assert len(page_digest(address)) == 32
