"""`./dev restore FILE`: a backup into a database beside the present one, frozen for payouts, then put in its place.

Whatever fails before the last step leaves everything as it was. The database that was replaced is kept under another
name. Stripe was not taken back in time, so payouts are frozen in the restored database before anybody can see it.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql

from marketplace.core import clock, migrate
from marketplace.devtools import archive, books, control
from marketplace.devtools.archive import Manifest, NotABackup
from marketplace.devtools.books import Books, Failed
from marketplace.devtools.environment import base_environment, secrets_of
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.secret_file import write_secret
from marketplace.devtools.state import PROJECT
from marketplace.devtools.talk import Caller

# The edge stays up: visitors are sent on from its table in memory, and their clicks wait in its segments.
_STOPPED = ("web", "worker", "shipper")
# Made by whoever made the database, with rights that our owner role can't give.
_NOT_OURS = (" SCHEMA - public ", " ACL - SCHEMA public ", " COMMENT - SCHEMA public ", " EXTENSION ")


def _say(text: str) -> None:
    print(text, flush=True)


def run(args: argparse.Namespace) -> int:
    """Restore a backup (args: file, force, called_from); 0 once the restored database is in its place, frozen."""
    file = Path(args.called_from) / args.file
    if not file.is_file():
        raise DevtoolsError(f"there is no file {file}")
    with tempfile.TemporaryDirectory(prefix="aanrader-restore-") as name:
        folder = Path(name)
        manifest = archive.unpack(file, folder)
        _say(f"{file.name}: of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, schema {manifest.revision}")
        refuse_unknown_schema(manifest)
        with books.opened(make=True) as target:
            _take_keys(target, folder)
            _refuse(target, manifest, force=args.force)
            with _quiet(target):
                put(target, folder, manifest)
    _say(
        "payouts are FROZEN: look at /api/v1/payout-freeze; two people of finance lift it once all is explained"
    )
    return 0


def refuse_unknown_schema(manifest: Manifest) -> None:
    """Raise NotABackup for a schema that this version does not know how to bring up to date."""
    settings = Config()
    settings.set_main_option("script_location", str(PROJECT / "migrations"))
    settings.set_main_option("path_separator", "os")
    known = {one.revision for one in ScriptDirectory.from_config(settings).walk_revisions()}
    if manifest.revision not in known:
        raise NotABackup(
            f"the backup has schema {manifest.revision}, which this version does not know: update first"
        )


def _refuse(target: Books, manifest: Manifest, *, force: bool) -> None:
    """Raise DevtoolsError for what only `force` may do: replace a database, or read one with other keys."""
    other = sorted(
        name
        for name, mark in manifest.keys.items()
        if name in target.keys and archive.fingerprint(target.keys[name]) != mark
    )
    if other and not force:
        raise DevtoolsError(
            f"the backup was made with another {', '.join(other)}: sealed second factors and click tokens of then can't"
            " be read here. Put the keys of then back first, or use --force"
        )
    if not force and target.exists():
        with target.connect() as connection:
            found = connection.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL").fetchone()
        if found is not None and found[0]:
            raise DevtoolsError(f"database {target.name} is not empty; --force puts the backup in its place")


def _take_keys(target: Books, folder: Path) -> None:
    """On a machine without keys, take those of the backup when it has them; the demo is not seeded again."""
    if target.world is None or target.world.people_file.exists():
        return
    world = target.world
    if (folder / archive.SECRETS).exists() and not world.secrets_file.exists():
        shutil.copyfile(folder / archive.SECRETS, world.secrets_file)
        world.secrets_file.chmod(0o600)
    if (folder / archive.PEOPLE).exists():
        shutil.copyfile(folder / archive.PEOPLE, world.people_file)
        world.people_file.chmod(0o600)
    else:
        write_secret(world.people_file, {"logins": []})


@contextlib.contextmanager
def _quiet(target: Books) -> Iterator[None]:
    """Stop whoever writes, and start them again at the end; on a database of others nobody may be connected."""
    if target.facts is None or target.world is None:
        with target.beside() as connection:
            found = connection.execute(
                "SELECT usename, count(*) FROM pg_stat_activity WHERE datname = %s GROUP BY usename",
                [target.name],
            ).fetchall()
        if found:
            who = ", ".join(f"{count} as {name}" for name, count in found)
            raise DevtoolsError(
                f"database {target.name} is in use ({who}); stop web, worker, shipper and edge first"
            )
        yield
        return
    _say(f"stopping {', '.join(_STOPPED)}; redirects go on")
    try:
        for name in _STOPPED:
            control.ask(target.world, {"do": "stop", "name": name})
        yield
    finally:
        _say(f"starting {', '.join(_STOPPED)}")
        for name in _STOPPED:
            control.ask(target.world, {"do": "start", "name": name})


def put(target: Books, folder: Path, manifest: Manifest) -> None:
    """Restore beside the database and put the result in its place. Raises DevtoolsError, with nothing changed."""
    stamp = f"{clock.wall():%Y%m%d_%H%M%S}"
    fresh = f"{target.name}_restored_{stamp}"
    offset = _offset(target, manifest)
    with target.beside() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(fresh)))
    try:
        _fill(target, folder, fresh)
        _compare(target, manifest, fresh)
        freeze(target, manifest, fresh, offset)
        _ship(target, folder, fresh)
        kept = _swap(target, fresh, f"{target.name}_replaced_{stamp}")
    except BaseException:
        with target.beside() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(fresh))
            )
        raise
    _ship_everything_again(target.segments)
    if kept is not None:
        _say(f"the database that was replaced is kept as {kept}; drop it when nobody misses anything")


def _offset(target: Books, manifest: Manifest) -> int:
    """Return how far business time has to be ahead: it never goes back, whatever database is read."""
    seen = [manifest.offset_seconds]
    if target.exists():
        with target.connect() as connection:
            found = connection.execute("SELECT to_regclass('public.business_clock') IS NOT NULL").fetchone()
            if found is not None and found[0]:
                connection.execute("SET ROLE aanrader_owner")
                row = connection.execute("SELECT offset_seconds FROM business_clock").fetchone()
                seen.append(int(row[0]) if row else 0)
    if target.facts is not None:
        told = Caller(target.facts["sandbox"]).get(f"{target.facts['sandbox']}/_sandbox/clock")
        seen.append(int(told["offset_seconds"]))
    return max(seen)


def _fill(target: Books, folder: Path, fresh: str) -> None:
    engine = sa.create_engine(target.of_sqlalchemy(fresh), poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        migrate.ensure_roles(connection, {})
    engine.dispose()
    listed = target.program("pg_restore", "--list", str(folder / archive.DUMP))
    wanted = folder / "contents.list"
    lines = [line for line in listed.splitlines() if not any(name in f"{line} " for name in _NOT_OURS)]
    wanted.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _say(f"restoring {len([line for line in lines if not line.startswith(';')])} objects")
    target.run(
        "pg_restore",
        "--role=aanrader_owner",
        "--no-owner",
        "--exit-on-error",
        f"--use-list={wanted}",
        str(folder / archive.DUMP),
        database=fresh,
    )
    passwords: dict[str, str] = {}
    if target.world is not None:
        known = secrets_of(target.world)
        passwords = {f"aanrader_{role}": known[f"password_{role}"] for role in ("app", "worker", "edge")}
    migrate.upgrade(target.of_sqlalchemy(fresh), passwords)


def _compare(target: Books, manifest: Manifest, fresh: str) -> None:
    """Raise Failed when the restored rows are fewer than were counted just before the dump."""
    with target.connect(fresh) as connection:
        connection.execute("SET ROLE aanrader_owner")
        for table, expected in manifest.counts.items():
            row = connection.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            ).fetchone()
            found = int(row[0]) if row else 0
            if found < expected:
                raise Failed(f"{table} has {found} rows, the backup counted {expected}: nothing was replaced")


def freeze(target: Books, manifest: Manifest, database: str, offset: int) -> None:
    """Freeze payouts in a restored database and set its business clock, before anybody can see it."""
    now = clock.wall() + dt.timedelta(seconds=offset)
    note = f"backup of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC"
    with target.connect(database) as connection, connection.transaction():
        connection.execute("SET LOCAL ROLE aanrader_owner")
        connection.execute("UPDATE business_clock SET offset_seconds = %s", [offset])
        row = connection.execute(
            "SELECT payout_freeze_begin('restore', %s, %s, %s, 'restore')", [note, manifest.business_at, now]
        ).fetchone()
        connection.execute(
            "INSERT INTO audit_event (id, at, actor, action, subject_type, subject_id, facts)"
            " VALUES (gen_random_uuid(), %s, 'restore', 'payouts.freeze', 'payout_freeze', %s, '{}')",
            [now, str(row[0]) if row else ""],
        )


def _ship(target: Books, folder: Path, fresh: str) -> None:
    """Bring the clicks of the backup that were not in its database into the restored one; each counts once."""
    segments = folder / archive.SEGMENTS
    if not segments.is_dir():
        return
    done = subprocess.run(
        [sys.executable, "-m", "marketplace.devtools", "run", "shipper", "--once"],
        env={
            **base_environment(),
            "AANRADER_MODE": "demo",
            "DATABASE_URL": books.as_worker(target.of_sqlalchemy(fresh)),
            "AANRADER_SEGMENTS_DIR": str(segments),
        },
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Failed("the clicks of the backup can't be shipped:\n" + done.stderr.strip()[-1500:])


def _swap(target: Books, fresh: str, kept: str) -> str | None:
    """Put the fresh database in the place of the present one, and return under which name that is kept."""
    name = sql.Identifier(target.name)
    had_one = target.exists()
    if had_one:
        with target.beside() as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        try:
            _end_sessions(target)
            with target.beside() as connection:
                connection.execute(
                    sql.SQL("ALTER DATABASE {} RENAME TO {}").format(name, sql.Identifier(kept))
                )
        except BaseException:
            with target.beside() as connection:
                connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
            raise
    with target.beside() as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(fresh), name))
        if had_one:
            connection.execute(
                sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(kept))
            )
    return kept if had_one else None


def _end_sessions(target: Books) -> None:
    """End the sessions that are left (the edge's, which opens new ones); of others' servers there are none."""
    if target.embedded is not None:
        target.embedded.end_sessions(target.name)


def _ship_everything_again(segments: Path | None) -> None:
    """Forget how far the shipper came: what it shipped since the backup is not in this database, and twice is once."""
    if segments is not None and segments.is_dir():
        for mark in segments.glob("*/shipped.json"):
            mark.unlink(missing_ok=True)
