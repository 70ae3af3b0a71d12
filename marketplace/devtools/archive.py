"""The file of a backup: a tar with what it is about first, then the database, then clicks that were not shipped.

manifest.json            when, of which schema, with which keys, and the SHA-256 of every other file
database.dump            pg_dump's custom format, compressed
segments/<slot>/<n>.tsv  click lines that may not be in the database yet
secrets.json, people.json  only when they were asked for
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import tarfile
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from marketplace.devtools.errors import DevtoolsError

FORMAT = 1
MANIFEST, DUMP, SEGMENTS, SECRETS, PEOPLE = (
    "manifest.json",
    "database.dump",
    "segments",
    "secrets.json",
    "people.json",
)


class NotABackup(DevtoolsError):
    """Say that a file can't be restored, and why."""


@dataclass(frozen=True)
class Manifest:
    """What a backup is about. `business_at` is the instant from which Stripe may know more than the books.

    keys: fingerprints of the keys in use, never the keys; counts: rows of a few tables, to compare after a restore.
    """

    made_at: dt.datetime
    business_at: dt.datetime
    offset_seconds: int
    revision: str
    server_version: str
    keys: dict[str, str]
    counts: dict[str, int]
    files: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the manifest beside its files."""
        said = asdict(self) | {"format": FORMAT}
        text = json.dumps(said, default=lambda value: value.isoformat(), indent=1, sort_keys=True)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read a manifest. Raises NotABackup."""
        try:
            said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            if said.pop("format") != FORMAT:
                raise NotABackup("the file is a backup of another format than this version reads")
            for name in ("made_at", "business_at"):
                said[name] = dt.datetime.fromisoformat(said[name])
            return cls(**said)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NotABackup(f"the file has no readable manifest: {error}") from error


def fingerprint(secret: str) -> str:
    """Return what tells two keys apart and nothing else about them."""
    return hashlib.sha256(f"aanrader backup {secret}".encode()).hexdigest()[:16]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_in(folder: Path) -> dict[str, str]:
    """Return every file below a folder but the manifest, with its SHA-256."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): digest(path) for path in paths}


def pack(folder: Path, file: Path) -> int:
    """Put a folder into one file of mode 0600, whole or not at all, and return its size in bytes."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
            with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
                tar.add(folder / MANIFEST, MANIFEST)
                for name in files_in(folder):
                    tar.add(folder / name, name, recursive=False)
            raw.flush()
            os.fsync(raw.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return file.stat().st_size


def _take_out(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    # The library's filter for this came with Python 3.11.4, and Debian 12 has 3.11.2.
    name = PurePosixPath(member.name)
    source = tar.extractfile(member) if member.isfile() else None
    if source is None or name.is_absolute() or ".." in name.parts:
        raise NotABackup(f"the backup holds {member.name!r}, which no backup of ours does")
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with source, os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        shutil.copyfileobj(source, target)


def unpack(file: Path, folder: Path) -> Manifest:
    """Take a backup apart into a folder and check every byte of it. Raises NotABackup."""
    try:
        with tarfile.open(file, mode="r:") as tar:
            for member in tar:
                _take_out(tar, member, folder)
    except (OSError, tarfile.TarError) as error:
        raise NotABackup(f"{file} can't be read as a backup: {error}") from error
    manifest = Manifest.read(folder)
    found = files_in(folder)
    wrong = sorted(
        name for name in manifest.files.keys() | found.keys() if manifest.files.get(name) != found.get(name)
    )
    if wrong:
        raise NotABackup(f"{file} is damaged: {', '.join(wrong[:5])} is not as it was written")
    if DUMP not in found:
        raise NotABackup(f"{file} holds no database")
    return manifest
