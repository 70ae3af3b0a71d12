"""Addresses of mailboxes: how two ways of writing one address are known to be the same person."""

from __future__ import annotations

import re
import unicodedata

import idna

from marketplace.core.errors import InvalidInput

LONGEST = 254
# The dot-atom of RFC 5322: what every mail server takes without quoting.
_LOCAL = re.compile(
    r"(?=.{1,64}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII
)


def normalise(text: str, field: str = "email") -> str:
    """Return the address as mail is sent to it: composed, without outer spaces, its domain as an A-label.

    Raises InvalidInput for what can't be a mailbox, and for a local part outside ASCII: such a mail can't be
    delivered by every server, and two scripts can spell what looks like one name.
    """
    address = unicodedata.normalize("NFKC", text).strip()
    local, at, domain = address.rpartition("@")
    try:
        label = idna.encode(domain.rstrip("."), uts46=True, std3_rules=True).decode("ascii") if at else ""
    except idna.IDNAError:
        label = ""
    if not _LOCAL.fullmatch(local) or "." not in label or len(f"{local}@{label}") > LONGEST:
        raise InvalidInput({field: ["This is not an e-mail address that we can send mail to."]})
    return f"{local}@{label}"


def key(text: str, field: str = "email") -> str:
    """Return what makes an address unique: case, width and the spelling of the domain don't make a new person."""
    return unicodedata.normalize("NFKC", normalise(text, field).casefold())
