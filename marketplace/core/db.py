"""The database: one engine a process, one transaction a write, and the only place that commits.

Each transaction begins by telling PostgreSQL who acts (for row-level security) and, in demo and test mode, by
reading how far business time is ahead; both in one statement.
"""

from __future__ import annotations

import datetime as dt
import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy import event, orm

from marketplace.core import clock, failpoints, ids, patience, reading
from marketplace.core.errors import InvariantViolation
from marketplace.core.scope import DOOR as DOOR
from marketplace.core.scope import NOBODY as NOBODY
from marketplace.core.scope import SET, of_begun, set_outside
from marketplace.core.scope import WATCH as WATCH
from marketplace.core.scope import WEBHOOK as WEBHOOK
from marketplace.core.scope import Scope as Scope
from marketplace.core.scope import adopt_shop as adopt_shop
from marketplace.core.scope import set_scope as set_scope
from marketplace.core.scope import use_scope as use_scope
from marketplace.core.scope import within as within

log = structlog.get_logger(__name__)
T = TypeVar("T")

RETRIED_STATES = frozenset({"40P01", "40001"})
UtcDateTime = sa.DateTime(timezone=True)


class Base(orm.DeclarativeBase):
    """The base of every table; names of constraints are derived, so that migrations can name them."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads this as a class attribute.
        dt.datetime: UtcDateTime,
        uuid.UUID: sa.Uuid(),
        str: sa.Text(),
        int: sa.BigInteger(),
    }


def uuid_pk() -> orm.Mapped[uuid.UUID]:
    """Return a primary-key column filled with a time-ordered UUID."""
    return orm.mapped_column(sa.Uuid(), primary_key=True, default=ids.new_id)


def created_at() -> orm.Mapped[dt.datetime]:
    """Return a column that PostgreSQL fills with wall time at insertion."""
    return orm.mapped_column(UtcDateTime, server_default=sa.func.now(), nullable=False)


_engine: list[sa.Engine] = []
_clock_moves: list[bool] = [False]
_open: ContextVar[orm.Session | None] = ContextVar("open_transaction", default=None)
_reading: ContextVar[tuple[orm.Session, ...]] = ContextVar("reading_sessions", default=())


class RefusedRole(RuntimeError):
    """The process was given a database role that could bypass the locks of the database."""


def init(
    url: str,
    *,
    pool_size: int = 5,
    clock_moves: bool = False,
    guard_role: bool = True,
    limit: int = 60,
    scope: Scope = NOBODY,
) -> sa.Engine:
    """Open the engine of this process (nothing connects yet) and return it.

    url: SQLAlchemy URL of the login role; pool_size: connections kept; clock_moves: read the business offset at
    each transaction; guard_role: refuse superusers, BYPASSRLS and members of the owner at the first connection;
    limit: seconds that one statement may take. A server that answers nobody is given up within seconds.
    scope: as whom transactions act that belong to no request.
    """
    close()
    bounds = {"statement_timeout": f"{limit}s", "idle_in_transaction_session_timeout": "60s"}
    options = [f"-c {name}={value}" for name, value in bounds.items()]
    options.append(str(sa.make_url(url).query.get("options", "")))
    engine = sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=5,
        pool_use_lifo=True,  # What the connection used last has prepared is at hand for whoever comes next.
        pool_pre_ping=True,
        # Values of a failed statement would end in the log, and among them are hashes, seeds and tokens.
        hide_parameters=True,
        connect_args={
            "connect_timeout": patience.CONNECT_SECONDS,
            "application_name": "aanrader",
            "options": " ".join(options).strip(),
            **patience.TCP,
        },
    )
    door = patience.Door(patience.bounded(limit=limit + 5))
    event.listen(
        engine, "do_connect", lambda _dialect, _record, cargs, cparams: door.connect(*cargs, **cparams)
    )
    engine.dialect.do_ping = patience.pinging(engine.dialect.do_ping)  # type: ignore[assignment, method-assign]
    if guard_role:
        event.listen(engine, "connect", _refuse_powerful_role)
    event.listen(engine, "after_cursor_execute", reading.note)
    _engine[:] = [engine]
    _clock_moves[:] = [clock_moves]
    set_outside(scope)
    return engine


def refuse_powerful_start() -> None:
    """Raise RefusedRole when this process was given a role that it must not have.

    A database that is away stops nobody from starting: the role is looked at again at each new connection.
    """
    try:
        with engine().connect():
            pass
    except sa.exc.OperationalError as error:
        log.warning("database_away_at_start", error=repr(error.orig))


def engine() -> sa.Engine:
    """Return the engine of this process. Raises RuntimeError before `init`."""
    if not _engine:
        raise RuntimeError("the database was not opened; call db.init first")
    return _engine[0]


def close() -> None:
    """Close all connections of this process."""
    for one in _engine:
        one.dispose()
    _engine.clear()


def _refuse_powerful_role(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper OR rolbypassrls OR rolname = 'aanrader_owner' OR EXISTS (SELECT FROM pg_roles o"
            " WHERE o.rolname = 'aanrader_owner' AND pg_has_role(r.oid, o.oid, 'MEMBER')), rolname"
            " FROM pg_roles r WHERE rolname = current_user"
        )
        powerful, name = cursor.fetchone()
    connection.rollback()
    if powerful:
        raise RefusedRole(
            f"database role {name} is a superuser, bypasses row-level security or owns the tables; "
            "start with aanrader_app, aanrader_worker or aanrader_edge"
        )


_SET_SCOPE = sa.text(SET)
_SET_SCOPE_AND_READ_CLOCK = sa.text(f"{SET}, offset_seconds FROM business_clock")


def _begin(session: orm.Session, transaction: orm.SessionTransaction, connection: sa.Connection) -> None:
    values = of_begun(session, transaction).settings()
    if not transaction.nested:
        reading.begin(session, connection)
    if not _clock_moves[0]:
        connection.execute(_SET_SCOPE, values)
        return
    row = connection.execute(_SET_SCOPE_AND_READ_CLOCK, values).one()
    clock.set_offset(dt.timedelta(seconds=int(row[4] or 0)))


class _Session(orm.Session):
    """A session of the house. It hears of its beginnings as a class: to tell each one anew costs every request."""

    def close(self) -> None:
        """Close the session; what was only read is ended by COMMIT, everything else is rolled back."""
        if self.info.get("for_reading") and self.in_transaction() and reading.has_only_read(self):
            # Rows that somebody changed for showing them are not to be written.
            self.expunge_all()
            # What was read has been read, also when the server went away before it heard of the end.
            with suppress(sa.exc.DBAPIError):
                self.commit()
        super().close()


event.listen(_Session, "after_begin", _begin)


def new_session() -> orm.Session:
    """Return a session of the house: nothing expires at commit and nothing loads behind one's back."""
    return _Session(engine(), expire_on_commit=False)


def in_transaction() -> bool:
    """Tell whether this thread of control has a transaction() open; outside calls must not be made then."""
    return _open.get() is not None


@contextmanager
def transaction(*, point: str = "") -> Iterator[orm.Session]:
    """Open the one transaction of a write; commit at the end, roll back on any exception.

    point: the failpoint around this commit; rooms of money name each of theirs, which a test checks.
    Does not nest: raises InvariantViolation when one is open. Functions given to `after_commit` run after the
    commit; their failures are logged, because the rows are the truth and a sweep finds what a nudge missed.
    """
    if in_transaction():
        raise InvariantViolation(what="transactions do not nest")
    session = new_session()
    token = _open.set(session)
    try:
        yield session
        failpoints.reach(point, "before_commit")
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        _open.reset(token)
        session.close()
    failpoints.reach(point, "after_commit")
    for nudge in session.info.get("after_commit", ()):
        try:
            nudge()
        except Exception as error:  # noqa: BLE001 - the commit stands, whatever a nudge does.
            log.warning("nudge_failed", error=repr(error))


def run_in_transaction(work: Callable[[orm.Session], T], *, point: str = "", tries: int = 5) -> T:
    """Run `work(session)` in a transaction and return its result; deadlocks and serialization failures are retried.

    `work` must be safe to run again. After `tries` the last error is raised.
    """
    for attempt in range(1, tries + 1):
        try:
            with transaction(point=point) as session:
                result = work(session)
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in RETRIED_STATES or attempt == tries:
                raise
            time.sleep(random.uniform(0.005, 0.02) * 2**attempt)  # noqa: S311 - jitter, not a secret.
        else:
            return result
    raise AssertionError("unreachable")


def after_commit(session: orm.Session, nudge: Callable[[], object]) -> None:
    """Run `nudge` once this transaction has committed; never when it rolls back."""
    session.info.setdefault("after_commit", []).append(nudge)


def session() -> orm.Session:
    """Return a session for reading; use it as a context manager, or let the end of the request close it."""
    opened = new_session()
    opened.info["for_reading"] = True
    _reading.set((*_reading.get(), opened))
    return opened


def close_reading_sessions() -> None:
    """Close what the request read with."""
    opened = _reading.get()
    _reading.set(())
    for one in opened:
        one.close()
