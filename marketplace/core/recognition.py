"""A reader's choice never to be recognised at a shop: one cookie for our pages, and the same one for the links' domain.

The edge reads the cookie at each click. Where links live on a host of their own it never sees one of our pages, so the
page about privacy leads the browser there once. To be recognised again takes a token of that moment: otherwise any
site could undo somebody's choice by a link. Never to be recognised takes none: nobody is harmed by it.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode, urlsplit

from itsdangerous import BadData, URLSafeTimedSerializer

from marketplace.core.config import Settings

COOKIE = "aan_unknown"
YEAR = 31_536_000
PATH = "/choice"
# From pressing the button to the links' domain a browser takes a moment.
FRESH_SECONDS = 300


def has_own_host(settings: Settings) -> bool:
    """Tell whether links live on another host than our pages, where no cookie of ours comes along."""
    return urlsplit(settings.edge_url).hostname != urlsplit(settings.base_url).hostname


def address(settings: Settings, *, recognise: bool, agent: str) -> str:
    """Return where the links' domain takes the choice; agent: the browser's User-Agent, which alone may use it."""
    said = {"recognise": "yes" if recognise else "no"}
    if recognise:
        said["t"] = str(_signer(settings).dumps(_browser(agent)))
    return f"{settings.edge_url}{PATH}?{urlencode(said)}"


def may_recognise(settings: Settings, token: str, agent: str) -> bool:
    """Tell whether a token was given to this browser a moment ago."""
    try:
        return bool(_signer(settings).loads(token[:400], max_age=FRESH_SECONDS) == _browser(agent))
    except BadData:
        return False


def _signer(settings: Settings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer([*settings.secret_key_fallbacks, settings.secret_key], salt="reader.choice")


def _browser(agent: str) -> str:
    return hashlib.sha256(agent.encode("utf-8", "replace")).hexdigest()[:16]
