"""Speaking HTTP to a running set of services, as a person or a key would."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from marketplace.devtools.errors import DevtoolsError


class Refused(DevtoolsError):
    """Say that a request was answered with a refusal; the answer's own words are kept in `problem`."""

    def __init__(self, method: str, path: str, status: int, problem: Any) -> None:
        self.status, self.problem = status, problem
        said = problem if isinstance(problem, str) else json.dumps(problem, ensure_ascii=False)
        super().__init__(f"{method} {path} answered {status}: {said[:1500]}")


@functools.cache
def _connections() -> httpx.HTTPTransport:
    """Return the kept connections of this process; each caller has its own token and cookies on top of them."""
    return httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=20, keepalive_expiry=4.0))


class Caller:
    """Somebody who calls the API at `base`, with a token or key; nobody when there is none."""

    def __init__(self, base: str, token: str | None = None) -> None:
        self.base, self.token = base.rstrip("/"), token
        self._client = httpx.Client(transport=_connections(), timeout=30, follow_redirects=False)

    def as_bearer(self, token: str) -> Caller:
        """Return a caller on the same address with another token."""
        return Caller(self.base, token)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """Send one request and return the answer, whatever its status; a path without a leading address is the API's.

        A server that is just being restarted is asked again for a few seconds when the request is one that reads.
        """
        url = (
            path
            if path.startswith("http")
            else f"{self.base}{path if path.startswith('/') else '/api/v1/' + path}"
        )
        sent = dict(headers or {})
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        content = raw
        if body is not None:
            content, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        tries = 20 if method in ("GET", "HEAD") else 1
        for attempt in range(tries):
            try:
                return self._client.request(method, url, content=content, headers=sent, params=params)
            except httpx.TransportError as error:
                if attempt == tries - 1:
                    raise DevtoolsError(f"{method} {url} got no answer: {error!r}") from error
                time.sleep(0.25)
        raise AssertionError("unreachable")

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Send one request and return its JSON. Raises Refused for any status of 400 and above."""
        answer = self.request(method, path, body, **more)
        try:
            content = answer.json()
        except ValueError:
            content = answer.text
        if answer.status_code >= 400:
            raise Refused(method, path, answer.status_code, content)
        return content

    def get(self, path: str, **params: Any) -> Any:
        """Read something."""
        return self.call("GET", path, params=params or None)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """Do something."""
        return self.call("POST", path, {} if body is None and "raw" not in more else body, **more)

    def items(self, path: str, most: int = 100_000, **params: Any) -> list[Any]:
        """Return the items of a list, page after page, until there are `most` or no more."""
        found: list[Any] = []
        cursor: str | None = None
        while True:
            answer = self.get(path, **params, **({"cursor": cursor} if cursor else {}))
            found += answer["items"]
            cursor = answer["next_cursor"]
            if cursor is None or len(found) >= most:
                return found
