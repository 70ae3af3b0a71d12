"""Words of the screens in the reader's language: English is the key, Dutch stands in one nl.po a template folder.

The .po files are read when a process first needs them, so there is no compile step that somebody can forget.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

FOLDER = Path(__file__).resolve().parents[2] / "templates"
# Language is not region: en_NL is English as it is read in the Netherlands, with its money and its dates.
LOCALES = ("nl_NL", "en_NL", "en_GB")
DEFAULT = "en_NL"
_current: ContextVar[str] = ContextVar("locale", default=DEFAULT)


def choose(chosen: str | None, accepted: list[str]) -> str:
    """Return the locale of a request: the one that was chosen, else the best of what the browser accepts.

    chosen: what a cookie or an account says, believed only when it is one of LOCALES;
    accepted: language tags as browsers send them ("nl-NL", "en"), best first.
    """
    if chosen in LOCALES:
        return str(chosen)
    for tag in accepted:
        language, _, region = tag.replace("-", "_").partition("_")
        if language.lower() == "nl":
            return "nl_NL"
        if language.lower() == "en":
            # English of elsewhere is read here with this country's money and dates.
            return "en_GB" if region.upper() == "GB" else "en_NL"
    return DEFAULT


@contextmanager
def use(name: str) -> Iterator[None]:
    """Speak one locale within a block; for mails, PDFs and tests."""
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)


def speak(name: str) -> None:
    """Speak one locale from here on, in this request."""
    _current.set(name)


def locale() -> Locale:
    """Return the locale that is spoken now."""
    return _read_locale(_current.get())


@cache
def _read_locale(name: str) -> Locale:
    return Locale.parse(name)


def locale_name() -> str:
    """Return the name of the locale that is spoken now, one of LOCALES."""
    return _current.get()


def language() -> str:
    """Return the language that is spoken now, "nl" or "en"."""
    return _current.get()[:2]


@cache
def catalogue(name: str) -> NullTranslations:
    """Return all texts of a language ("nl" or "en"), read from every <folder>/<language>.po below templates/.

    They are put into one, because a page has hundreds of texts and each would be looked for folder by folder. Where
    two folders have the same one, the later folder's counts.
    """
    texts = Translations()
    for file in sorted(FOLDER.rglob(f"{name}.po")):
        with file.open("rb") as source:
            read = read_po(source, locale=name, abort_invalid=True)
        compiled = io.BytesIO()
        write_mo(compiled, read)
        compiled.seek(0)
        texts.merge(Translations(compiled))
    return texts


def gettext(message: str) -> str:
    """Return a text in the language spoken now; the text itself where it is English."""
    return str(catalogue(language()).ugettext(message))


def ngettext(singular: str, plural: str, count: int) -> str:
    """Return the text that fits a number, in the language spoken now."""
    return str(catalogue(language()).ungettext(singular, plural, count))


def pgettext(context: str, message: str) -> str:
    """Return a text that means something else elsewhere; in English the message, unless en.po says it otherwise."""
    return str(catalogue(language()).upgettext(context, message))


def _(message: str, **facts: Any) -> str:
    """Return a text in the language spoken now with its %(facts)s filled in."""
    text = gettext(message)
    return text % facts if facts else text


@pass_eval_context
def in_template(evaluated: EvalContext, message: str, /, **facts: Any) -> str:
    """Return a text of a template in the language spoken now, its %(facts)s filled in and escaped where that is done.

    This is what "_" means there. The extension's own goes through four calls for each text, and a page has hundreds.
    """
    if not evaluated.autoescape:
        return gettext(message) % facts
    return _marked(language(), message) % facts if facts else _without_facts(language(), message)


@lru_cache(maxsize=8192)
def _marked(name: str, message: str) -> Markup:
    return Markup(catalogue(name).ugettext(message))  # noqa: S704 - our own texts, which hold markup.


@lru_cache(maxsize=8192)
def _without_facts(name: str, message: str) -> Markup:
    # Filled in with nothing, so that two signs of per cent are one as in a text with facts.
    return _marked(name, message) % {}
