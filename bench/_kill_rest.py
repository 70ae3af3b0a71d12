"""What is under way at the moment of a kill, and what is wrong, missing or there twice once all has come to rest."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

from bench._kill_load import Load
from marketplace.core import holder
from marketplace.devtools import business_time, drain, stack
from marketplace.devtools.environment import secrets_of
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.talk import Caller

DRAIN_SECONDS = 420.0
# What waits for its next try has it, then the money reaches the banks and the books are compared.
HOUR, WEEK = 3_600, 7 * 86_400
_PAID = "state IN ('paid', 'in_bank', 'bank_failed')"


@contextlib.contextmanager
def books(running: stack.Stack) -> Iterator[psycopg.Connection[Any]]:
    """Open the database as one who sees everything."""
    address = running.environment("command")["DATABASE_URL"].replace("+psycopg", "", 1)
    with psycopg.connect(address, autocommit=True, connect_timeout=5) as connection:
        yield connection


def under_way(running: stack.Stack) -> list[str]:
    """Return what is being done right now: `run`, `payout` (a living worker has one in hand), `call` (to Stripe)."""
    with books(running) as connection:
        runs = connection.execute("SELECT FROM payout_run WHERE state = 'executing' LIMIT 1").fetchall()
        held = connection.execute(
            "SELECT p.leased_by, EXISTS (SELECT FROM payout_attempt a WHERE a.payout_id = p.id AND a.outcome IS NULL)"
            " FROM payout p WHERE p.leased_by IS NOT NULL"
        ).fetchall()
    # One that died keeps what it had in hand until somebody finds out, and does nothing with it.
    mine = [is_open for leased_by, is_open in held if not holder.is_gone(leased_by)]
    return ["run"] * bool(runs) + ["payout"] * bool(mine) + ["call"] * any(mine)


def tally(running: stack.Stack) -> dict[str, int]:
    """Return how many runs were carried out, payouts paid, and webhooks taken so far."""
    with books(running) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM payout_run WHERE state = 'done'),"
            f" (SELECT count(*) FROM payout WHERE {_PAID}), (SELECT count(*) FROM stripe_event)"
        ).fetchone()
    return dict(zip(("runs", "paid", "webhooks"), row or (), strict=True))


def come_to_rest(facts: Mapping[str, Any]) -> list[str]:
    """Let everything that is due be done, an hour pass, and a week; return in words what is due still."""
    wrong: list[str] = []
    for seconds in (0, HOUR, WEEK):
        try:
            if seconds:
                business_time.set_offset(facts, business_time.offset_now(facts) + seconds)
            left = drain.drain(facts, DRAIN_SECONDS)
        except DevtoolsError as error:
            return [*wrong, str(error)]
        wrong += [f"due still: {name} {figure}" for name, figure in left.items()]
    return wrong


def broken(running: stack.Stack) -> list[str]:
    """Return every promise that `./dev verify` finds broken; reconciliation to 0.00 is one of them."""
    try:
        running.command("-m", "marketplace.devtools", "verify", "--json")
    except DevtoolsError as error:
        return [line for line in str(error).splitlines() if '"FAIL"' in line] or [str(error)]
    return []


def compared(running: stack.Stack, load: Load) -> tuple[dict[str, int], list[str]]:
    """Compare what clients were told and what Stripe did with the books: figures, and in words what is wrong."""
    with books(running) as connection:
        stored = {
            "clicks": connection.execute("SELECT click_id::text, count(*) FROM click GROUP BY 1").fetchall(),
            "orders": connection.execute("SELECT order_ref, count(*) FROM shop_order GROUP BY 1").fetchall(),
        }
        paid = {
            (str(transfer), str(payout))
            for transfer, payout in connection.execute(
                f"SELECT stripe_transfer_id, id FROM payout WHERE {_PAID}"
            )
        }
        [difference] = connection.execute(
            "SELECT coalesce(sum(abs(difference_minor)), -1) FROM (SELECT DISTINCT ON (currency) difference_minor"
            "   FROM recon_certificate ORDER BY currency, at DESC, id DESC) newest"
        ).fetchone() or (-1,)
    made = _transfers(running)
    figures = {
        "transfers": len(made),
        "transfers_twice": len(made) - len({payout for _, payout in made}),
        "transfers_lost": len(paid - set(made)),
        "transfers_unknown": len(set(made) - paid),
        "difference_cents": int(difference),
    }
    for what, told in (("clicks", load.clicks), ("orders", load.orders)):
        there = dict(stored[what])
        figures |= {
            what: len(told),
            f"{what}_lost": len(told - set(there)),
            f"{what}_twice": sum(times - 1 for times in there.values()),
        }
    bad = {
        name: figure
        for name, figure in figures.items()
        if figure and name.endswith(("_lost", "_twice", "_unknown", "_cents"))
    }
    return figures, [json.dumps(bad)] if bad else []


def _transfers(running: stack.Stack) -> list[tuple[str, str]]:
    stripe = Caller(running.addresses.of("sandbox"), secrets_of(running.world)["stripe_api_key"])
    found: list[tuple[str, str]] = []
    last: dict[str, str] = {}
    while True:
        page = stripe.get("/v1/transfers", limit=100, **last)
        found += [(one["id"], one["metadata"]["payout_id"]) for one in page["data"]]
        if not page["has_more"]:
            return found
        last = {"starting_after": page["data"][-1]["id"]}
