"""TXT records are read as they stand: whole, of that very name, and "not known" is never taken for "not there"."""

from __future__ import annotations

import pytest

from marketplace.core import name_texts
from marketplace.core.config import Settings, SettingsError, load
from tests.name_server import NameServer


@pytest.fixture(scope="module")
def names():
    server = NameServer()
    yield server
    server.close()


def texts(names, name):
    return name_texts.texts(name, Settings(dns_server=names.address))


def test_texts_of_a_name_are_whole_also_when_they_are_long_or_do_not_fit_into_a_datagram(names):
    names.records |= {
        "a.example": ["one", ("x" * 200, "y" * 100)],
        "empty.example": [],
        "long.example": ["z"],
    }
    names.ways["long.example"] = "cut"
    assert sorted(texts(names, "a.example")) == ["one", "x" * 200 + "y" * 100]
    assert texts(names, "empty.example") == []
    assert texts(names, "not-there.example") == []
    assert texts(names, "long.example") == ["z"]
    assert ("tcp", "long.example") in names.asked
    assert {name for _over, name in names.asked if name.startswith("not-there")} == {"not-there.example"}


@pytest.mark.parametrize("way", ["broken", "silent"])
def test_a_name_server_that_fails_is_not_taken_for_a_record_that_is_not_there(names, way, monkeypatch):
    monkeypatch.setattr(name_texts, "DEADLINE", 0.3)
    names.ways["failing.example"] = way
    with pytest.raises(name_texts.NamesUnanswered):
        texts(names, "failing.example")
    with pytest.raises(name_texts.NamesUnanswered):
        texts(names, ".".join(["a" * 63] * 4))


def test_the_resolver_that_is_asked_is_an_address_and_a_port():
    assert load({"AANRADER_MODE": "test", "AANRADER_DNS": "127.0.0.1:53"}).dns_server == "127.0.0.1:53"
    for wrong in ("localhost:53", "127.0.0.1", "127.0.0.1:dns"):
        with pytest.raises(SettingsError, match="AANRADER_DNS"):
            load({"AANRADER_MODE": "test", "AANRADER_DNS": wrong})
