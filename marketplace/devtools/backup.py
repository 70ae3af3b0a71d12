"""`./dev backup [FILE]`: the database in one consistent snapshot, and the clicks that are not in it yet.

pg_dump and not pg_basebackup: it needs no replication right, works on a server that others run, and what it makes is
restored into a database *beside* the present one, so that a restore that fails has changed nothing. Whoever wants to
go back to any second archives the WAL as well, and freezes payouts by hand after using it.

Secrets stay out: a backup travels further than the keys may. Stripe's memory stays out because it is Stripe's.
"""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from marketplace.core import clock
from marketplace.devtools import archive, books
from marketplace.devtools.archive import Manifest
from marketplace.devtools.books import Books
from marketplace.devtools.errors import DevtoolsError

# Tables whose rows are counted in the same snapshot, for whoever restores to compare.
_COUNTED = ("entry", "posting", "payout", "shop_order", "commission", "click", "user_account")


def _say(text: str) -> None:
    print(text, flush=True)


def run(args: argparse.Namespace) -> int:
    """Make a backup (args: file, force, with_secrets, called_from); 0 once it is whole on disk."""
    now = clock.wall()
    file = Path(args.called_from) / (args.file or f"aanrader-{now:%Y%m%d-%H%M%S}.backup")
    if file.is_dir():
        raise DevtoolsError(f"{file} is a folder; name a file")
    if file.exists() and not args.force:
        raise DevtoolsError(f"{file} exists already; --force replaces it")
    if not file.parent.is_dir():
        raise DevtoolsError(f"there is no folder {file.parent}")
    with books.opened() as source:
        size = make(source, file, with_secrets=args.with_secrets)
    _say(f"backup {file} ({size / 1_000_000:.1f} MB)")
    if not args.with_secrets:
        _say("keys and passwords are not in it: keep secrets.json (or the environment) apart, and safe")
    return 0


def make(source: Books, file: Path, *, with_secrets: bool = False) -> int:
    """Write the backup of a database to a file and return its size in bytes.

    Raises DevtoolsError when it can't be made; then the file is what it was before.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=".aanrader-backup-", dir=file.parent) as name:
        folder = Path(name)
        # Clicks before the database: what is shipped in between stands in both, and nothing stands in neither.
        clicks = _copy_segments(source.segments, folder / archive.SEGMENTS)
        _say(f"clicks: {clicks / 1000:.0f} kB of segments")
        facts = _facts(source)
        _say(
            f"database: schema {facts['revision']}, "
            + ", ".join(f"{n} {t}" for t, n in facts["counts"].items())
        )
        source.run(
            "pg_dump",
            "--format=custom",
            "--compress=zstd:3" if _has_zstd(source) else "--compress=6",
            "--role=aanrader_owner",
            "--schema=public",
            "--lock-wait-timeout=10s",
            f"--file={folder / archive.DUMP}",
        )
        if with_secrets:
            _copy_secrets(source, folder)
        manifest = Manifest(
            made_at=clock.wall(),
            keys={key: archive.fingerprint(value) for key, value in source.keys.items()},
            files=archive.files_in(folder),
            **facts,
        )
        manifest.write(folder)
        size = archive.pack(folder, file)
    _say(
        f"done in {time.monotonic() - began:.1f} s; business time {manifest.business_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    return size


def _facts(source: Books) -> dict[str, Any]:
    """Return what the manifest says of the database. The instant is read before the dump begins, so it is not late."""
    with source.connect() as connection, connection.transaction():
        connection.execute("SET LOCAL ROLE aanrader_owner")
        found = connection.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL").fetchone()
        if found is None or not found[0]:
            raise DevtoolsError(f"database {source.name} is empty: there is nothing to back up")
        row = connection.execute(
            "SELECT version_num, (SELECT offset_seconds FROM business_clock), current_setting('server_version')"
            " FROM alembic_version"
        ).fetchone()
        if row is None:
            raise DevtoolsError(f"database {source.name} was never migrated")
        counts: dict[str, int] = {}
        for table in _COUNTED:
            counted = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
            counts[table] = int(counted[0]) if counted else 0
    offset = int(row[1] or 0)
    return {
        "revision": str(row[0]),
        "offset_seconds": offset,
        "server_version": str(row[2]),
        "business_at": clock.wall() + dt.timedelta(seconds=offset),
        "counts": counts,
    }


def _has_zstd(source: Books) -> bool:
    """Say whether our pg_dump was built with zstd."""
    return "--with-zstd" in source.program("pg_config", "--configure")


def _copy_segments(segments: Path | None, into: Path) -> int:
    """Copy every segment that is there now and return the bytes; one that goes meanwhile was shipped."""
    copied = 0
    if segments is None or not segments.is_dir():
        return 0
    for path in sorted(segments.glob("*/*.tsv")):
        if path.name == "rejected.tsv" or path.is_symlink():
            continue
        target = into / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, target)
        except FileNotFoundError:
            continue
        copied += target.stat().st_size
    return copied


def _copy_secrets(source: Books, folder: Path) -> None:
    if source.world is None or not source.world.secrets_file.exists():
        raise DevtoolsError("the keys of this installation are in its environment; copy them yourself")
    for path, name in (
        (source.world.secrets_file, archive.SECRETS),
        (source.world.people_file, archive.PEOPLE),
    ):
        if path.exists():
            shutil.copyfile(path, folder / name)
