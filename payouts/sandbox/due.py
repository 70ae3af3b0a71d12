"""What virtual time will bring: a durable list of (instant, verb, reference)."""

from __future__ import annotations

from payouts.sandbox.store import Tx


def add(tx: Tx, at: int, verb: str, ref: str) -> None:
    """Remember that `verb` happens to `ref` at virtual second `at`."""
    tx.run("INSERT INTO due (at, verb, ref) VALUES (?, ?, ?)", (at, verb, ref))


def cancel(tx: Tx, ref: str) -> None:
    """Forget everything that was due for `ref`."""
    tx.run("DELETE FROM due WHERE ref = ?", (ref,))


def waiting(tx: Tx) -> bool:
    """Say whether something is due by now."""
    return tx.row("SELECT 1 FROM due WHERE at <= ? LIMIT 1", (tx.now,)) is not None


def take(tx: Tx, until: int) -> tuple[int, str, str] | None:
    """Remove and return the earliest thing due by `until`."""
    row = tx.row("SELECT seq, at, verb, ref FROM due WHERE at <= ? ORDER BY at, seq LIMIT 1", (until,))
    if row is None:
        return None
    tx.run("DELETE FROM due WHERE seq = ?", (row["seq"],))
    return int(row["at"]), str(row["verb"]), str(row["ref"])
