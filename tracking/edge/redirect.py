"""The redirect: the path of every click, a bare WSGI callable without session, login, form check or SQL.

One click: look up the link, screen the headers, write the line, sign the token, answer 302. What does not change from
click to click was worked out before: the link table in `entries`, user agents and referrers seen before.
"""

from typing import Any
from urllib.parse import quote
from wsgiref.types import StartResponse

from tracking.edge.consent import Visitors
from tracking.edge.directory import Directory
from tracking.edge.entries import Entry
from tracking.edge.screening import Agents, is_prefetch, placement, referrer_host
from tracking.edge.spool import Spool
from tracking.touches.pseudonyms import DAY_MS, client_address, day_key, namer, network
from tracking.touches.segments import NULL, QUALIFIED
from tracking.touches.tokens import Keys, signer

PREFIXES = ("/t/", "/o/")
FLOOD_CLICKS = 60
FLOOD_MS = 60_000
_MOST_COUNTED = 200_000
_MOST_REFERRERS = 4096
_BODY = [b""]
_NO_STORE = ("Cache-Control", "no-store")
_POLICY = ("Referrer-Policy", "strict-origin-when-cross-origin")
_EMPTY = ("Content-Length", "0")


class Redirect:
    """Answers GET and HEAD below /t/ and /o/. Counts `unknown` codes, for the health page."""

    def __init__(
        self,
        spool: Spool,
        directory: Directory,
        visitors: Visitors,
        *,
        keys: Keys,
        secret: str,
        base_url: str,
        proxies: int = 0,
    ) -> None:
        number, key = next(iter(keys))
        self.unknown = 0
        self._spool, self._directory, self._visitors = spool, directory, visitors
        self._mac = signer(key)
        self._plain, self._with_visitor = f"1{number:02x}", f"2{number:02x}"
        self._secret, self._day, self._name = secret, -1, namer(b"")
        self._search = f"{base_url}/search?q="
        self._agents = Agents()
        self._proxies = proxies
        self._hosts: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._counts_until = 0

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        """Answer one click."""
        entry = self._directory.entries.get(environ["PATH_INFO"])
        method = environ["REQUEST_METHOD"]
        if entry is None or (method != "GET" and method != "HEAD"):
            found = self._find(environ, start_response)
            if isinstance(found, list):
                return found
            entry = found
        before, after, link, standing, consent, shop, target = entry
        get = environ.get
        agent = get("HTTP_USER_AGENT", "")
        is_bot, family = self._agents.known.get(agent) or self._agents.learn(agent)
        ms = self._spool.now_ms()
        if ms // DAY_MS != self._day:
            self._begin_day(ms // DAY_MS)
        who = self._name(network(client_address(environ, self._proxies)), agent)

        if method == "HEAD":
            verdict = "head"
        elif is_bot:
            verdict = "bot"
        elif (
            "HTTP_SEC_PURPOSE" in environ
            or "HTTP_PURPOSE" in environ
            or "HTTP_X_MOZ" in environ
            or "HTTP_X_PURPOSE" in environ
        ) and is_prefetch(environ):
            verdict = "prefetch"
        elif get("HTTP_SEC_FETCH_DEST", "document") != "document":
            verdict = "not_document"
        elif standing:
            verdict = standing
        else:
            verdict = QUALIFIED if self._count(who, ms) <= FLOOD_CLICKS else "flood"

        visitor, cookie = self._visitors.recognise(environ, consent, shop) if consent else (None, None)
        query = get("QUERY_STRING")
        page = placement(query) if query else NULL
        referer = get("HTTP_REFERER")
        host = (self._hosts.get(referer) or self._learn_host(referer)) if referer else NULL
        click = self._spool.record(
            ms, f"{link}\t{verdict}\t{who}\t{visitor or NULL}\t{page}\t{host}\t{family}"
        )
        if standing:
            # Nobody earns by this link now, so there is nothing to prove: the shopper just goes on.
            location = target
        else:
            if visitor is None:
                body = f"{self._plain}{link}{click}{click[:12]}"
            else:
                body = f"{self._with_visitor}{link}{click}{click[:12]}{visitor}"
            location = f"{before}{body}{self._mac(body)}{after}"
        headers = [("Location", location), _NO_STORE, _POLICY, _EMPTY]
        if cookie is not None:
            headers.append(cookie)
        start_response("302 Found", headers)
        return _BODY

    def _count(self, who: str, ms: int) -> int:
        if ms >= self._counts_until or len(self._counts) >= _MOST_COUNTED:
            self._counts, self._counts_until = {}, ms + FLOOD_MS
        count = self._counts.get(who, 0) + 1
        self._counts[who] = count
        return count

    def _begin_day(self, day: int) -> None:
        self._name = namer(day_key(self._secret, day))
        self._day = day

    def _learn_host(self, referer: str) -> str:
        host = referrer_host(referer)
        if len(self._hosts) >= _MOST_REFERRERS:
            self._hosts.clear()
        if len(referer) <= 400:
            self._hosts[referer] = host
        return host

    def _find(self, environ: dict[str, Any], start_response: StartResponse) -> Entry | list[bytes]:
        """Return the entry after all, or the finished answer for another method or an unknown code."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            start_response("405 Method Not Allowed", [("Allow", "GET, HEAD"), _NO_STORE, _EMPTY])
            return _BODY
        path = environ["PATH_INFO"].rstrip("/")
        entry = self._directory.entries.get(path) or self._directory.look_up(path[:200])
        if entry is not None:
            return entry
        self.unknown += 1
        words = path[3:103].encode("latin-1", "replace").decode("utf-8", "replace").replace("/", " ")
        found = f"{self._search}{quote(words, safe='')}&from=link"
        headers = [("Location", found), _NO_STORE, _POLICY, _EMPTY]
        start_response("302 Found", headers)
        return _BODY
