"""Which text the bytes of a feed are, decided from what they say and from what they look like, while they stream.

In this order: a byte order mark; zeros where UTF-16 has them; what the XML declaration or else the sender names, unless
the bytes are plainly UTF-8; then UTF-8 or windows-1252, by the first bytes beyond ASCII. Text before those is the same
in both, so nothing has to be read twice. Bytes that are no text in the encoding become BROKEN, which spoils their row.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterable, Iterator

from marketplace.catalogue.rows.notes import FeedUnreadable, Note

BLOCK = 64 * 1024
# A noncharacter: valid in UTF-8 and in XML, and meant by nobody.
BROKEN = "\ufdd0"
_ENOUGH, _MOST_HELD = 16, 16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""\s*<\?xml[^>]{1,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}"
    rb"|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
_BEYOND = re.compile(rb"[\x80-\xff]+")
_UNFINISHED = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}\Z")
# As browsers do it: what is called Latin-1 or ASCII is windows-1252.
_CALLED = {"iso8859-1": "windows-1252", "ascii": "windows-1252", "cp1252": "windows-1252"}
_KNOWN = frozenset(
    {
        "utf-8",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "koi8-r",
        "koi8-u",
        "mac-roman",
        "shift_jis",
        "cp932",
        "euc_jp",
    }
    | {
        "gb2312",
        "gbk",
        "gb18030",
        "big5",
        "euc_kr",
        "cp437",
        "cp850",
        "cp852",
        "cp866",
        "cp949",
        "windows-1252",
    }
    | {f"cp125{n}" for n in range(9)}
    | {f"iso8859-{n}" for n in range(2, 17) if n != 12}
)
_SAVE = "Save the feed as UTF-8."


def _broken(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return BROKEN, error.end


codecs.register_error("aanrader.broken", _broken)


class FeedText:
    """The text of a feed given as pieces of bytes; iterate once. `head` is its beginning, up to BLOCK bytes of it.

    encoding and notes are right once the text was read; before that they are what is known so far.
    """

    def __init__(self, pieces: Iterable[bytes], charset: str | None = None) -> None:
        self.encoding = "utf-8"
        self.notes: list[Note] = []
        self._blocks = _blocks(pieces)
        self.start = next(self._blocks, b"")
        self._by_evidence = False
        skipped = self._decide(charset)
        self.start = self.start[skipped:]
        self.head = self.start.decode(_codec(self.encoding), "ignore")

    def __iter__(self) -> Iterator[str]:
        blocks = itertools.chain([self.start], self._blocks)
        return self._evident(blocks) if self._by_evidence else self._decoded(blocks)

    def _decide(self, charset: str | None) -> int:
        """Set the encoding as far as the beginning tells; return how many bytes of it are no text."""
        for mark, encoding in _MARKS:
            if self.start.startswith(mark):
                self.encoding, self._by_evidence = encoding, encoding == "utf-8"
                return len(mark)
        if wide := _wide(self.start):
            self.encoding = wide
            return 0
        declared = _DECLARED.match(self.start[:1024])
        named = _named(declared[1].decode("ascii") if declared else charset)
        valid, broken = _evidence(self.start)
        if named in (None, "utf-8") or named.startswith("utf-16"):
            self._by_evidence = True
        elif valid >= 2 and broken == 0:
            self._by_evidence = True
            self._say(
                "encoding_misnamed", f"The feed is called {named} and was read as utf-8, which it is.", _SAVE
            )
        else:
            self.encoding = named
        return 0

    def _say(self, code: str, reason: str, fix: str) -> None:
        self.notes.append(Note("feed", code, reason, fix))

    def _decoded(self, blocks: Iterable[bytes]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(_codec(self.encoding))("aanrader.broken")
        for block in blocks:
            yield decoder.decode(block)
        yield decoder.decode(b"", True)

    def _evident(self, blocks: Iterator[bytes]) -> Iterator[str]:
        """Decode as UTF-8 or windows-1252, whichever the first bytes beyond ASCII are in their majority."""
        held: list[bytes] = []
        for block in blocks:
            if held or not block.isascii():
                held.append(block)
                valid, broken = _evidence(b"".join(held)) if len(held) in (1, 4, _MOST_HELD) else (0, 0)
                if valid + broken >= _ENOUGH or len(held) == _MOST_HELD:
                    break
            else:
                yield block.decode("ascii")
        valid, broken = _evidence(b"".join(held))
        rest = itertools.chain(held, blocks)
        if broken <= valid:
            yield from self._decoded(rest)
            return
        self.encoding = "windows-1252"
        self._say("encoding_assumed", "The feed is not UTF-8 and was read as windows-1252.", _SAVE)
        yield from self._decoded(self._counted(rest))

    def _counted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass on what is read as windows-1252; raise in the end when most of it was UTF-8 after all."""
        valid = broken = 0
        for block in blocks:
            if not block.isascii():
                more = _evidence(block)
                valid, broken = valid + more[0], broken + more[1]
            yield block
        if valid > broken:
            raise FeedUnreadable("encoding_mixed", "The feed mixes UTF-8 with another encoding.", _SAVE)


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut the pieces anew, so that what is decided doesn't depend on how they came."""
    rest = bytearray()
    for piece in pieces:
        rest += piece
        start = 0
        while len(rest) - start >= BLOCK:
            yield bytes(rest[start : start + BLOCK])
            start += BLOCK
        del rest[:start]
    if rest:
        yield bytes(rest)


def _codec(encoding: str) -> str:
    return "cp1252" if encoding == "windows-1252" else encoding


def _wide(start: bytes) -> str | None:
    """Return UTF-16 without a mark when nearly every second byte of the beginning is zero."""
    some = start[:1024]
    if len(some) < 4:
        return None
    half = len(some) // 2
    even, odd = some[0::2].count(0), some[1::2].count(0)
    if odd > 0.6 * half and even < 0.1 * half:
        return "utf-16-le"
    if even > 0.6 * half and odd < 0.1 * half:
        return "utf-16-be"
    return None


def _named(name: str | None) -> str | None:
    try:
        known = codecs.lookup(name or "").name
    except LookupError:
        return None
    known = _CALLED.get(known, known)
    return known if known in _KNOWN else None


def _evidence(data: bytes) -> tuple[int, int]:
    """Return how many characters beyond ASCII are valid UTF-8, and how many runs of bytes are not."""
    if data.isascii():
        return 0, 0
    rest, valid = _SEQUENCE.subn(b"", data)
    return valid, len(_BEYOND.findall(_UNFINISHED.sub(b"", rest)))
