"""Paper: PDF from a template of ours and facts of anybody's, the same bytes for the same facts."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

from marketplace.core.errors import InvariantViolation

FOLDER = Path(__file__).resolve().parents[2] / "templates" / "pdf"


class PaperFailed(InvariantViolation):
    """A template and its facts do not fit together."""

    code = "paper_failed"


def pdf(template: str, facts: Mapping[str, Any], at: dt.datetime) -> bytes:
    """Return a PDF of a template below templates/pdf, such as "statement".

    facts: strings, integers, lists and mappings, which reach the template as data and never as markup, whatever they
    hold; at: the instant that the document says it was made, so that making it again gives the same bytes. Fonts are
    those inside of the typst library, whatever the machine has. Raises PaperFailed.
    """
    try:
        made = typst.compile(
            str(FOLDER / f"{template}.typ"),
            root=str(FOLDER),
            format="pdf",
            ignore_system_fonts=True,
            sys_inputs={"facts": json.dumps(facts, ensure_ascii=False)},
            # Nothing is ever fetched: packages would be looked for where there are none.
            package_path=str(FOLDER / "none"),
            package_cache_path=str(FOLDER / "none"),
            timestamp=int(at.timestamp()),
        )
    except typst.TypstError as error:
        raise PaperFailed(template=template, said=str(error)[:300]) from error
    return bytes(made)
