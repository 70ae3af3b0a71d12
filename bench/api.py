"""What an order costs over HTTP, against the very same statements replayed in one bare psycopg transaction.

`./dev bench api [--orders N]`. The application runs in this process and is called as a WSGI server calls it; nothing
is stubbed. Each order's statements are written down with their values and replayed, in the same order and as the same
role, on a second database that was a copy of the first: same plans, same triggers, same row-level security, one
durable commit. Printed too: the ratio to a view that does nothing, and the queries of an order of 1, 5 and 20 lines
and of 0, 1 and 20 tokens (a test sees that these are constant).
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa

from bench._server import report
from marketplace.core import config, db, migrate
from marketplace.core.policy import policy
from marketplace.devtools.postgres import Postgres
from marketplace.devtools.throwaway import throwaway_folder
from tests.conftest import PASSWORDS, Database, let_tests_act_for_everybody
from tests.integration.tracking.trade import Trade, line
from tests.own_settings import own_settings

Statement = tuple[str, Any]
_refs = itertools.count(1)


def empty() -> str:
    """Do nothing, as a view."""
    return ""


def taken(work: Callable[[], object]) -> float:
    """Return the milliseconds that something took."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def send(trade: Trade, lines: int, tokens: int) -> tuple[list[Statement], float]:
    """Take in one order; return its statements with their values, and its milliseconds."""
    body = trade.order(
        f"O-{next(_refs)}",
        *(trade.token(trade.anne) for _ in range(tokens)),
        lines=[line(str(number)) for number in range(1, lines + 1)],
    )
    seen: list[Statement] = []

    def write_down(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        seen.append((statement, values))

    sa.event.listen(db.engine(), "before_cursor_execute", write_down)
    status = []
    spent = taken(lambda: status.append(trade.send("POST", "/orders", body).status_code))
    sa.event.remove(db.engine(), "before_cursor_execute", write_down)
    if status != [201]:
        raise RuntimeError(f"the order was answered {status}")
    return seen, spent


def replay(connection: psycopg.Connection[Any], statements: list[Statement]) -> None:
    """Carry out statements in one transaction and fetch what they return, as the application did."""
    with connection.transaction():
        for text, values in statements:
            found = connection.execute(text, values)
            if found.description is not None:
                found.fetchall()


def measure(server: Postgres, orders: int) -> bool:
    """Take in orders and replay each; report, and return whether the limit was kept."""
    server.create_database("first")
    migrate.upgrade(server.url("bootstrap", "first"), PASSWORDS)
    let_tests_act_for_everybody(server.url("bootstrap", "first"))
    database = Database("first", server)
    database.open("app")
    trade = Trade(database)
    trade.app.add_url_rule("/bench/empty", view_func=policy("public", "read")(empty))
    db.close()
    with psycopg.connect(
        server.url("postgres", "first").replace("+psycopg", "", 1), autocommit=True
    ) as owner:
        # Setting up needs a policy that no product has; what is measured does without.
        for table, name in owner.execute("SELECT tablename, policyname FROM pg_policies").fetchall():
            if str(name).endswith("_tests"):
                owner.execute(f"DROP POLICY {name} ON {table}")
    server.create_database("second", template="first")
    db.init(database.url("app"), clock_moves=True)
    url = Database("second", server).url("app").replace("+psycopg", "", 1)
    ours, bare, nothing, counts = [], [], [], []
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(orders + 20):
            statements, spent = send(trade, 2, 1)
            raw = taken(lambda these=statements: replay(connection, these))  # type: ignore[misc]
            client = trade.app.test_client(use_cookies=False)
            view = taken(lambda calls=client: calls.get("/bench/empty"))  # type: ignore[misc]
            if number >= 20:
                ours.append(spent)
                bare.append(raw)
                nothing.append(view)
                counts.append(len(statements))
    shapes = {
        "1_line": (1, 1), "5_lines": (5, 1), "20_lines": (20, 1), "0_tokens": (2, 0), "20_tokens": (2, 20),
    }  # fmt: skip
    value, limit = statistics.median(ours), statistics.median(bare)
    return report(
        "api",
        "api_order",
        value,
        "ms p50 per order (limit: its statements in one bare transaction)",
        limit,
        value / limit,
        5.0,
        better="lower",
        p99_ms=round(statistics.quantiles(ours, n=100)[98], 2),
        times_an_empty_view=round(value / statistics.median(nothing), 1),
        queries=sorted(set(counts)),
        queries_by_shape={name: len(send(trade, *shape)[0]) for name, shape in shapes.items()},
    )


def main() -> int:
    """Run the bench; 1 when the limit was passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=300)
    options = parser.parse_args()
    with throwaway_folder() as folder, Postgres.throwaway(durable=True) as server:
        settings = own_settings(segments_dir=str(folder))
        config.use(dataclasses.replace(settings))
        try:
            return 0 if measure(server, options.orders) else 1
        finally:
            db.close()


if __name__ == "__main__":
    sys.exit(main())
