"""What a good client notices of two hundred bad ones, against the real server: attacks 45 and 46 in milliseconds.

`./dev bench slow_clients [--clients N]`. A good client asks for a page of the API, for a redirect and signs in, from
one address; the bad ones come from another: connections without a request, half a header, half a body. Then bodies
without end: how long until they are refused, and by how much the server grew. No limit is asserted; tests/attacks holds
what must never fail.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator

from bench._served import HEAD, Served, status
from bench._server import books
from marketplace.devtools.throwaway import throwaway_folder
from marketplace.devtools.valkey import Valkey

SIGN_IN = b"POST /api/v1/accounts/sign-in HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n"
CREDENTIALS = b'{"email": "nobody@example.org", "password": "another long sentence"}'
BEGUN = {
    "nobody": None,
    "no request": b"",
    "half a header": b"GET /api/v1/me HTTP/1.1\r\n" + HEAD + b"X-Slow: ",
    "half a body": SIGN_IN + b"Content-Length: 500\r\n\r\n{",
}
ROUNDS = 100


def say(figure: str, **facts: object) -> None:
    sys.stdout.write(json.dumps({"bench": "slow_clients", "figure": figure} | facts) + "\n")
    sys.stdout.flush()


def good(served: Served) -> dict[str, object]:
    """Return what a good client sees: medians and 99th percentiles in ms, and whoever was not answered."""
    taken: dict[str, list[float]] = {"read": [], "redirect": [], "sign_in": []}
    unanswered = 0
    for _ in range(ROUNDS):
        for name, method, path, body, right in (
            ("read", "GET", "/api/v1/me", None, {401}),
            ("redirect", "GET", "/t/unknown", None, {302}),
            ("sign_in", "POST", "/api/v1/accounts/sign-in", CREDENTIALS, {401, 429}),
        ):
            began = time.perf_counter()
            try:
                unanswered += served.ask(method, path, body)[0] not in right
            except OSError:
                unanswered += 1
            taken[name].append((time.perf_counter() - began) * 1000)
    found: dict[str, object] = {"unanswered": unanswered}
    for name, times in taken.items():
        times.sort()
        found[f"{name}_p50"] = round(times[len(times) // 2], 2)
        found[f"{name}_p99"] = round(times[int(len(times) * 0.99)], 2)
    return found


@contextlib.contextmanager
def bad(served: Served, clients: int, begun: bytes | None) -> Iterator[None]:
    """Hold so many connections that begin and never end."""
    if begun is None:
        yield
        return
    with contextlib.ExitStack() as held:
        for _ in range(clients):
            held.enter_context(served.connect("127.0.0.9")).sendall(begun)
        time.sleep(0.5)
        yield


def endless(served: Served) -> None:
    """Print how long bodies and headers without end are listened to."""
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    lines = b"".join(b"X-%d: y\r\n" % n for n in range(1000))
    for name, start, piece in (
        ("chunks", SIGN_IN + b"Transfer-Encoding: chunked\r\n\r\n", chunk),
        ("headers", b"GET /api/v1/me HTTP/1.1\r\n" + HEAD, lines),
        ("a header", b"GET /api/v1/me HTTP/1.1\r\n" + HEAD + b"X: ", b"y" * 65536),
    ):
        before, began = served.memory(), time.perf_counter()
        answer = served.converse(start, *[piece] * 2000)
        took = round((time.perf_counter() - began) * 1000, 1)
        say(f"endless {name}", status=status(answer), ms=took, grown_mb=served.memory() - before)


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    options = parser.parse_args()
    with books() as made, Valkey.throwaway() as valkey, throwaway_folder() as folder:
        served = Served(made.url("aanrader_app"), valkey.url, folder)
        try:
            for name, begun in BEGUN.items():
                with bad(served, options.clients, begun):
                    say(f"beside {name}", clients=options.clients if begun is not None else 0, **good(served))
            endless(served)
        finally:
            served.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
