"""Moving business time, of all processes and the sandbox together; it never goes back."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import time
from collections.abc import Mapping
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.talk import Caller

_STEP = re.compile(r"\+([0-9]{1,4})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_TOLERANCE_SECONDS = 3


class Unreadable(DevtoolsError):
    """Say that the time asked for can't be read, or lies in the past; exit code 2."""

    exit_code = 2


def wanted(text: str, now: dt.datetime) -> dt.datetime:
    """Return the instant that `+3d`, `+2h`, a date or an instant names, as seen from business `now`.

    A date alone is midnight UTC. Raises Unreadable when it can't be read or is not later than `now`.
    """
    if match := _STEP.fullmatch(text):
        instant = now + dt.timedelta(**{_UNITS[match[2]]: int(match[1])})
    else:
        try:
            instant = dt.datetime.fromisoformat(text)
        except ValueError as error:
            raise Unreadable(f"{text!r} is neither show, a step such as +3d, nor a date") from error
        instant = instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)
    if instant < now:
        raise Unreadable(f"business time is {now:%Y-%m-%d %H:%M:%S} UTC already and never goes back")
    return instant


def offset_now(facts: Mapping[str, Any]) -> int:
    """Return the offset in seconds as the database has it."""
    with _as_owner(facts) as connection:
        row = connection.execute("SELECT offset_seconds FROM business_clock").fetchone()
    if row is None:
        raise DevtoolsError("the database has no business clock; migrate it first")
    return int(row[0])


def begin(facts: Mapping[str, Any], seconds: int) -> None:
    """Let business time begin at an offset, in the past too, as long as nothing has happened yet.

    Nothing but PostgreSQL and the sandbox needs to run. Raises Refused or a psycopg error when something happened.
    """
    sandbox = Caller(facts["sandbox"])
    sandbox.get(f"{facts['sandbox']}/_sandbox/clock")
    with _as_owner(facts) as connection:
        connection.execute("UPDATE business_clock SET offset_seconds = %s", [seconds])
    sandbox.post(f"{facts['sandbox']}/_sandbox/clock", {"offset_seconds": seconds})


def set_offset(facts: Mapping[str, Any], seconds: int) -> None:
    """Set the offset of the database and the sandbox and wait until web, edge, worker and sandbox report it.

    Raises DevtoolsError when one of them does not within a minute, naming it.
    """
    with _as_owner(facts) as connection:
        connection.execute("UPDATE business_clock SET offset_seconds = %s", [seconds])
    Caller(facts["sandbox"]).post(f"{facts['sandbox']}/_sandbox/clock", {"offset_seconds": seconds})
    wake(facts)
    deadline = time.monotonic() + 60
    for tries in itertools.count(1):
        late = {
            name: seen for name, seen in report(facts).items() if abs(seen - seconds) > _TOLERANCE_SECONDS
        }
        if not late:
            return
        if time.monotonic() > deadline:
            raise DevtoolsError(f"these do not see the new time (offset {seconds} s): {late}")
        if tries % 10 == 0:
            wake(facts)
        time.sleep(min(0.02 * tries, 0.2))


def wake(facts: Mapping[str, Any]) -> bool:
    """Ask every background process to look for work at once; tell whether the worker found nothing more in a second."""
    return bool(Caller(facts["web"]).post("/_dev/wake?rest")["rested"])


def report(facts: Mapping[str, Any]) -> dict[str, int]:
    """Return the offset in seconds that each process sees."""
    caller = Caller(facts["web"])
    clock = caller.get("/_dev/clock")
    seen = {"web": int(clock["offset_seconds"])}
    seen |= {name: int(beat["offset_seconds"]) for name, beat in clock["processes"].items()}
    seen.setdefault("worker", -(10**9))
    seen["edge"] = int(caller.get(f"{facts['edge']}/_edge/health")["offset_seconds"])
    seen["sandbox"] = int(caller.get(f"{facts['sandbox']}/_sandbox/clock")["offset_seconds"])
    return seen


def _as_owner(facts: Mapping[str, Any]) -> psycopg.Connection[Any]:
    url = make_url(facts["admin_database_url"]).set(drivername="postgresql")
    connection = psycopg.connect(
        url.render_as_string(hide_password=False), autocommit=True, connect_timeout=5
    )
    connection.execute("SET ROLE aanrader_owner")
    return connection
