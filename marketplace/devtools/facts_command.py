"""`./dev facts`: the totals of the running demo, as tables; with `--write` into docs/demo.md."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marketplace.devtools.demo_facts import facts_of_running_demo
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.people import Person
from marketplace.devtools.state import PROJECT
from marketplace.devtools.talk import Caller
from marketplace.devtools.world import totals

DOCUMENT = PROJECT / "docs" / "demo.md"


def run(args: argparse.Namespace) -> int:
    """Print the facts of the running demo (args: write); 1 when docs/demo.md says otherwise and is not written."""
    demo = facts_of_running_demo()
    found = totals.written(totals.of_demo(demo, finance(demo)))
    print(found)
    if args.write:
        write(DOCUMENT, found)
        return 0
    if totals.in_document(DOCUMENT.read_text(encoding="utf-8")) == found:
        print("docs/demo.md says the same")
        return 0
    print("docs/demo.md says otherwise: money moved, time went on, or the demo has another scale")
    return 1


def write(document: Path, facts: str) -> None:
    """Put facts in the place of those in a document. Raises DevtoolsError when it has no place for them."""
    text = document.read_text(encoding="utf-8")
    document.write_text(text.replace(totals.in_document(text), facts), encoding="utf-8")


def finance(demo: Mapping[str, Any]) -> Caller:
    """Sign in as the first person of finance. Raises DevtoolsError when there is none."""
    for login in demo["logins"]:
        if login["role"] == "finance":
            person = Person(
                login["role"],
                login["name"],
                login["email"],
                login["password"],
                Caller(demo["web"]),
                totp_secret=login["totp_secret"],
            )
            return person.sign_in().caller
    raise DevtoolsError("the demo has nobody of finance")
