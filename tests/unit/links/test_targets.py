"""A link leads to a verified domain of its shop and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.links import targets

HOSTS = frozenset({"shop.example", "www.shop.example", "xn--kse-shop-0za.example"})


@pytest.mark.parametrize(
    "text",
    [
        "//evil.example/p",
        "///evil.example",
        "/p/1",
        "p/1",
        "",
        " ",
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "https://",
        "https://evil.example/https://shop.example/",
        "https://shop.example.evil.example/",
        "https://evilshop.example/",
        "https://sub.shop.example/",
        "https://shop.example@evil.example/",
        "https://user:pw@shop.example/",
        "https://@shop.example/",
        "https://shop.example:8443/",
        "https://shop.example:99999/",
        "https://shop.example:x/",
        "https://evil.example\\@shop.example/",
        "https://shop.example\\.evil.example/",
        "https:\\\\evil.example",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/\r\nX",
        "https://shop.example/a b",
        "https://shop.example\t/",
        "javascript:alert(1)",
        "JavaScript://shop.example/%0aalert(1)",
        "data:text/html,x",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "http://shop.example/",
        "https://sh\u043ep.example/",  # A Cyrillic letter that looks Latin.
        "https://shop.example\u3002evil.example/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://shop.example%2eevil.example/",
        "https://shop%E3%80%82example/",
        "https://shop..example/",
        "https://-shop.example/",
        "https://shop.example/" + "a" * 8000,
    ],
)
def test_addresses_that_no_link_leads_to(text: str) -> None:
    with pytest.raises(targets.TargetRefused):
        targets.check(text, HOSTS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://shop.example", "https://shop.example/"),
        ("  https://SHOP.example/P/1?b=2&a=1#top ", "https://shop.example/P/1?b=2&a=1#top"),
        ("HTTPS://www.shop.example:443/x", "https://www.shop.example/x"),
        (
            "https://käse-shop.example/straße?größe=1",
            "https://xn--kse-shop-0za.example/stra%C3%9Fe?gr%C3%B6%C3%9Fe=1",
        ),
        ("https://shop.example/a%20b%2Fc?x=%26&&y", "https://shop.example/a%20b%2Fc?x=%26&&y"),
        ("https://shop.example/p?x=1&aan=1abc&y=2", "https://shop.example/p?x=1&y=2"),
        ("https://shop.example/p?utm_source=blog", "https://shop.example/p?utm_source=blog"),
        ("https://shop.example/p?next=//evil.example", "https://shop.example/p?next=//evil.example"),
        ("https://shop.example/%0d%0aX\r\n", "https://shop.example/%0d%0aX"),
        ('https://shop.example/p?q="<|>"', "https://shop.example/p?q=%22%3C%7C%3E%22"),
    ],
)
def test_addresses_of_a_shop_keep_what_they_say(text: str, expected: str) -> None:
    assert targets.check(text, HOSTS).url == expected


def test_http_only_where_the_installation_allows_it() -> None:
    assert targets.check("http://shop.example/p", HOSTS, http_allowed=True).url == "http://shop.example/p"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example/", "https://shop.example/?aan=T"),
        ("https://shop.example/p?x=1", "https://shop.example/p?x=1&aan=T"),
        ("https://shop.example/p#part?no", "https://shop.example/p?aan=T#part?no"),
        ("https://shop.example/p?x=1#part", "https://shop.example/p?x=1&aan=T#part"),
    ],
)
def test_the_token_joins_the_query_before_the_fragment(url: str, expected: str) -> None:
    before, after = targets.split_for_token(url)
    assert f"{before}T{after}" == expected


@given(st.text(max_size=300))
def test_any_text_is_a_plain_address_or_refused(text: str) -> None:
    for candidate in (text, f"https://shop.example/{text}", f"https://shop.example{text}"):
        try:
            target = targets.check(candidate, HOSTS)
        except targets.TargetRefused:
            continue
        assert target.url.isascii() and target.url.isprintable() and " " not in target.url
        assert target.url.startswith(f"https://{target.host}/") and target.host in HOSTS
        assert targets.check(target.url, HOSTS) == target


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (" shop.example/p/1?a=b ", "https://shop.example/p/1?a=b"),
        ("Shop.example", "https://Shop.example"),
        ("http://shop.example/", "http://shop.example/"),
        ("koffie", "koffie"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("//shop.example/", "//shop.example/"),
        ("127.0.0.1/p", "127.0.0.1/p"),
    ],
)
def test_an_address_as_browsers_show_it_is_completed_and_nothing_else(typed: str, meant: str) -> None:
    assert targets.completed(typed) == meant
