"""Every text of a screen has its Dutch; the list of what lacks it is what a translator gets."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import extract, pofile

from marketplace.core import errors, navigation, web, wording

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("marketplace", "tracking", "payouts")
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
# Sentences that our own code made and nobody else's words can stand in.
OWN = {"one.name", "one_area.name", "one.template, **one.facts"}
OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}


def _texts() -> Iterator[tuple[str, str | tuple[str, ...], str | None]]:
    """Yield (place, text, context) of everything that is said through `wording`."""
    for file in sorted((ROOT / "templates").rglob("*.html")):
        yield from _of(file, "jinja2.ext.babel_extract")
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            if "wording" in file.read_text(encoding="utf-8"):
                yield from _of(file, "python")
    for area in navigation.AREAS:
        for name in (area.name, *(way.name for way in area.ways)):
            yield "navigation", name, None


def _of(file: Path, method: str) -> Iterator[tuple[str, str | tuple[str, ...], str | None]]:
    with file.open("rb") as source:
        found = extract.extract(method, source, keywords=KEYWORDS, options=OPTIONS)
        for line, text, _comments, context in found:
            yield f"{file.relative_to(ROOT)}:{line}", text, context


def _known() -> tuple[set[tuple[str | None, str]], list[str]]:
    known: set[tuple[str | None, str]] = set()
    faults: list[str] = []
    for file in sorted((ROOT / "templates").rglob("nl.po")):
        with file.open("rb") as source:
            catalog = pofile.read_po(source, locale="nl")
        for message in catalog:
            if not message.id:
                continue
            faults += [f"{file.relative_to(ROOT)}: {message.id!r}: {error}" for error in message.check()]
            first = message.id[0] if isinstance(message.id, tuple) else message.id
            said = message.string if isinstance(message.string, tuple) else (message.string,)
            if all(said):
                known.add((message.context, str(first)))
    return known, faults


def test_every_text_of_a_screen_has_its_dutch() -> None:
    known, _ = _known()
    missing = [
        f"{place}: {text!r}"
        for place, text, context in _texts()
        if (context, text[0] if isinstance(text, tuple) else text) not in known
    ]
    assert not missing, "\n".join(missing)


def test_translations_keep_the_places_of_their_facts() -> None:
    assert _known()[1] == []


def test_no_template_takes_a_sentence_of_the_data_for_its_own_markup() -> None:
    # "_" marks what it is given as safe and fills its places in; `translated` leaves both to the escaping.
    wrong = []
    for file in sorted((ROOT / "templates").rglob("*.html")):
        for found in re.findall(r"\b_\((?![\"'])([^)]*)\)", file.read_text(encoding="utf-8")):
            if found not in OWN:
                wrong.append(f"{file.relative_to(ROOT)}: _({found}); say {found}|translated")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("chosen", "accepted", "expected"),
    [
        ("nl_NL", ["en"], "nl_NL"),
        (None, ["nl-BE", "en"], "nl_NL"),
        (None, ["en-US", "nl"], "en_NL"),
        (None, ["en-GB", "en"], "en_GB"),
        (None, ["de", "fr"], "en_NL"),
        ("../../etc", ["nl"], "nl_NL"),
        (None, [], "en_NL"),
    ],
)
def test_language_is_the_chosen_one_then_the_browsers(
    chosen: str | None, accepted: list[str], expected: str
) -> None:
    assert wording.choose(chosen, accepted) == expected


def _refusals() -> list[type[errors.AppError]]:
    """Return every refusal that a person may read; failures of our own show no detail."""
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            if file.name.startswith("__") or {"sandbox", "devtools"} & set(file.parts):
                continue
            if "errors" in file.read_text(encoding="utf-8"):
                importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    found, left = [], [errors.AppError]
    while left:
        kind = left.pop()
        left += kind.__subclasses__()
        own = kind.__module__.startswith(PACKAGES)
        if own and (kind.status < 500 or kind.status == 503) and not issubclass(kind, web.OtherHttp):
            found.append(kind)
    return found


def test_a_text_that_several_folders_know_has_the_same_dutch_in_all() -> None:
    # They are read into one list: the last one read would speak for the others.
    said: dict[object, dict[object, list[str]]] = {}
    for file in sorted((ROOT / "templates").rglob("nl.po")):
        with file.open("rb") as source:
            for message in pofile.read_po(source, locale="nl"):
                if message.id:
                    places = said.setdefault((message.context, str(message.id)), {})
                    places.setdefault(str(message.string), []).append(str(file.relative_to(ROOT)))
    assert {key: places for key, places in said.items() if len(places) > 1} == {}


def _acts() -> Iterator[tuple[str, str]]:
    """Yield (place, code) of every act that is written into the history; of a built one what it begins with."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            source = file.read_text(encoding="utf-8")
            if "audit.record(" not in source:
                continue
            for call in ast.walk(ast.parse(source)):
                if not isinstance(call, ast.Call) or ast.unparse(call.func) != "audit.record":
                    continue
                place, act = f"{file.relative_to(ROOT)}:{call.lineno}", call.args[2]
                if isinstance(act, ast.Constant):
                    yield place, str(act.value)
                elif isinstance(act, ast.JoinedStr) and isinstance(act.values[0], ast.Constant):
                    yield place, str(act.values[0].value)


def test_every_act_of_the_history_is_said_in_words() -> None:
    said = {}
    for language in ("nl", "en"):
        with (ROOT / f"templates/admin/{language}.po").open("rb") as source:
            listed = pofile.read_po(source, locale=language)
            said[language] = {str(one.id) for one in listed if one.context == "act" and one.string}
    assert said["nl"] == said["en"]
    wrong = [
        f"{place}: {code}"
        for place, code in _acts()
        if not (any(one.startswith(code) for one in said["nl"]) if code[-1] == "." else code in said["nl"])
    ]
    assert not wrong, "\n".join(wrong)


def test_every_refusal_is_said_to_people_in_both_languages() -> None:
    known, _ = _known()
    wrong = []
    for kind in _refusals():
        texts = ((kind.code, kind.title), (kind.code, kind.detail), (f"{kind.code}.next", kind.next))
        wrong += [
            f"{context}: no Dutch for {text!r}" for context, text in texts if (context, text) not in known
        ]
        with wording.use("en_NL"):
            told = wording.pgettext(f"{kind.code}.next", kind.next)
        if any(
            word in told for word in ("/api/", "POST ", "GET ", "PATCH ", "in errors", "the request again")
        ):
            wrong.append(f"{kind.code}.next speaks to programs: {told!r}")
    assert not wrong, "\n".join(sorted(wrong))
