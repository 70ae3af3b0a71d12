"""`./dev verify`: every promise that rooms registered, checked on live data as the worker."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa

from marketplace.core import config, db, hooks
from marketplace.devtools import environment
from marketplace.devtools.demo_facts import facts_of_running_demo
from marketplace.devtools.errors import NotPossibleHere
from marketplace.devtools.state import World


@dataclass(frozen=True, slots=True)
class Line:
    """One checked promise."""

    ok: bool
    name: str
    figure: int
    unit: str
    rows_seen: int


def check_all() -> list[Line]:
    """Check every registered invariant on the database of this process, each in a snapshot of its own.

    A check that fails to run counts as a failure of its promise, with figure -1.
    """
    lines = []
    for one in sorted(hooks.invariants.values(), key=lambda item: item.name):
        with db.session() as session:
            try:
                finding = one.check(session)
            except Exception as error:  # noqa: BLE001 - a promise that can't be checked is not kept; the rest go on.
                print(f"{one.name} could not be checked: {error!r}", file=sys.stderr)
                finding = hooks.Finding(figure=-1, rows_seen=0, ok=False)
        lines.append(Line(finding.holds, one.name, finding.figure, one.unit, finding.rows_seen))
    return lines


def open_as_worker(facts: Mapping[str, Any] | None) -> None:
    """Work as the worker role on the demo's database; without facts, on that of DATABASE_URL.

    DATABASE_URL may be the worker's or the bootstrap role's, which can become the worker. Raises NotPossibleHere for
    another role, whose sight of the rows is narrower than what must be verified.
    """
    settings = config.load()
    url = settings.database_url
    if facts is not None:
        known = environment.secrets_of(World.demo())
        url = environment.as_role(facts["admin_database_url"], "aanrader_worker", known["password_worker"])
        settings = config.load(
            {
                "AANRADER_MODE": "demo",
                "DATABASE_URL": url,
                "STRIPE_API_KEY": known["stripe_api_key"],
                "STRIPE_API_BASE": facts["sandbox"],
                "AANRADER_SEGMENTS_DIR": facts["segments_dir"],
            }
        )
    config.use(settings)
    engine = db.init(url, clock_moves=True, guard_role=False, limit=900)
    sa.event.listen(engine, "connect", _become_worker)
    with engine.connect():
        pass
    importlib.import_module("wsgi").register()


def _become_worker(connection: Any, _record: Any) -> None:
    # Outside a transaction, so that a rollback does not take the role back.
    connection.autocommit = True
    with connection.cursor() as cursor:
        try:
            cursor.execute("SET ROLE aanrader_worker")
        except psycopg.Error as error:
            raise NotPossibleHere(
                f"DATABASE_URL must be the role aanrader_worker, or one that can become it: {error}"
            ) from error
    connection.autocommit = False


def show(lines: list[Line], *, as_json: bool) -> int:
    """Print the lines and return 0 when every promise holds, else 1."""
    for line in lines:
        word = "ok" if line.ok else "FAIL"
        if as_json:
            fields = {
                "name": line.name,
                "figure": line.figure,
                "unit": line.unit,
                "rows_seen": line.rows_seen,
            }
            print(json.dumps({"result": word, **fields}))
        else:
            print(f"{word}\t{line.name}\t{line.figure}\t{line.unit}")
    if not lines:
        print("no invariant is registered: nothing was checked", file=sys.stderr)
    return 0 if lines and all(line.ok for line in lines) else 1


def run(args: argparse.Namespace) -> int:
    """Verify the running demo, or the database of DATABASE_URL when that is set."""
    facts = None if config.load().database_url else facts_of_running_demo()
    open_as_worker(facts)
    try:
        return show(check_all(), as_json=args.json)
    finally:
        db.close()
