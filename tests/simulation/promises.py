"""The promises of every room as parts of one prepared statement, so that all are checked after every step.

A promise that is one figure of one query becomes a part: its query is heard when it is checked in the product's own
way, once a process. The others are worked out in Python by the product and are checked in its own way now and then
(STEPS_BETWEEN), like all the parts too, so that a part can't mean something else than its promise.
"""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy.orm import Session

from marketplace.core import db, hooks
from marketplace.core.actor import Actor
from tests.simulation.environment import Environment
from tests.simulation.furniture import scope

STEPS_BETWEEN = 50
# These hold once everything has come to rest: between a payment and the next import the first can't, and the other
# measures by PostgreSQL's own clock, which doesn't stand still while a world is played.
AT_REST = {"certificate_difference", "no_move_forgotten"}
# A promise whose figure is made of more than the first column.
FIGURE_OF_MANY = {"transfers_equal_paid_payouts": "abs(f - g)"}


class _Ear:
    """A session that keeps which statements went through it, and what the first one answered."""

    def __init__(self, session: Session) -> None:
        self._session, self.said, self.first = session, list[tuple[Any, Any]](), list[Any]()

    def execute(self, statement: Any, values: Any = None) -> Any:
        """Execute a statement."""
        if not self.said:
            self.first = list(self._session.execute(statement, values).all())
        self.said.append((statement, values))
        return self._session.execute(statement, values)

    def scalar(self, statement: Any, values: Any = None) -> Any:
        """Execute a statement and return its first value."""
        return self.execute(statement, values).scalar()

    def scalars(self, statement: Any, values: Any = None) -> Any:
        """Execute a statement and return its first values."""
        return self.execute(statement, values).scalars()


def parts(here: Environment) -> dict[str, str]:
    """Return by name the queries of the promises whose figure is the first column of their first query's one row."""
    here.play("worker")
    found = {}
    with db.session() as session, psycopg.connect(here.dsn("postgres")) as plain:
        for name, promise in sorted(hooks.invariants.items()):
            ear = _Ear(session)
            finding = promise.check(ear)  # type: ignore[arg-type]
            names = FIGURE_OF_MANY.get(name, "f")
            columns = [len(row) if isinstance(row[0], int) else 0 for row in ear.first]
            if name in AT_REST or finding.ok is not None or len(ear.said) > 2:
                continue
            if columns not in ([1], [2]) and name not in FIGURE_OF_MANY:
                continue
            statement, values = ear.said[0]
            compiled = statement.compile(dialect=here.owner.dialect)
            given = compiled.params | (values or {})
            text = psycopg.ClientCursor(plain).mogrify(str(compiled), given)
            q = "q (f)" if columns == [1] else "q (f, g)"
            found[name] = f"(SELECT {names} FROM ({text.rstrip(' ;')}) AS {q})".replace("%", "%%")
    return found


def together(queries: dict[str, str]) -> str:
    """Return an expression that gives the figures in the order of the names, as a JSON array."""
    return f"json_build_array({', '.join(queries.values())})"


def in_their_own_way(here: Environment, but: set[str]) -> dict[str, int]:
    """Check the promises as `./dev verify` does; return the figures of those that don't hold."""
    here.play("worker")
    with db.session() as session:
        found = {
            name: one.check(session) for name, one in sorted(hooks.invariants.items()) if name not in but
        }
    return {name: one.figure for name, one in found.items() if not one.holds}


def _foreign(column: str, *tables: str) -> str:
    counts = [f"(SELECT count(*) FROM {table} WHERE {column} <> %(mine)s)" for table in tables]
    return f"SELECT {' + '.join(counts)}"


# Rows of other tenants, counted by the web role as one tenant (I9).
OF_OTHER_SHOPS = _foreign(
    "shop_id", "shop_order", "commission", "attribution", "funding", "touch", "accrual", "refund", "posting"
)
OF_OTHER_ADVISERS = _foreign(
    "adviser_id", "commission", "payout", "payout_line", "payout_account", "accrual", "touch"
)
BECOME = (
    "SELECT set_config('app.actor', %(actor)s, false), set_config('app.shop_ids', %(shops)s, false),"
    " set_config('app.adviser_id', %(adviser)s, false), set_config('app.role', %(role)s, false)"
)


def seen_of_others(here: Environment, actor: Actor) -> int:
    """Return how many rows of other tenants a shop's owner or an adviser is shown, in one round trip."""
    assert here.guest is not None
    mine = actor.adviser_id or actor.shop_ids[0]
    with here.guest.pipeline():
        here.guest.execute(BECOME, scope(actor).settings())
        counted = here.guest.execute(
            OF_OTHER_ADVISERS if actor.adviser_id else OF_OTHER_SHOPS, {"mine": mine}
        )
    [found] = counted.fetchone() or (0,)
    return int(found)
