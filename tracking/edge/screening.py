"""Screening: what the headers of a click say about who clicked; pure, and remembered per user agent.

A redirect is never refused here. Screening decides only whether a click can count; decisions D46 has the reasons.
"""

import re
from collections.abc import Mapping
from typing import Any

import re2
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from tracking.touches.segments import NULL

# In the crawler list, but people: browsers inside apps, a desktop chat, the build number of a phone.
_PEOPLE = frozenset({"Viber", "MetaIAB Facebook", r"AP3A\.240617\.008", "Sonic"})
# Not in the crawler list by name, but no browser: they say so, or they give an address where to complain.
_ALSO_BOTS = (
    r"(?i)crawl",
    r"(?i)spider",
    r"(?i)monitor",
    r"(?i)preview",
    r"(?i)https?://",
    r"(?i)(?:^|[^a-z]|[a-tv-z])bot(?:[^a-z]|$)",  # CUBOT is a phone.
)
_MOST_REMEMBERED = 20_000
_LONGEST_REMEMBERED = 512
_FAMILIES = (
    ("Edg", "edge"),
    ("OPR/", "opera"),
    ("SamsungBrowser", "samsung"),
    ("Firefox", "firefox"),
    ("FxiOS", "firefox"),
    ("CriOS", "chrome"),
    ("Chrome", "chrome"),
    ("Safari", "safari"),
)
_HOST = re.compile(r"[0-9a-z._-]{1,100}(?::[0-9]{1,5})?|\[[0-9a-f:.]{2,45}\](?::[0-9]{1,5})?")
_PLACEMENT = re.compile(r"(?:^|&)p=([0-9A-Za-z_-]{1,32})(?:&|$)")


class Agents:
    """Verdicts on user agents: (is it a bot, browser family).

    Bots are those of the crawler-user-agents list, what calls itself one, and who gives no name. On isbot's lists of
    browsers and crawlers 10 of 555 browsers are taken for bots, all of them rare, and 199 of 626 crawlers, most of
    them retired, for people; other signs and the count per visitor are there for those.

    All patterns are tried at once by one RE2 set; a user agent seen before costs a look in a dictionary. Nothing
    of the user agent itself is kept with a click, only its family.
    """

    def __init__(self) -> None:
        options = re2.Options()
        options.max_mem = 256 << 20
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        for pattern in (*(crawler["pattern"] for crawler in CRAWLER_USER_AGENTS_DATA), *_ALSO_BOTS):
            if pattern not in _PEOPLE:
                self._set.Add(pattern)
        self._set.Compile()
        self.known: dict[str, tuple[bool, str]] = {}

    def learn(self, agent: str) -> tuple[bool, str]:
        """Return the verdict on a user agent and remember it; a browser always names itself, so no name is a bot."""
        readable = agent[:1024].encode("utf-8", "replace").decode("utf-8")
        is_bot = not readable.strip() or bool(self._set.Match(readable))
        verdict = (is_bot, "bot" if is_bot else _family(readable))
        if len(agent) <= _LONGEST_REMEMBERED:
            if len(self.known) >= _MOST_REMEMBERED:
                self.known.clear()
            self.known[agent] = verdict
        return verdict


def _family(agent: str) -> str:
    return next((family for mark, family in _FAMILIES if mark in agent), "other")


def is_prefetch(environ: Mapping[str, Any]) -> bool:
    """Tell whether a browser fetched ahead of the click, so that nobody may ever see the page."""
    purpose = (
        environ.get("HTTP_SEC_PURPOSE", "")
        + environ.get("HTTP_PURPOSE", "")
        + environ.get("HTTP_X_PURPOSE", "")
    )
    hints = (purpose + environ.get("HTTP_X_MOZ", "")).lower()
    return "prefetch" in hints or "prerender" in hints or "preview" in hints


def referrer_host(referer: str) -> str:
    """Return the host of a Referer as a column of a click line: lower case, 100 characters at most, or null."""
    parts = referer[:400].split("/", 3)
    if len(parts) < 3 or parts[0].lower() not in ("http:", "https:", "android-app:"):
        return NULL
    host = parts[2].rpartition("@")[2].lower()
    return host if _HOST.fullmatch(host) else NULL


def placement(query: str) -> str:
    """Return the page code in a click's query (`p`) as a column of a click line, or null."""
    found = _PLACEMENT.search(query)
    return found.group(1) if found else NULL
