"""A wake-up call goes round the sweeps until none finds anything, and no further."""

from __future__ import annotations

import pytest

from marketplace.core import jobs


@pytest.fixture
def ran(monkeypatch):
    found = []

    def sweep(name, every, *counts):
        left = list(counts)

        def run():
            found.append(name)
            return left.pop(0) if left else 0

        return jobs.Sweep(name, every, run)

    kept = {}
    monkeypatch.setattr(jobs, "sweeps", kept)
    monkeypatch.setattr(jobs, "_leave", lambda _notes: None)

    def go(**wanted):
        kept.update({name: sweep(name, every, *counts) for name, (every, *counts) in wanted.items()})
        return jobs.run_until_rest(), "".join(found)

    return go


def test_what_finds_nothing_is_asked_once(ran):
    assert ran(a=(5,), b=(5,), c=(5,)) == (0, "abc")


def test_each_is_asked_again_after_the_last_that_found_something(ran):
    assert ran(a=(5, 2), b=(5,), c=(5,)) == (2, "abca")
    assert ran(a=(5,), b=(5, 1, 1), c=(5,))[1].endswith("abcabcab")


def test_what_runs_by_the_hour_is_asked_once_a_call(ran):
    assert ran(a=(5, 1), b=(3600,), c=(5,)) == (1, "abca")
    assert ran(a=(5,), b=(3600,), c=(5, 1))[1].endswith("abcac")


def test_what_always_finds_something_ends_too(ran):
    assert ran(a=(5, *[1] * 1000))[0] == 20
