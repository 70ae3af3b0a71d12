"""The two twins of a mail, drawn from the same blocks: HTML in the colours of the product, and plain text."""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from marketplace.core import mail_letters
from marketplace.core.mail_letters import MARK, Block, Letter

COLOURS = Path(__file__).with_name("mail_colours.toml")
WIDTH = 76
_ADDRESS = re.compile(r"https?://[^\s<>\"]+", re.ASCII)


class UnsafeLink(ValueError):
    """A mail would lead somewhere else than to a page on the web."""


@dataclass(frozen=True, slots=True)
class Twins:
    """A mail as it goes out."""

    language: str
    subject: str
    plain: str
    rich: str


@cache
def colours() -> dict[str, tuple[str, str]]:
    """Return the colours of mail by name, light and dark, as #rrggbb."""
    read = tomllib.loads(COLOURS.read_text(encoding="utf-8"))
    return {name.replace("-", "_"): (light, dark) for name, (light, dark) in read.items()}


@cache
def _environment(folder: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def draw(template: str, language: str, facts: Mapping[str, Any], foot: Mapping[str, Any]) -> Twins:
    """Return both twins of a mail.

    foot: facts of templates/mail/footer.<language>.txt, which stands below every mail: site, has_account, title and
    because of the kind, and unsubscribe, the address that switches mails like this off, or None. Raises jinja2 errors
    when a fact is missing, UnsafeLink, NotALetter.
    """
    letter = mail_letters.read(template, language, facts)
    below = mail_letters.read("footer", letter.language, foot)
    for one in (letter, below):
        _refuse_unsafe(one)
    return Twins(letter.language, letter.subject, _plain(letter, below), _rich(letter, below))


def _refuse_unsafe(letter: Letter) -> None:
    for block in letter.blocks:
        if block.kind in ("button", "link") and not _ADDRESS.fullmatch(_text(letter, block.texts[1])):
            raise UnsafeLink(f"{block.texts[1]!r} is no address of a page")


def _text(letter: Letter, words: str, *, lines: bool = False) -> str:
    """Return words with their facts; lines: keep the lines of facts, which elsewhere are joined."""
    return MARK.sub(
        lambda mark: letter.fact(mark) if lines else mail_letters.one_line(letter.fact(mark)), words
    )


def _plain(letter: Letter, below: Letter) -> str:
    parts = [_plain_block(letter, block) for block in letter.blocks]
    foot = [_plain_block(below, block) for block in below.blocks]
    return "\n\n".join([*parts, "-- \n" + "\n".join(foot)]) + "\n"


def _plain_block(letter: Letter, block: Block) -> str:
    texts = [_text(letter, text, lines=block.kind == "quote") for text in block.texts]
    match block.kind:
        case "heading":
            return f"{texts[0]}\n{'=' * min(len(texts[0]), WIDTH)}"
        case "rows":
            pairs = list(zip(texts[::2], texts[1::2], strict=True))
            width = max(len(label) for label, _value in pairs) + 1
            return "\n".join(f"{label + ':':<{width}}  {value}" for label, value in pairs)
        case "quote":
            return "\n".join(
                f"> {line}".rstrip() for whole in texts[0].split("\n") for line in _wrap(whole, WIDTH - 2)
            )
        case "button" | "link":
            return f"{texts[0]}:\n{texts[1]}"
        case "notice":
            return "\n".join(f"! {line}" for line in _wrap(texts[0], WIDTH - 2))
    return "\n".join(_wrap(texts[0], WIDTH))


def _wrap(text: str, width: int) -> list[str]:
    # Long words are addresses and codes, which must stay whole; nor may an amount be parted from its currency.
    kept = text.replace("\N{NO-BREAK SPACE}", "\ue002")
    lines = textwrap.wrap(kept, width, break_long_words=False, break_on_hyphens=False) or [""]
    return [line.replace("\ue002", "\N{NO-BREAK SPACE}") for line in lines]


def _rich(letter: Letter, below: Letter) -> str:
    return _environment(mail_letters.TEMPLATES).get_template("letter.html").render(
        language=letter.language,
        subject=letter.subject,
        preview=letter.preview,
        blocks=[(block.kind, _rich_texts(letter, block)) for block in letter.blocks],
        foot=[(block.kind, _rich_texts(below, block)) for block in below.blocks],
        **colours(),
    )  # fmt: skip


def _rich_texts(letter: Letter, block: Block) -> list[Markup]:
    return [_rich_text(letter, text, lines=block.kind == "quote") for text in block.texts]


def _rich_text(letter: Letter, words: str, *, lines: bool) -> Markup:
    """Return words as HTML: the template's own are escaped like the facts; nothing in a mail is HTML but its layout."""
    whole = _text(letter, words, lines=lines)
    return Markup("<br>").join(escape(line) for line in whole.split("\n"))
