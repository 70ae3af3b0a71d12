"""The text of a page: byte order mark, then what the server says, then what the page says, then what fits."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# A name from outside picks code of ours: only encodings of pages are taken, under Python's names.
_OF_PAGES = frozenset(
    {"utf-8", "utf-16-le", "utf-16-be", "ascii", "big5", "gbk", "gb2312", "gb18030", "shift_jis", "euc_jp",
     "euc_kr", "koi8-r", "koi8-u", "mac-roman",
     *(f"iso8859-{number}" for number in range(1, 17)), *(f"cp{number}" for number in (874, *range(1250, 1259)))}
)  # fmt: skip
# What is called these is in truth the wider one, as browsers know.
_IN_TRUTH = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030"}
_HEAD = 4096
_DECLARED = re.compile(rb"<meta[^>]{0,300}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([A-Za-z0-9_:.-]{1,40})", re.I)


def text_of(content: bytes, charset: str = "") -> str:
    """Return a page as text; never raises, and what can't be read becomes the replacement character.

    charset: what the Content-Type of the answer says, or nothing.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(name, "replace")
    declared = _DECLARED.search(content[:_HEAD])
    inside = _known(declared[1].decode("ascii")) if declared else None
    # A page whose tags can be read as bytes is not UTF-16, whatever it says.
    for said in (_known(charset), "utf-8" if inside and inside.startswith("utf-16") else inside):
        if said is not None:
            return content.decode(said, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _known(name: str) -> str | None:
    try:
        found = codecs.lookup(name.strip()).name if name.strip().isascii() else ""
    except (LookupError, ValueError):
        return None
    found = {"utf-16": "utf-16-le"}.get(found, found)
    return _IN_TRUTH.get(found, found) if found in _OF_PAGES else None
