"""Attacks by bytes on the wire, against the real server as `./dev demo` starts it (45, 46, 47, 49).

Times of 45 and 46 are printed by `./dev bench slow_clients`; here it counts who is answered, and what memory grows by.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from bench._served import HEAD, Served, received, status
from marketplace.accounts import registration as accounts
from marketplace.core import bodies, config, web
from marketplace.core.errors import MalformedRequest
from tests.conftest import TEMPLATE, Database

SIGN_IN = b"POST /api/v1/accounts/sign-in HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n"
CREDENTIALS = b'{"email": "nobody@example.org", "password": "another long sentence"}'


@pytest.fixture(scope="module")
def served(pg: Any, valkey: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the module; nothing here writes a row."""
    pg.create_database("served", template=TEMPLATE)
    made = Served(Database("served", pg).url("app"), valkey.url, tmp_path_factory.mktemp("served"))
    yield made
    made.close()
    pg.drop("served")


@pytest.fixture
def steady(served: Served) -> Iterator[Served]:
    """The server, which must still answer after the attack and have grown by less than 50 MB."""
    served.ask("POST", "/api/v1/accounts/sign-in", CREDENTIALS)
    before = served.memory()
    yield served
    assert served.ask("GET", "/api/v1/me")[0] == 401
    assert served.memory() - before < 50


def chunks(size: int, piece: bytes = b" " * 65536) -> Iterator[bytes]:
    """Yield a chunked body of about so many bytes."""
    for _ in range(size // len(piece)):
        yield b"%x\r\n" % len(piece) + piece + b"\r\n"
    yield b"0\r\n\r\n"


def test_attack_45_ten_gigabytes_in_chunks_are_refused_after_the_first_one(steady: Served) -> None:
    answer = steady.converse(SIGN_IN + b"Transfer-Encoding: chunked\r\n\r\n", *chunks(20_000_000))
    assert status(answer) == 413
    with steady.connect() as sock:
        sock.sendall(SIGN_IN + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        with contextlib.suppress(OSError):
            for piece in chunks(10_000_000_000):
                sock.sendall(piece)
                sent += len(piece)
        assert sent < 50_000_000


def test_attack_45_a_length_beyond_the_limit_is_refused_before_a_byte_is_read(steady: Served) -> None:
    for length in (1_000_001, 10_000_000_000, 2**63, 2**64 + 5):
        answer = steady.converse(SIGN_IN + b"Content-Length: %d\r\n\r\n" % length)
        assert status(answer) in (400, 413), length


def test_attack_45_a_million_form_parts_deep_json_and_packed_bodies_are_refused(steady: Served) -> None:
    form = b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' for _ in range(20_000))
    packed = gzip.compress(b" " * 50_000_000)
    for kind, more, body, expected in (
        (b"multipart/form-data; boundary=x", b"", form[:999_999], 415),
        (b"application/x-www-form-urlencoded", b"", b"a&" * 499_999, 415),
        (b"application/json", b"", b"[" * 100_000, 422),
        (b"application/json", b"", b'{"a":' * 100_000, 422),
        (b"application/json", b"", b'{"a":' + b"9" * 900_000 + b"}", 422),
        (b"application/json", b"Content-Encoding: gzip\r\n", packed, 400),
    ):
        head = (
            b"POST /api/v1/accounts/sign-in HTTP/1.1\r\n" + HEAD + b"Content-Type: " + kind + b"\r\n" + more
        )
        began = time.monotonic()
        answer = steady.converse(head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body), body)
        assert status(answer) == expected, (kind, answer[:200])
        assert time.monotonic() - began < 20


def test_attack_45_a_million_headers_or_one_without_end_are_cut_off(steady: Served) -> None:
    start = b"GET /api/v1/me HTTP/1.1\r\n" + HEAD
    many = (b"".join(b"X-%d: y\r\n" % (n * 1000 + m) for m in range(1000)) for n in range(1000))
    assert status(steady.converse(start, *many)) in (0, 431)
    assert status(steady.converse(start + b"X: ", *(b"y" * 65536 for _ in range(2000)))) in (0, 431)
    assert status(steady.converse(b"GET /" + b"y" * 10_000_000)) in (0, 414, 431)


@pytest.mark.parametrize("kind", ["no request", "half a header", "half a body"])
def test_attack_46_two_hundred_slow_clients_starve_nobody(steady: Served, kind: str) -> None:
    begun = {
        "no request": b"",
        "half a header": b"GET /api/v1/me HTTP/1.1\r\n" + HEAD + b"X-Slow: ",
        "half a body": SIGN_IN + b"Content-Length: 500\r\n\r\n{",
    }[kind]
    slow = [steady.connect("127.0.0.9") for _ in range(200)]
    try:
        for sock in slow:
            sock.sendall(begun)
        time.sleep(0.5)
        for _ in range(20):
            assert steady.ask("GET", "/api/v1/me")[0] == 401
            assert steady.ask("GET", "/t/unknown")[0] == 302
            assert steady.ask("POST", "/api/v1/accounts/sign-in", CREDENTIALS)[0] in (401, 429)
    finally:
        for sock in slow:
            sock.close()


def test_attack_46_who_finds_no_place_is_told_so_and_idle_connections_are_closed(steady: Served) -> None:
    slow = [steady.connect("127.0.0.9") for _ in range(30)]
    try:
        for sock in slow:
            sock.sendall(SIGN_IN + b"Content-Length: 500\r\n\r\n{")
        time.sleep(1)
        refused = [received(sock, 0.05) for sock in slow]
        assert sum(b"too_many_bodies" in answer for answer in refused) == 30 - bodies.PLACES_OF_ONE
    finally:
        for sock in slow:
            sock.close()
    with steady.connect() as idle:
        idle.settimeout(12)
        assert idle.recv(100) == b""


def test_attack_49_a_second_request_is_never_smuggled_inside_a_first(steady: Served) -> None:
    smuggled = b"GET /t/smuggled HTTP/1.1\r\n" + HEAD + b"\r\n"
    te, cl = b"Transfer-Encoding: chunked\r\n", b"Content-Length: %d\r\n" % (len(smuggled) + 5)
    wraps = {
        "CL.TE": cl + te + b"\r\n0\r\n\r\n" + smuggled,
        "TE.CL": te + b"Content-Length: 4\r\n\r\n%x\r\n" % len(smuggled) + smuggled + b"\r\n0\r\n\r\n",
        "two lengths": b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + smuggled,
        "a list of lengths": b"Content-Length: 2, 60\r\n\r\n{}" + smuggled,
        "xchunked": b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}" + smuggled,
        "space before colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled,
        "chunked twice": te + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled,
        "folded": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + smuggled,
        "signed length": b"Content-Length: +2\r\n\r\n{}" + smuggled,
        "negative": b"Content-Length: -1\r\n\r\n" + smuggled,
        "chunk too large": te + b"\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n" + smuggled,
        "chunk of no size": te + b"\r\n\r\n{}\r\n0\r\n\r\n" + smuggled,
    }
    for name, wrapped in wraps.items():
        answer = steady.converse(SIGN_IN + wrapped)
        # The redirect of the smuggled request is the only 302 that could come.
        assert b"302 Found" not in answer, (name, answer)
        assert answer.count(b"HTTP/1.1 ") == 1, (name, answer)
        assert status(answer) in (400, 413, 422), (name, answer[:100])
    hosts = b"GET /api/v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n"
    assert status(steady.converse(hosts)) == 400
    assert status(steady.converse(b"GET /api/v1/me HTTP/1.1\r\n\r\n")) == 400


def test_attack_49_a_body_that_broke_off_is_never_taken_for_a_whole_one(steady: Served) -> None:
    """An empty body is a right one for many calls: a broken one must not look like that."""
    ask = b"POST /api/v1/accounts/password-reset HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n"
    for body in (
        b"Content-Length: 500\r\n\r\n" + CREDENTIALS,
        b"Content-Length: 500\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        # JSON tells its own end, so half an object is none, however its parts came.
        b'Transfer-Encoding: chunked\r\n\r\n9\r\n{"email":\r\n',
        b'Transfer-Encoding: chunked\r\n\r\n9\r\n{"email":\r\nzz\r\n\r\n',
    ):
        answer = steady.converse(ask + body, end=True)
        assert status(answer) in (0, 400), (body, answer[:300])
        assert b"body_cut_off" in answer or b"malformed_request" in answer or not answer


def test_a_stream_that_breaks_off_is_refused_at_its_end() -> None:
    class Broken:
        headers: dict[str, str] = {}
        content_length = 10
        remote_addr = "192.0.2.1"

        class stream:  # noqa: N801 - it stands for an attribute.
            pieces = [b"12345"]

            @classmethod
            def read(cls, _size: int) -> bytes:
                return cls.pieces.pop() if cls.pieces else b""

    with bodies.streamed(Broken()) as body:  # type: ignore[arg-type]
        assert body.read(100) == b"12345"
        with pytest.raises(MalformedRequest):
            body.read(100)


def test_attack_47_only_what_our_own_proxies_wrote_counts_as_an_address(settings: config.Settings) -> None:
    seen = []

    def app(proxies: int) -> Any:
        made = web.create_app(
            dataclasses.replace(settings, trusted_proxies=proxies, database_url="unused"),
            accounts.blueprints(),
        )
        behind = made.wsgi_app.app if isinstance(made.wsgi_app, ProxyFix) else None
        assert (behind is not None) == bool(proxies)

        def note(environ: Any, start_response: Any) -> Any:
            seen.append(environ["REMOTE_ADDR"])
            start_response("200 OK", [])
            return []

        if behind is not None:
            made.wsgi_app.app = note  # type: ignore[attr-defined]
        else:
            made.wsgi_app = note  # type: ignore[method-assign]
        return made.test_client()

    for proxies, forwarded, expected in (
        (0, "6.6.6.6", "127.0.0.1"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "6.6.6.6", "127.0.0.1"),
    ):
        app(proxies).get("/api/v1/me", headers={"X-Forwarded-For": forwarded})
        assert seen[-1] == expected, (proxies, forwarded)


def test_attack_47_another_host_name_is_refused_and_never_stands_in_a_link(served: Served) -> None:
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:80",
        "localhost@evil.example",
        "",
        "127.0.0.1:99999",
    ):
        request = f"GET /api/v1/me HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.example\r\n"
        request += "Connection: close\r\n\r\n"
        answer = served.converse(request.encode())
        assert status(answer) == 400, host
        assert b"evil" not in answer.partition(b"\r\n\r\n")[2]
        # Nor as a page, for a form as for an address.
        for asked in ("GET /forgot", "POST /sign-in", "GET /nothing"):
            page = (
                f"{asked} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nReferer: http://{host}/forgot\r\n"
            )
            answer = served.converse((page + "Content-Length: 0\r\nConnection: close\r\n\r\n").encode())
            assert status(answer) == 400, (asked, host, answer[:200])
            assert b"text/html" in answer
            assert b"evil" not in answer.partition(b"\r\n\r\n")[2]
    for more in (b"X-Forwarded-Host: evil.example\r\n", b"Forwarded: host=evil.example\r\n"):
        answer = served.converse(b"GET /t/unknown HTTP/1.1\r\n" + HEAD + more + b"\r\n")
        assert status(answer) == 302
        assert b"evil" not in answer


def test_the_line_of_the_server_is_told_in_the_documentation() -> None:
    from marketplace.devtools import services

    text = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    argv = services.granian("wsgi:app", 8000, threads=64)
    for name, value in services.MEMORY.items():
        assert f"{name}={value}" in text
    for name in ("--blocking-threads", "--backlog", "--backpressure", "--http1-header-read-timeout",
                 "--http1-buffer-size"):  # fmt: skip
        assert f"{name} {argv[argv.index(name) + 1]}" in text
