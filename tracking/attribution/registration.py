"""What attribution hangs up: the command by which a platform sets its policy. Deciding again moves commissions, so
that sweep lives there.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from marketplace.core import clock, config, db, hooks
from tracking.attribution import policies


def register() -> None:
    """Register the command. Safe to call twice."""
    hooks.command("attribution-policy", _publish)


def blueprints() -> Iterable[Any]:
    """Return no routes: decisions are read with their orders."""
    return ()


def _publish(argv: Sequence[str]) -> int:
    """Publish the platform's next attribution policy, in force at once; print its number. Works as the worker."""
    parser = argparse.ArgumentParser(
        prog="attribution-policy", description="Publish the platform's next policy."
    )
    parser.add_argument(
        "--guard-seconds", type=int, required=True, help="a click this young displaces nobody: 0 to 86400"
    )
    parser.add_argument("--code-rule", choices=("override", "ignore"), default="override")
    options = parser.parse_args(list(argv))
    if not 0 <= options.guard_seconds <= 86_400:
        parser.error("--guard-seconds lies between 0 and 86400")
    settings = config.current()
    db.init(settings.database_url, clock_moves=settings.clock_moves)
    try:
        with db.transaction(point="attribution.publish") as session:
            # Business time is read as the transaction begins.
            session.connection()
            now = clock.now()
            made = policies.publish(
                session,
                None,
                guard_seconds=options.guard_seconds,
                code_rule=options.code_rule,
                effective_from=now,
                now=now,
            )
            print(made.version)
    finally:
        db.close()
    return 0
