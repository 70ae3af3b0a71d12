"""Bodies that strangers send are read strictly, and refusals have names."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.errors import InvalidInput, MalformedRequest
from marketplace.core.strict_json import JsonDecimal, load_json


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"{'a': 1}", b"[1,]", b"nul"])
def test_what_is_not_json_is_malformed(raw):
    with pytest.raises(MalformedRequest):
        load_json(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b"1" * 20,
        b"NaN",
        b"[Infinity]",
        b'{"a":1,"a":2}',
        b"1." + b"1" * 50,
    ],
)
def test_what_is_json_beyond_the_limits_is_invalid(raw):
    with pytest.raises(InvalidInput):
        load_json(raw)


def test_brackets_inside_text_are_not_depth():
    assert load_json(json.dumps("[" * 500).encode()) == "[" * 500


def test_a_number_with_a_point_is_neither_text_nor_a_whole_number():
    assert isinstance(load_json(b"1.5"), JsonDecimal)
    assert not isinstance(load_json(b"1.0"), (str, int, float))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_by_name(raw):
    with contextlib.suppress(InvalidInput, MalformedRequest):
        load_json(raw)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(), st.lists, max_leaves=20
    )
)
def test_plain_json_comes_through_unchanged(value):
    assert load_json(json.dumps(value).encode()) == value
