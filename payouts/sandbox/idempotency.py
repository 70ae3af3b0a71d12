"""Idempotency keys as API v1 keeps them: key to parameters, endpoint and the complete first answer."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from payouts.sandbox import clock
from payouts.sandbox.errors import ApiError, Body, malformed
from payouts.sandbox.store import Tx

LIFE = clock.DAY
LONGEST = 255


@dataclass(frozen=True)
class Answer:
    """A complete answer: what is replayed is byte for byte what was said first."""

    status: int
    headers: dict[str, str]
    body: bytes


class InProgress:
    """The keys being executed by this process; a kill ends them all, and their transaction with them."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, scope: str, key: str | None) -> Iterator[None]:
        """Hold a key while its first request runs; a second one at the same time is refused with 409."""
        if key is None:
            yield
            return
        with self._lock:
            if (scope, key) in self._keys:
                raise ApiError(
                    409,
                    "There is currently another in-progress request using this Idempotent Key (that probably means "
                    f"you submitted twice, and the other request is still going through): {key}. "
                    "Please try again later.",
                    code="idempotency_key_in_use",
                    stored=False,
                )
            self._keys.add((scope, key))
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard((scope, key))


def digest(params: Body) -> str:
    """Return the hash that tells whether two calls carry the same parameters."""
    return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()


def check(key: str | None) -> None:
    """Refuse a key that is too long."""
    if key is not None and len(key) > LONGEST:
        raise malformed(f"Idempotency key is too long: at most {LONGEST} characters.")


def replay(tx: Tx, scope: str, key: str, endpoint: str, params_hash: str) -> Answer | None:
    """Return the first answer of a key that is still alive, after pruning those that aren't.

    Raises: idempotency_error (400) when the endpoint or the parameters differ from the first call's.
    """
    row = tx.row(
        "SELECT * FROM idempotency WHERE scope = ? AND key = ? AND created > ?",
        (scope, key, tx.now - int(tx.setting("idempotency_seconds", LIFE))),
    )
    if row is None:
        return None
    if row["endpoint"] != endpoint:
        raise ApiError(
            400,
            "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{endpoint}' vs '{row['endpoint']}'). Try using a key other than '{key}' if you meant to execute "
            "a different request.",
            kind="idempotency_error",
            stored=False,
        )
    if row["params_hash"] != params_hash:
        raise ApiError(
            400,
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
            stored=False,
        )
    return Answer(int(row["status"]), json.loads(row["headers"]), str(row["body"]).encode())


def remember(tx: Tx, scope: str, key: str, endpoint: str, params_hash: str, answer: Answer) -> None:
    """Keep the answer in the same transaction as its effect."""
    tx.run(
        "DELETE FROM idempotency WHERE created <= ?", (tx.now - int(tx.setting("idempotency_seconds", LIFE)),)
    )
    tx.run(
        "INSERT INTO idempotency (scope, key, endpoint, params_hash, status, headers, body, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            scope,
            key,
            endpoint,
            params_hash,
            answer.status,
            json.dumps(answer.headers),
            answer.body.decode(),
            tx.now,
        ),
    )
