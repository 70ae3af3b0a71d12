"""Webhooks: a durable queue beside the events, signed as Stripe signs, sent until a 2xx comes back."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
from urllib.parse import urlsplit

from payouts.sandbox import clock, faults
from payouts.sandbox.errors import Body
from payouts.sandbox.store import Store, Tx

ENDPOINTS = ("account", "connect")
FIRST_WAIT_MS = 200
LONGEST_WAIT_MS = 5_000
ATTEMPTS = 2000
REORDER_WAIT_MS = 3_000
TIMEOUT_SECONDS = 10


def signature(secret: str, payload: bytes, stamp: int) -> str:
    """Return the Stripe-Signature header for a payload sent at wall second `stamp`."""
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + payload, hashlib.sha256)
    return f"t={stamp},v1={mac.hexdigest()}"


def sendable(url: str) -> bool:
    """Say whether an address can be sent to: http or https, with a host and a sane port."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 80) > 0
    except ValueError:
        return False


def enqueue(tx: Tx, event: Body, endpoint: str) -> int:
    """Queue an event for its endpoint, misbehaving where a fault says so; return how many will be sent."""
    if not tx.setting(f"webhook_{endpoint}", None):
        return 0
    fault = faults.take(tx, "webhook", "", str(event["type"]))
    name = fault.name if fault else None
    copies = fault.args.get("copies", 2) if fault and name == "duplicate" else 1
    held = tx.now + int(fault.args.get("seconds", clock.DAY)) if fault and name == "delay" else 0
    behind = 1 if name == "reorder" else 0
    for _ in range(copies):
        tx.run(
            "INSERT INTO delivery (event, type, endpoint, state, held_until, behind, behind_until, forge, fault) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                event["id"],
                event["type"],
                endpoint,
                "lost" if name == "lose" else "pending",
                held,
                behind,
                clock.wall_ms() + REORDER_WAIT_MS if behind else 0,
                int(name == "bad_signature"),
                name,
            ),
        )
    return 0 if name == "lose" else copies


def resend(tx: Tx, event_id: str) -> int:
    """Queue an event again, also one that was lost or delivered; return the number of rows queued."""
    event = tx.get(event_id, kind="event")
    if event is None:
        return 0
    endpoint = "connect" if "account" in event else "account"
    tx.run(
        "INSERT INTO delivery (event, type, endpoint, state) VALUES (?, ?, ?, 'pending')",
        (event_id, event["type"], endpoint),
    )
    return 1


def counts(tx: Tx) -> dict[str, int]:
    """Return how many deliveries are pending (due now or backing off), held, lost, delivered, failed."""
    result = {"pending": 0, "held": 0, "lost": 0, "delivered": 0, "failed": 0}
    rows = tx.rows(
        "SELECT CASE WHEN state = 'pending' AND held_until > ? THEN 'held' ELSE state END AS word, count(*) AS n "
        "FROM delivery GROUP BY 1",
        (tx.now,),
    )
    result.update({row["word"]: row["n"] for row in rows})
    return result


def list_(tx: Tx) -> list[Body]:
    """Describe every delivery, newest first."""
    rows = tx.rows(
        "SELECT seq, event, type, endpoint, state, attempts, held_until, fault, last_status, last_error "
        "FROM delivery ORDER BY seq DESC LIMIT 1000"
    )
    return [{**dict(row), "held": row["held_until"] > tx.now} for row in rows]


class Sender:
    """Delivers from the queue in the background; what a dead receiver missed waits for it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.wake = threading.Event()
        self._one_at_a_time = threading.Lock()
        # An endpoint that doesn't answer at all is left alone for a while: (attempts in a row, until when).
        self._silent: dict[str, tuple[int, int]] = {}

    def flush(self) -> int:
        """Send everything that isn't held, whatever its back-off; return how many were accepted.

        An endpoint that doesn't answer at all is tried once.
        """
        with self._one_at_a_time:
            with self.store.read() as tx:
                ready = tx.rows(
                    "SELECT * FROM delivery WHERE state = 'pending' AND held_until <= ? "
                    "ORDER BY behind, CASE WHEN behind THEN -seq ELSE seq END",
                    (tx.now,),
                )
                rows = [dict(row) for row in ready]
            accepted, dead = 0, set()
            for row in rows:
                if row["endpoint"] not in dead:
                    status = self._send(row)
                    accepted += 200 <= status < 300
                    if status == 0:
                        dead.add(row["endpoint"])
            return accepted

    def round(self) -> int:
        """Send what is due by the wall clock; return how many were tried."""
        with self._one_at_a_time:
            with self.store.read() as tx:
                wall = clock.wall_ms()
                # One that was told to come late waits until a newer one of its endpoint has arrived.
                ready = tx.rows(
                    "SELECT * FROM delivery AS mine WHERE state = 'pending' AND held_until <= ?1 "
                    "AND next_wall <= ?2 AND (behind = 0 OR behind_until <= ?2 OR EXISTS ("
                    " SELECT 1 FROM delivery AS newer WHERE newer.endpoint = mine.endpoint "
                    " AND newer.seq > mine.seq AND newer.state = 'delivered')) ORDER BY seq LIMIT 50",
                    (tx.now, wall),
                )
                rows = [dict(row) for row in ready]
            tried = 0
            for row in rows:
                if self._silent.get(row["endpoint"], (0, 0))[1] > clock.wall_ms():
                    continue
                tried += 1
                status = self._send(row)
                times = 0 if status else self._silent.get(row["endpoint"], (0, 0))[0] + 1
                rest = clock.wall_ms() + back_off(times - 1) if times else 0
                self._silent[row["endpoint"]] = (times, rest)
            return tried

    def _send(self, row: Body) -> int:
        """Send one delivery, remember how it went and return the status (0 when nobody answered)."""
        with self.store.read() as tx:
            url = tx.setting(f"webhook_{row['endpoint']}", None)
            secret = str(tx.setting(f"secret_{row['endpoint']}", ""))
            event = tx.get(row["event"], kind="event")
        if event is None:
            # The store was reset while this one was on its way.
            return 204
        status = 0
        problem: str | None = "no endpoint is configured"
        if url:
            payload = json.dumps(event, indent=2).encode()
            used = "whsec_of_somebody_else" if row["forge"] else secret
            status, problem = post(str(url), payload, signature(used, payload, clock.wall()))
        accepted = 200 <= status < 300
        attempts = row["attempts"] + 1
        state = "delivered" if accepted else "failed" if attempts >= ATTEMPTS else "pending"
        later = clock.wall_ms() + back_off(row["attempts"])
        with self.store.write() as tx:
            tx.run(
                "UPDATE delivery SET state = ?, attempts = ?, next_wall = ?, forge = 0, last_status = ?, "
                "last_error = ? WHERE seq = ? AND event = ?",
                (
                    state,
                    attempts,
                    later,
                    status,
                    problem,
                    row["seq"],
                    row["event"],
                ),
            )
        return status


def back_off(attempts: int) -> int:
    """Return the wall milliseconds to wait after that many earlier attempts."""
    return min(FIRST_WAIT_MS << min(attempts, 10), LONGEST_WAIT_MS)


def post(url: str, payload: bytes, header: str) -> tuple[int, str | None]:
    """POST a payload; return the status (0 when there was no answer) and the problem."""
    parts = urlsplit(url)
    maker = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = maker(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(
            "POST",
            (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            payload,
            {
                "Content-Type": "application/json; charset=utf-8",
                "Stripe-Signature": header,
                "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            },
        )
        answer = connection.getresponse()
        answer.read(65_536)
        return answer.status, None if 200 <= answer.status < 300 else answer.reason
    except (OSError, ValueError, http.client.HTTPException) as problem:
        return 0, f"{type(problem).__name__}: {problem}"
    finally:
        connection.close()
