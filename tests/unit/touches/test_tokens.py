"""The click token proves exactly what was signed, and nothing else does."""

import datetime as dt
import hmac
import random
import string
import uuid

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.drawn import examples
from tracking.touches import tokens

KEYS = ((7, b"k" * 32), (3, b"old" * 11))
LINK = uuid.UUID("018f0000-0000-7000-8000-000000000001")
CLICK = uuid.UUID("018f0000-0000-7000-8000-0000000000ff")
AT = dt.datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=dt.UTC)
VISITOR = bytes(range(16))
PLAIN = tokens.sign(KEYS, LINK, CLICK, AT)
WITH_VISITOR = tokens.sign(KEYS, LINK, CLICK, AT, VISITOR)
instants = st.datetimes(
    min_value=dt.datetime(1970, 1, 1), max_value=dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)
).map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000))


def test_a_token_has_the_documented_places() -> None:
    assert PLAIN[:1] == "1" and WITH_VISITOR[:1] == "2"
    assert PLAIN[1:3] == "07"
    assert PLAIN[3:35] == LINK.hex and PLAIN[35:67] == CLICK.hex
    assert int(PLAIN[67:79], 16) == 1795348800123
    assert WITH_VISITOR[79:111] == VISITOR.hex()
    assert (len(PLAIN), len(WITH_VISITOR)) == (111, 143)
    assert set(PLAIN) <= set(string.hexdigits.lower())


def test_the_mac_is_the_standard_hmac_cut_to_sixteen_bytes() -> None:
    expected = hmac.digest(KEYS[0][1], PLAIN[:-32].encode(), "sha256").hex()[:32]
    assert PLAIN[-32:] == expected


@given(st.binary(min_size=1, max_size=200), st.text(string.hexdigits, max_size=300))
def test_the_fast_signer_is_the_standard_one_for_keys_of_any_length(key: bytes, text: str) -> None:
    assert tokens.signer(key)(text) == hmac.digest(key, text.encode(), "sha256").hex()[:32]


@given(st.uuids(), st.uuids(), instants, st.none() | st.binary(min_size=16, max_size=16))
def test_what_was_signed_is_read_back(
    link: uuid.UUID, click: uuid.UUID, ts: dt.datetime, visitor: bytes | None
) -> None:
    token = tokens.sign(KEYS, link, click, ts, visitor)
    assert tokens.read(KEYS, token) == tokens.ClickToken(link, click, ts, visitor)


def test_tokens_of_a_retired_key_are_read_while_the_key_is_kept() -> None:
    old = tokens.sign(KEYS[1:], LINK, CLICK, AT)
    assert tokens.read(KEYS, old).click_id == CLICK
    with pytest.raises(tokens.TokenInvalid, match="unknown key"):
        tokens.read(KEYS[:1], old)


@examples(200)
@given(st.sampled_from([PLAIN, WITH_VISITOR]), st.data())
def test_no_mutation_of_a_token_is_believed(token: str, data: st.DataObject) -> None:
    chars = list(token)
    for _ in range(data.draw(st.integers(1, 3))):
        kind = data.draw(st.sampled_from(["replace", "delete", "insert", "swap", "raise"]))
        if not chars:
            break
        at = data.draw(st.integers(0, len(chars) - 1))
        if kind == "replace":
            chars[at] = data.draw(st.sampled_from("0123456789abcdefgXYZ-_= \n\u0661é"))
        elif kind == "delete":
            del chars[at]
        elif kind == "insert":
            chars.insert(at, data.draw(st.sampled_from("0123456789abcdef\n\x00é")))
        elif kind == "raise":
            chars[at] = chars[at].upper()
        else:
            other = data.draw(st.integers(0, len(chars) - 1))
            chars[at], chars[other] = chars[other], chars[at]
    mutated = "".join(chars)
    assume(mutated != token)
    with pytest.raises(tokens.TokenInvalid):
        tokens.read(KEYS, mutated)


def test_every_single_digit_change_is_refused() -> None:
    for token in (PLAIN, WITH_VISITOR):
        for at, char in enumerate(token):
            for other in "0123456789abcdefABCDEF":
                if other != char:
                    with pytest.raises(tokens.TokenInvalid):
                        tokens.read(KEYS, token[:at] + other + token[at + 1 :])


def test_fifty_thousand_well_shaped_forgeries_are_refused() -> None:
    chance = random.Random(20261122)
    for _ in range(50_000):
        token = chance.choice((PLAIN, WITH_VISITOR))
        at = chance.sample(range(1, len(token)), chance.randint(1, 4))
        forged = "".join(
            chance.choice("0123456789abcdef") if n in at else char for n, char in enumerate(token)
        )
        if forged != token:
            with pytest.raises(tokens.TokenInvalid):
                tokens.read(KEYS, forged)


@given(st.text(max_size=200))
@example("")
@example("1")
@example("2" * 143)
@example(PLAIN + "\n")
@example("\u0661" * 111)
def test_text_that_nobody_signed_is_refused_and_never_an_error(text: str) -> None:
    with pytest.raises(tokens.TokenInvalid):
        tokens.read(KEYS, text)


def test_a_visitor_can_not_be_cut_out_of_a_token() -> None:
    with pytest.raises(tokens.TokenInvalid):
        tokens.read(KEYS, "1" + WITH_VISITOR[1:79] + WITH_VISITOR[-32:])
