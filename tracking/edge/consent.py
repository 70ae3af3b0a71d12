"""Consent: when the edge may recognise a browser again, and what it then stores there (decisions D9).

    mode      the browser stores                          when
    none      nothing                                     always: the token in the address is all (the default)
    exempt    a random seed for 30 days                   unless it sends Global Privacy Control or Do Not Track
    strict    a random seed for 30 days                   the same, and the click's address says `consent=1`

In mode strict the page with the link asks, and adds `consent=1` to the address when the reader agreed; the seed's
own presence shows that this happened before. Nobody loses a commission by a reader who declines: the token credits
the sale.
"""

import re
import secrets
from collections.abc import Mapping
from typing import Any

from tracking.touches.pseudonyms import visitor_id

COOKIE = "aan_v"
SECONDS_OF_COOKIE = 30 * 86_400
MODES = {"none": 0, "exempt": 1, "strict": 2}
# What the page about privacy gives a reader who wants never to be recognised (marketplace/core/recognition.py).
_UNKNOWN = re.compile(r"(?:^|;\s*)aan_unknown=1(?:;|$)")
_SEED = re.compile(r"(?:^|;\s*)" + COOKIE + r"=([0-9a-f]{32})(?:;|$)")
_CONSENTED = re.compile(r"(?:^|&)consent=1(?:&|$)")

Header = tuple[str, str]


class Visitors:
    """Recognises browsers that agreed to it."""

    def __init__(self, key: bytes, *, is_https: bool) -> None:
        self._key = key
        self._attributes = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if is_https else "")

    def recognise(self, environ: Mapping[str, Any], mode: int, shop: str) -> tuple[str | None, Header | None]:
        """Return the visitor's id at the shop (32 digits) and the cookie to set, each None where there is none.

        mode: a value of MODES other than none; shop: the shop's id, 32 digits.
        """
        cookies = environ.get("HTTP_COOKIE", "")
        found = _SEED.search(cookies)
        asked_not_to = environ.get("HTTP_SEC_GPC") == "1" or environ.get("HTTP_DNT") == "1"
        if asked_not_to or _UNKNOWN.search(cookies):
            # What an earlier consent left behind goes too.
            return None, ("Set-Cookie", f"{COOKIE}=; Max-Age=0{self._attributes}") if found else None
        if found:
            return visitor_id(self._key, found.group(1), shop), None
        if mode == MODES["strict"] and not _CONSENTED.search(environ.get("QUERY_STRING", "")):
            return None, None
        seed = secrets.token_hex(16)
        cookie = f"{COOKIE}={seed}; Max-Age={SECONDS_OF_COOKIE}{self._attributes}"
        return visitor_id(self._key, seed, shop), ("Set-Cookie", cookie)
