"""Answers come in steps of a tenth of a second; of less in tests, which would only wait."""

from __future__ import annotations

import dataclasses
import time

import pytest

from marketplace.accounts import evenly
from marketplace.core import config


@pytest.mark.parametrize(("mode", "step"), [("production", 0.1), ("demo", 0.1), ("test", 0.005)])
def test_whatever_is_done_takes_whole_steps_also_when_it_fails(monkeypatch, settings, mode, step):
    config.use(dataclasses.replace(settings, mode=mode))
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

    assert work(step * 0.01) == pytest.approx(step)
    assert work(step * 0.4) == pytest.approx(step)
    assert work(step * 1.3) == pytest.approx(2 * step)
    with pytest.raises(KeyError):
        work(step * 0.2, KeyError())
    assert clock[-1] == pytest.approx(step)
