"""A mail as one text for translators, read into the blocks that both twins are drawn from.

templates/mail/<name>.<language>.txt is plain prose. The first lines are `Subject:` and, if wanted, `Preview:` (what
a list of mails shows beside the subject). Then blocks follow, each after an empty line:

    Heading: what this is about
    A paragraph, over as many lines as it takes.
    - Label: a fact          (lines of these make a small table)
    Notice: what must be read
    Quote: somebody else's words
    Button: text | address   (one a mail)
    Link: text | address     (a quiet one)
    Small: what stands below in small print

`{{ fact }}` takes the filters money, day, instant, rate and number, in the reader's language, and said for a
sentence of ours that screens show too. No fact can become a block, a second line of the subject or HTML: while the
text is read, each stands there as a mark.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from marketplace.core import formats, wording

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "mail"
# Language is not region: English in the Netherlands writes money as the Dutch do.
LOCALES = {"nl": "nl_NL", "en": "en_NL"}
_OPEN, _CLOSE = "\ue000", "\ue001"
MARK = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
# What ends a line or turns the direction of writing in some program that shows mails.
_LINE_ENDS = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ue000\ue001]")
_BLOCK = re.compile(r"(Heading|Notice|Quote|Button|Link|Small): ", re.ASCII)
_TAGS_ALONE = re.compile(r"^[ \t]*((?:\{%(?:(?!%\}).)*%\}[ \t]*)+)\n", re.MULTILINE | re.DOTALL)
LONGEST, LONGEST_IN_SUBJECT = 4000, 120


class NotALetter(ValueError):
    """A template does not follow the form above; says which and where."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block; kind: heading, text, rows, notice, quote, button, link or small.

    texts: of rows label and value in turn, of button and link the text and the address, else one text. They hold
    marks where facts go.
    """

    kind: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail with its facts apart; subject and preview are plain text already."""

    language: str
    subject: str
    preview: str
    blocks: tuple[Block, ...]
    facts: tuple[str, ...]

    def fact(self, mark: re.Match[str]) -> str:
        """Return the fact that a mark stands for."""
        return self.facts[int(mark[1])]


def _clean(value: object) -> str:
    return _UNSHOWN.sub("", str(value).replace("\r\n", "\n").replace("\r", "\n"))[:LONGEST]


def one_line(text: str) -> str:
    """Return a text on one line, without characters that could end one."""
    return _LINE_ENDS.sub(" ", text).strip()


@pass_context
def _mark(context: Context, value: Any) -> str:
    said: list[str] = context["_said"]
    said.append(_clean(value))
    return f"{_OPEN}{len(said) - 1}{_CLOSE}"


def _instant(value: str | dt.datetime) -> dt.datetime:
    return value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)


def _day(value: str | dt.datetime) -> dt.date | dt.datetime:
    return dt.date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else _instant(value)


class _Prose(FileSystemLoader):
    """Reads templates so that a line of nothing but tags is no line; every other line ends where it ends."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return the source of a template without the line ends of its tags."""
        source, name, is_fresh = super().get_source(environment, template)
        return _TAGS_ALONE.sub(r"\1", source), name, is_fresh


@cache
def _environment(folder: Path) -> Environment:
    environment = Environment(  # noqa: S701 - facts are marks here, and are escaped where the HTML twin is drawn.
        loader=_Prose(folder),
        undefined=StrictUndefined,
        finalize=_mark,
    )
    environment.filters.update(
        money=lambda amount: formats.money((amount["minor"], amount["currency"])),
        day=lambda when: formats.long_day(_day(when)),
        instant=lambda when: formats.instant(_instant(when)),
        rate=formats.rate,
        number=formats.number,
        said=wording.gettext,
    )
    return environment


def read(template: str, language: str, facts: Mapping[str, Any]) -> Letter:
    """Return the mail that a template makes of facts.

    language: "nl" or "en", the other of which stands in for what isn't there. Raises jinja2 errors when a fact is
    missing, NotALetter when the template is broken.
    """
    spoken = language if (TEMPLATES / f"{template}.{language}.txt").exists() else "en"
    said: list[str] = []
    with wording.use(LOCALES[spoken]):
        source = _environment(TEMPLATES).get_template(f"{template}.{spoken}.txt")
        text = source.render({**facts, "_said": said})
    head, _, body = text.lstrip("\n").partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    if "Subject" not in headers or set(headers) - {"Subject", "Preview"}:
        raise NotALetter(
            f"{template}.{spoken}.txt begins with Subject: and, if wanted, Preview:, and an empty line"
        )
    blocks = tuple(_blocks(template, body))
    draft = Letter(spoken, "", "", blocks, tuple(said))
    subject = MARK.sub(lambda mark: draft.fact(mark)[:LONGEST_IN_SUBJECT], headers["Subject"])
    preview = headers.get("Preview") or next((one.texts[0] for one in blocks if one.kind == "text"), "")
    return Letter(spoken, one_line(subject), one_line(MARK.sub(draft.fact, preview)), blocks, tuple(said))


def _blocks(template: str, body: str) -> Sequence[Block]:
    found: list[Block] = []
    for part in re.split(r"\n\s*\n", body):
        lines = [line.strip() for line in part.splitlines() if line.strip()]
        if not lines:
            continue
        if all(line.startswith("- ") and ": " in line for line in lines):
            pairs = [line[2:].split(": ", 1) for line in lines]
            found.append(Block("rows", tuple(text.strip() for pair in pairs for text in pair)))
            continue
        named, whole = _BLOCK.match(lines[0]), " ".join(lines)
        if named is None:
            found.append(Block("text", (whole,)))
            continue
        kind, whole = named[1].lower(), whole[named.end() :]
        texts = (
            tuple(text.strip() for text in whole.rsplit(" | ", 1)) if kind in ("button", "link") else (whole,)
        )
        if kind in ("button", "link") and len(texts) != 2:
            raise NotALetter(f"{template}: a {kind} is `text | address`")
        found.append(Block(kind, texts))
    if sum(block.kind == "button" for block in found) > 1:
        raise NotALetter(f"{template} has more than one button")
    return found
