"""Writes docs/authorisation.md from the matrix's data files: `python -m tests.walk.page`."""

from __future__ import annotations

from pathlib import Path

from tests.walk import matrix

PAGE = Path(__file__).resolve().parents[2] / "docs" / "authorisation.md"
MARKS = {"yes": "yes", "2": "2"}
FLAGS = {
    "public": "anybody, signed in or not",
    "totp_in_body": "a key may, with a code of the second factor in the body",
    "test_keys": "test keys too",
    "shop_keys_only": "of keys only those of shops",
    "own_mode": "a key meets rows of its own mode only",
}
HEAD = """# Who may do what

Written from `marketplace/core/policies/*.toml` by `python -m tests.walk.page`; a test compares. The same files decide
in the product (the marks) and say what the authorisation walk expects (the marks, the rows, the routes).

- A column without a mark is refused: 401 for somebody who is not signed in, 403 for everybody else. `2` wants a
  password of the last 30 minutes, and the second factor where one is enrolled; keys can't give that.
- Rows: which things exist for a column. What doesn't exist for somebody is 404, whoever owns it. *all*: everybody's.
  *shop*: of shops that one works for. *owner*: of shops that one owns; who only works there gets 403. *owned*: of shops
  that one owns, nothing else exists. *self*: one's own, as person or adviser, or an order that one took part in.
  *open*: what is published. *any*: a word that is not looked at.
- Parameters: *rows* as above; *narrows* only makes a list shorter; *hides* too, and tells an adviser nothing of a
  colleague; *picks* must fit what the path names; *names* is a name in one's own books, whatever others call so;
  *partner* must have joined the offer; *not_draft* was published at some time.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for row, routes in matrix.rows():
        flags = "; ".join(FLAGS[flag] for flag in sorted(row.flags))
        never = f"; never {', '.join(row.never)}" if row.never else ""
        parts.append(f"## {row.name}\n")
        if flags or never:
            parts.append(f"({flags}{never})".replace("(; ", "(") + "\n")
        if row.marks:
            columns = [column for column in matrix.COLUMNS if column in row.marks]
            parts.append(_line(columns) + _line(["---"] * len(columns)) + _line(
                [f"{row.marks[one]}{': ' + row.rows[one] if one in row.rows else ''}" for one in columns]
            ))  # fmt: skip
        lines = [
            f"- `{name}`"
            + (": " + ", ".join(f"{one} {words}" for one, words in given.items()) if given else "")
            for name, given in routes.items()
        ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
