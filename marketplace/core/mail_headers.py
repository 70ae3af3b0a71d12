"""How the headers of a mail are written out, where Python's own folding breaks what programs read.

Python writes an address that is longer than a line as encoded words, which RFC 2047 forbids in a structured header: a
program that looks for `List-Unsubscribe` then finds no address in it and shows no button (RFC 8058). A subject it
begins on the next line, or gives two spaces beside the first word that is not ASCII.
"""

from __future__ import annotations

import email.policy
from email.header import Header
from typing import Any

# RFC 5322: lines should have at most 78 characters, and addresses that must stay whole may have up to 998.
_LINE, _LONGEST, _WORD = 76, 998, 60
WHOLE = frozenset({"list-unsubscribe"})


class HeaderTooLong(ValueError):
    """A header that must stay on one line does not fit on one."""


class HeaderPolicy(email.policy.EmailPolicy):
    """Python's own policy, but for subjects, and for headers that hold one address, which stay on one line."""

    def fold(self, name: str, value: Any) -> str:
        """Return the header as lines. Raises HeaderTooLong."""
        if name.lower() in WHOLE:
            line = f"{name}: {value}"
            if len(line) > _LONGEST or not line.isascii():
                raise HeaderTooLong(f"{name} does not fit on a line of ASCII")
            return line + self.linesep
        if name.lower() == "subject":
            text = str(value)
            # A word that fits on no line can only be divided as encoded words; what looks like one must not be read so.
            fits = all(len(word) < _WORD for word in text.split()) and "=?" not in text
            charset = "us-ascii" if text.isascii() and fits else "utf-8"
            subject = Header(text, charset, maxlinelen=_LINE, header_name=name).encode(linesep=self.linesep)
            return f"{name}: {subject}{self.linesep}"
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return the header as lines of bytes. Raises HeaderTooLong."""
        if name.lower() in WHOLE or name.lower() == "subject":
            return self.fold(name, value).encode("ascii")
        return super().fold_binary(name, value)


POLICY = HeaderPolicy()
