"""When a feed is due: at the shop's own hour, on both sides of a change of the clocks."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalogue.feeds.sources.hours import next_fetch, retry_after, zone_of


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text + "+00:00")


@pytest.mark.parametrize(
    ("every", "hour", "country", "after", "due"),
    [
        ("hourly", 0, "NL", "2026-11-22T10:20", "2026-11-22T11:20"),
        ("daily", 4, "NL", "2026-11-22T02:59", "2026-11-22T03:00"),
        ("daily", 4, "NL", "2026-11-22T03:00", "2026-11-23T03:00"),
        ("daily", 4, "NL", "2026-07-22T10:00", "2026-07-23T02:00"),
        ("daily", 2, "NL", "2026-03-28T12:00", "2026-03-29T01:00"),
        ("daily", 2, "NL", "2026-10-24T12:00", "2026-10-25T00:00"),
        ("daily", 4, "GB", "2026-11-22T10:00", "2026-11-23T04:00"),
        ("daily", 23, "NL", "2026-11-22T22:30", "2026-11-23T22:00"),
        ("weekly", 4, "NL", "2026-11-22T10:00", "2026-11-29T03:00"),
        ("weekly", 4, "NL", "2026-11-22T03:00", "2026-11-29T03:00"),
    ],
)
def test_the_next_fetch_is_at_the_hour_of_the_shop(
    every: str, hour: int, country: str, after: str, due: str
) -> None:
    assert next_fetch(every, hour, country, at(after)) == at(due)


def test_a_source_by_hand_is_never_due_by_itself() -> None:
    assert next_fetch("manual", 4, "NL", at("2026-11-22T10:00")) is None


@given(
    st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2040, 1, 1)),
    st.integers(0, 23),
    st.sampled_from(["daily", "weekly"]),
    st.sampled_from(["NL", "BE", "GB", "US", "NZ", "XX", "ES"]),
)
def test_what_is_due_is_later_and_within_its_rhythm(
    after: dt.datetime, hour: int, every: str, country: str
) -> None:
    moment = after.replace(tzinfo=dt.UTC)
    due = next_fetch(every, hour, country, moment)
    assert due is not None and moment < due <= moment + dt.timedelta(
        days=1 if every == "daily" else 8, hours=1
    )


def test_waiting_after_failures_doubles_up_to_a_day() -> None:
    minutes = [int(retry_after(number).total_seconds() // 60) for number in (0, 1, 2, 3, 9, 10, 11, 1000)]
    assert minutes == [5, 5, 10, 20, 1280, 1440, 1440, 1440]
    assert zone_of("NL").key == "Europe/Amsterdam"
