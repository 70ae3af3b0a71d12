"""Addresses of mailboxes and hosts: one spelling each, and nothing that deceives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.accounts import domains, emails, limits, users
from marketplace.core.errors import InvalidInput


def test_case_width_and_domain_spelling_do_not_make_another_mailbox():
    same = {emails.key(text) for text in ("Jan@MÜNCHEN.de", "ＪＡＮ@xn--mnchen-3ya.de", " jan@münchen.de ")}
    assert same == {"jan@xn--mnchen-3ya.de"}
    assert emails.normalise("Jan@MÜNCHEN.de") == "Jan@xn--mnchen-3ya.de"


@pytest.mark.parametrize(
    "text",
    ["", "@", "a@", "@b.nl", "a@b", "a@@b.nl", "a b@c.nl", "a@b c.nl", "аnna@b.nl", "ı@b.nl", '"a"@b.nl', ".a@b.nl",
     "a.@b.nl", "a..b@b.nl", "a@b..nl", "a@-b.nl", "a\n@b.nl", "a\x00@b.nl", "a" * 65 + "@b.nl",
     "a@" + "b" * 64 + ".nl",
     "a@[127.0.0.1]", "a@b_c.nl", "<a@b.nl>", "a@b.nl,c@d.nl", "\u202ea@b.nl"],
)  # fmt: skip
def test_what_is_no_mailbox_is_refused(text):
    with pytest.raises(InvalidInput):
        emails.normalise(text)


@given(st.text(max_size=300))
def test_any_text_is_a_mailbox_or_refused_and_normalising_twice_is_once(text):
    try:
        address = emails.normalise(text)
    except InvalidInput:
        return
    assert emails.normalise(address) == address
    assert address.isascii() and emails.key(emails.key(address)) == emails.key(address)


@given(st.text(max_size=300))
def test_any_text_is_a_host_or_refused_and_normalising_twice_is_once(text):
    try:
        host = domains.normalise_host(text)
    except InvalidInput:
        return
    assert domains.normalise_host(host) == host
    assert host.isascii() and host == host.lower() and "." in host
    assert not set(host) & set(":/\\@?#% []")


@given(st.text(max_size=100))
def test_a_slug_is_short_plain_and_never_empty(text):
    slug = users.slug(text, "adviser")
    assert 1 <= len(slug) <= 40
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not slug.startswith("-") and not slug.endswith("-") and "--" not in slug


def test_a_network_is_24_bits_of_ipv4_and_48_of_ipv6():
    assert limits.net_of("192.0.2.77") == limits.net_of("::ffff:192.0.2.1") == "192.0.2.0/24"
    assert limits.net_of("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert limits.net_of(None) == limits.net_of("unix:") == "unknown"


def test_only_tokens_of_the_head_are_read():
    token = '<meta name="aanrader-verification" content="t">'
    assert domains.tokens_in("meta", f"<head>{token}</head>".encode()) == ["t"]
    assert domains.tokens_in("meta", f"<head><!-- {token} --></head>".encode()) == []
    assert domains.tokens_in("meta", f"<head><script>'{token}'</script></head>".encode()) == []
    assert domains.tokens_in("meta", f"<head><title>{token}</title></head>".encode()) == []
    assert domains.tokens_in("meta", f"<head></head>{token}".encode()) == []
    assert domains.tokens_in("meta", f"<p>x</p>{token}".encode()) == []
    assert domains.tokens_in("file", b"\r\n t \r\nu\n") == ["t", "u"]
