"""`./dev check`: everything that reads the code without running the product; two checks at a time."""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from marketplace.devtools.environment import Addresses, base_environment, service_environment
from marketplace.devtools.postgres import Postgres
from marketplace.devtools.state import PROJECT, World

_TOOLS = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check said, and how long it took in seconds."""

    name: str
    ok: bool
    seconds: float
    said: str


def _tool(name: str, *argv: str) -> Callable[[], tuple[bool, str]]:
    def check() -> tuple[bool, str]:
        done = subprocess.run(
            [str(_TOOLS / name), *argv], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        return done.returncode == 0, done.stdout + done.stderr

    return check


def _code() -> list[str]:
    return [name for name in ("marketplace", "tracking", "payouts", "wsgi.py") if (PROJECT / name).exists()]


def _migrations() -> tuple[bool, str]:
    """Migrate a throw-away database from empty, then compare it with the models."""
    with World.throwaway("check") as world, Postgres.throwaway() as server:
        ports = dict.fromkeys(("web", "edge", "sandbox", "mail", "smtp"), 9)
        addresses = Addresses(ports, server.url(), "unix:///nowhere?db=0")
        done = subprocess.run(
            [sys.executable, "-m", "marketplace.core.migrate", "--check"],
            cwd=PROJECT,
            env=service_environment("migrate", world, addresses, mode="test", extra=base_environment()),
            capture_output=True,
            text=True,
            check=False,
        )
    return done.returncode == 0, done.stdout + done.stderr


def checks() -> dict[str, Callable[[], tuple[bool, str]]]:
    """Return every check by name, the slow ones first so that two fill both cores."""
    python = "python"
    return {
        "types": _tool(python, "-m", "mypy", *_code()),
        "migrations equal models": _migrations,
        "house rules": _tool(
            # A plugin that none of these needs takes longer to load than most of them take.
            python,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:randomly",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:schemathesis",
            "tests/architecture",
        ),
        "import contracts": _tool("lint-imports", "--no-logo"),
        "dependencies": _tool(python, "-m", "deptry", "--no-ansi", "."),
        "lint": _tool("ruff", "check", "--output-format", "concise", "."),
        "format": _tool("ruff", "format", "--check", "--output-format", "concise", "."),
    }


def _timed(name: str, check: Callable[[], tuple[bool, str]]) -> Outcome:
    began = time.monotonic()
    ok, said = check()
    return Outcome(name, ok, time.monotonic() - began, said)


def run(_args: argparse.Namespace) -> int:
    """Run every check; prints each with its time, and what a failing one said. Returns 1 when one fails."""
    began = time.monotonic()
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting = [pool.submit(_timed, name, check) for name, check in checks().items()]
        outcomes = [future.result() for future in waiting]
    for outcome in outcomes:
        if not outcome.ok:
            print(f"--- {outcome.name}\n{outcome.said.rstrip()}\n")
    for outcome in outcomes:
        print(f"{'ok' if outcome.ok else 'FAIL'}\t{outcome.name}\t{outcome.seconds:.1f}\ts")
    failed = sum(not outcome.ok for outcome in outcomes)
    print(f"{len(outcomes)} checks, {failed} failed, {time.monotonic() - began:.1f} s")
    return 1 if failed else 0
