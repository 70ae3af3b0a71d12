"""The style guide shows every part that pages are made of."""

import re
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"


def test_every_macro_stands_on_the_style_guide() -> None:
    guide = "".join(
        file.read_text(encoding="utf-8")
        for file in (TEMPLATES / "styleguide.html", *sorted((TEMPLATES / "styleguide").glob("*.html")))
    )
    # A macro of words is handed on by name; every other one is called.
    missing = [
        f"{file.name}: {name}"
        for file in sorted((TEMPLATES / "_macros").glob("*.html"))
        for name in re.findall(r"\bmacro (?!_)(\w+)\(", file.read_text(encoding="utf-8"))
        if not re.search(rf"\b{name}\(|books\.{name}\b|, {name}, \[", guide)
    ]
    assert not missing, "\n".join(missing)


def test_every_part_of_the_style_guide_is_shown() -> None:
    shown = set(re.findall(r'"(\w+)"', (TEMPLATES / "styleguide.html").read_text(encoding="utf-8")))
    assert {file.stem for file in (TEMPLATES / "styleguide").glob("*.html")} <= shown
