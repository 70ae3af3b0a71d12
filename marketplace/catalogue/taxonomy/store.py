"""Google's categories in the database: what ships with the code, completed from Google's own files, and looked up.

`aanrader run load-taxonomy FILE...` reads Google's files of any language we keep (taxonomy-with-ids.en-US.txt and
taxonomy-with-ids.nl-NL.txt); the language stands in the file's name.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.catalogue.folding import asked_words, fold
from marketplace.catalogue.taxonomy import categories
from marketplace.catalogue.taxonomy import google as taxonomy
from marketplace.catalogue.taxonomy.models import GoogleCategory
from marketplace.core import config, db, hooks

COMMAND = "load-taxonomy"
_LANGUAGE = re.compile(r"\b([a-z]{2})-[A-Z]{2}\b")
_LINE = re.compile(r"(\d{1,9}) - (\S.*)", re.ASCII)
_MOST_BYTES = 5_000_000


class TaxonomyUnreadable(ValueError):
    """A file is not Google's list of categories with ids."""


def register() -> None:
    """Register the command; safe to call twice."""
    hooks.command(COMMAND, run)


def rows_of(text: str) -> list[tuple[int, str]]:
    """Return id and path of each line of Google's file. Raises TaxonomyUnreadable that names the line."""
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise TaxonomyUnreadable(f"line {number} is not `id - path`: {line[:80]!r}")
        found.append((int(match[1]), categories.normalise(match[2])))
    if not found:
        raise TaxonomyUnreadable("the file names no category")
    return found


def keep(session: Session, language: str, rows: Sequence[tuple[int, str]]) -> int:
    """Write categories of one language, over what is there; return how many. Raises ValueError for another language."""
    if language not in taxonomy.LANGUAGES:
        raise ValueError(f"{language} is none of {', '.join(taxonomy.LANGUAGES)}")
    values = {
        number: {"id": number, "language": language, "path": path, "folded": fold(path)}
        for number, path in rows
    }
    statement = insert(GoogleCategory)
    changed = {name: statement.excluded[name] for name in ("path", "folded")}
    session.execute(
        statement.on_conflict_do_update(index_elements=["id", "language"], set_=changed),
        list(values.values()),
    )
    return len(values)


def keep_bundled(session: Session) -> int:
    """Write what ships with the code; return how many names that were."""
    rows = taxonomy.bundled().by_id.values()
    english = keep(session, "en", [(row.id, row.path) for row in rows])
    return english + keep(session, "nl", [(row.id, row.dutch_path) for row in rows if row.dutch_path])


def run(arguments: Sequence[str]) -> int:
    """Load Google's files named on the command line; 2 when one can't be read, and then none is loaded."""
    if not arguments:
        sys.stderr.write(f"usage: aanrader run {COMMAND} taxonomy-with-ids.en-US.txt ...\n")
        return 2
    read: list[tuple[str, list[tuple[int, str]]]] = []
    for name in arguments:
        path = Path(name)
        language = _LANGUAGE.search(path.name)
        try:
            if language is None or language[1] not in taxonomy.LANGUAGES:
                raise TaxonomyUnreadable("the name must hold the language, such as en-US or nl-NL")
            if path.stat().st_size > _MOST_BYTES:
                raise TaxonomyUnreadable(f"more than {_MOST_BYTES} bytes")
            read.append((language[1], rows_of(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError) as error:
            sys.stderr.write(f"{name}: {error}\n")
            return 2
    settings = config.load()
    config.use(settings)
    db.init(settings.database_url, pool_size=1)
    with db.transaction() as session:
        keep_bundled(session)
        for spoken, rows in read:
            sys.stdout.write(f"{keep(session, spoken, rows)} categories in {spoken}\n")
    db.close()
    return 0


def learn(session: Session) -> int:
    """Let this process know the categories that were loaded, for feeds; return how many it knows.

    Rules of commission go on looking at what ships with the code.
    """
    paths: dict[int, dict[str, taxonomy.Path]] = {}
    for row in session.execute(sa.select(GoogleCategory.id, GoogleCategory.language, GoogleCategory.path)):
        paths.setdefault(row.id, {})[row.language] = categories.parts(row.path)
    more = {
        number: taxonomy.Category(number, names["en"], names.get("nl"))
        for number, names in paths.items()
        if "en" in names
    }
    # A new one for nothing would make everybody who remembers look things up again.
    if not more.keys() <= taxonomy.known().by_id.keys():
        taxonomy.use(more)
    return len(taxonomy.known().by_id)


@dataclass(frozen=True, slots=True)
class Named:
    """A category with its whole path in both languages; None where we don't know it."""

    id: int
    english: str | None
    dutch: str | None


def searched(session: Session, question: str, *, most: int = 20) -> list[Named]:
    """Return categories whose path, in one language, holds every word asked for, also the beginning of one.

    Those come first whose last name fits, then wide ones before narrow ones. A number finds the category of that id.
    """
    wanted = asked_words(question)
    if not wanted:
        return []
    if len(wanted) == 1 and wanted[0].isascii() and wanted[0].isdigit() and len(wanted[0]) <= 9:
        found = [int(wanted[0])]
    else:
        query = sa.select(GoogleCategory.id, GoogleCategory.path, GoogleCategory.folded)
        for word in wanted:
            query = query.where((" " + sa.cast(GoogleCategory.folded, sa.Text)).contains(" " + word))
        rows = sorted(
            session.execute(query.limit(2000)).all(),
            key=lambda row: (not _fits(row.path, wanted), row.path.count(">"), len(row.path), row.id),
        )
        found = list(dict.fromkeys(row.id for row in rows))[:most]
    return named(session, found)


def _fits(path: str, wanted: Sequence[str]) -> bool:
    last = f" {fold(categories.parts(path)[-1])}" if path else ""
    return all(f" {word}" in last for word in wanted)


def named(session: Session, numbers: Sequence[int]) -> list[Named]:
    """Return categories by their ids, in that order; unknown ones are left out."""
    names: dict[int, dict[str, str]] = {}
    query = sa.select(GoogleCategory).where(GoogleCategory.id.in_(numbers))
    for row in session.scalars(query):
        names.setdefault(row.id, {})[row.language] = row.path
    return [Named(one, names[one].get("en"), names[one].get("nl")) for one in numbers if one in names]
