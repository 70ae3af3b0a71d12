"""Answers come in steps of a tenth of a second."""

from __future__ import annotations

import time

import pytest

from marketplace.accounts import evenly


def test_whatever_is_done_takes_whole_steps_also_when_it_fails(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))

    def work(seconds, failure=None):
        began = clock[0]
        try:
            with evenly.evenly():
                clock[0] += seconds
                if failure:
                    raise failure
        finally:
            clock.append(clock[0] - began)
        return clock[-1]

    assert work(0.001) == pytest.approx(0.1)
    assert work(0.04) == pytest.approx(0.1)
    assert work(0.13) == pytest.approx(0.2)
    with pytest.raises(KeyError):
        work(0.02, KeyError())
    assert clock[-1] == pytest.approx(0.1)
