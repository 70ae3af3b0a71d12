"""The guard of fetching: where it connects to, and where never."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core import fetch
from marketplace.core.config import Settings

LIVE = Settings(mode="production")
MAPPED = Settings(mode="test", fetch_hosts={"www.peren.nl": "127.0.0.1:9"})
PUBLIC = "93.184.216.34"


def resolving(*addresses):
    return lambda _host, _deadline: list(addresses)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
     "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
     "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
     "2002:7f00:1::", "2002:a00:1::", "", "x", "127.1"],
)  # fmt: skip
def test_no_address_of_a_machine_of_ours_is_global(address):
    assert not fetch.is_global(address)


@pytest.mark.parametrize(
    "address", [PUBLIC, "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_public_addresses_are_global(address):
    assert fetch.is_global(address)


@pytest.mark.parametrize(
    "url",
    ["http://peren.nl/", "ftp://peren.nl/", "file:///etc/passwd", "//peren.nl/", "javascript:alert(1)", "data:,x",
     "https:peren.nl", "https://", "https:///x", "https://u@peren.nl/", "https://u:p@peren.nl/", "https://@peren.nl/",
     "https://peren.nl:80/", "https://peren.nl:22/", "https://peren.nl:x/", "https://peren.nl:99999/",
     "https://peren.nl\\@evil.nl/", "https://peren.nl/a b", "https://peren.nl/\r\nX: y", "https://pêren.nl/",
     "https://[::1/", ""],
)  # fmt: skip
def test_what_is_no_plain_https_address_is_refused_before_any_connection(url):
    with pytest.raises(fetch.FetchRefused):
        fetch.get(url, LIVE, 10, resolve=resolving(PUBLIC))


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "017700000001", "127.1", "[::1]",
                                  "localhost",
                                  "[::ffff:127.0.0.1]", "169.254.169.254"])  # fmt: skip
def test_no_spelling_of_loopback_is_fetched(host):
    with pytest.raises((fetch.FetchRefused, fetch.FetchFailed)):
        fetch.get(f"https://{host}/", LIVE, 10)


def test_a_name_with_one_private_address_is_refused():
    with pytest.raises(fetch.FetchRefused):
        fetch.get("https://peren.nl/", LIVE, 10, resolve=resolving(PUBLIC, "10.0.0.1"))
    with pytest.raises(fetch.FetchRefused):
        fetch.get("https://peren.nl/", LIVE, 10, resolve=resolving())


def test_the_connection_goes_to_the_address_that_was_judged_under_the_name_that_was_asked():
    target = fetch._judge("https://WWW.peren.nl/a?b=c#d", LIVE, resolving(PUBLIC))
    assert (target.url, target.headers["Host"]) == (f"https://{PUBLIC}/a?b=c", "www.peren.nl")
    assert target.extensions == {"sni_hostname": "www.peren.nl"}
    target = fetch._judge("https://peren.nl", LIVE, resolving("2606:2800:220:1::1"))
    assert target.url == "https://[2606:2800:220:1::1]/"


def test_hosts_are_mapped_to_loopback_in_test_and_never_in_production():
    target = fetch._judge("https://www.peren.nl/x", MAPPED, resolving("10.0.0.1"))
    assert (target.url, target.headers["Host"]) == ("http://127.0.0.1:9/x", "www.peren.nl")
    with pytest.raises(fetch.FetchRefused):
        fetch._judge("https://elders.nl/x", MAPPED, resolving("10.0.0.1"))
    live = Settings(mode="production", fetch_hosts=MAPPED.fetch_hosts)
    with pytest.raises(fetch.FetchRefused):
        fetch._judge("https://www.peren.nl/x", live, resolving("127.0.0.1"))


def test_an_unknown_name_and_a_closed_port_are_failures_with_a_name():
    def unknown(_host, _deadline):
        raise socket.gaierror("no such host")

    with pytest.raises(fetch.FetchFailed):
        fetch.get("https://peren.nl/", LIVE, 10, resolve=unknown)
    with pytest.raises(fetch.FetchFailed):
        fetch.get("https://www.peren.nl/", MAPPED, 10)


@given(st.text(max_size=80))
def test_no_text_makes_the_judge_fall_over_or_leave_https(text):
    try:
        target = fetch._judge(text, LIVE, resolving(PUBLIC))
    except (fetch.FetchRefused, fetch.FetchFailed):
        return
    assert target.url.startswith(f"https://{PUBLIC}/")
