"""Ports: the next free one, or a refusal where a port was named."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from marketplace.devtools import ports
from marketplace.devtools.errors import DevtoolsError


@contextlib.contextmanager
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((ports.HOST, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_gives_the_next_free_one():
    with taken() as port:
        chosen = ports.choose({"web": port})
    assert chosen["web"] > port


def test_two_names_never_get_one_port():
    free = ports.any_free(1)[0]
    chosen = ports.choose({"web": free, "edge": free, "mail": free})
    assert len(set(chosen.values())) == 3


def test_a_named_port_that_is_taken_is_refused_with_a_sentence():
    with taken() as port, pytest.raises(DevtoolsError, match=f"port {port} is taken"):
        ports.choose({"web": 8400}, fixed={"web": port})


@pytest.mark.parametrize("port", [0, -1, 65536, 10**9])
def test_what_is_no_port_number_is_refused(port):
    with pytest.raises(DevtoolsError, match="not a port number"):
        ports.exactly(port)


def test_a_named_port_is_kept_for_its_own_name():
    port = ports.any_free(1)[0]
    chosen = ports.choose({"web": 8400, "edge": port}, fixed={"web": port})
    assert chosen["web"] == port
    assert chosen["edge"] != port
