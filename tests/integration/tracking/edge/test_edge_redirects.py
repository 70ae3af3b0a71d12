"""Each click gets its redirect; what it counts for depends on its headers and on the link."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.config import Settings
from tests.drawn import examples
from tests.integration.tracking.edge.conftest import Caller, link_row
from tracking.touches import segments, tokens

Edges = Callable[..., Caller]


def token_in(location: str) -> str:
    return parse_qs(urlsplit(location).query)["aan"][0]


def test_a_click_goes_to_the_deep_link_with_a_signed_token(edges: Edges, settings: Settings) -> None:
    click = edges()
    before = dt.datetime.now(dt.UTC)
    status, headers = click()
    assert status == "302"
    assert re.fullmatch(r"https://shop\.example/p\?x=1&aan=[0-9a-f]{111}#part", headers["Location"])
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Content-Length"] == "0" and click.body == b""
    assert "Set-Cookie" not in headers
    token = tokens.read(settings.token_keys, token_in(headers["Location"]))
    (line,) = click.lines()
    assert (token.click_id.hex, token.link_id.hex) == (line["click_id"], line["link_id"])
    assert token.visitor_id is None and token.click_id.version == 7
    assert token.ts == tokens.instant(int(line["ts_ms"]))
    assert abs(token.ts - before) < dt.timedelta(seconds=5)
    assert line["verdict"] == "qualified" and line["visitor_id"] == "\\N"


def test_an_offer_link_and_its_placement(edges: Edges) -> None:
    click = edges(link_row("/o/anna/offer123", kind="offer", target_url="https://shop.example/"))
    _, headers = click("/o/anna/offer123", query="p=page-7")
    assert headers["Location"].startswith("https://shop.example/?aan=1")
    assert click.lines()[0]["placement"] == "page-7"


@pytest.mark.parametrize(
    ("headers", "method", "verdict"),
    [
        ({}, "GET", "qualified"),
        ({"sec_fetch_dest": "document"}, "GET", "qualified"),
        ({"sec_fetch_mode": "navigate"}, "GET", "qualified"),
        ({"sec_fetch_dest": "iframe"}, "GET", "not_document"),
        ({"sec_fetch_dest": "image"}, "GET", "not_document"),
        ({"sec_fetch_dest": "empty"}, "GET", "not_document"),
        ({"sec_fetch_dest": ""}, "GET", "not_document"),
        ({"sec_purpose": "prefetch;prerender"}, "GET", "prefetch"),
        ({"purpose": "prefetch"}, "GET", "prefetch"),
        ({"x_moz": "prefetch"}, "GET", "prefetch"),
        ({"x_moz": "other"}, "GET", "qualified"),
        ({"user_agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}, "GET", "bot"),
        ({"user_agent": ""}, "GET", "bot"),
        ({}, "HEAD", "head"),
        ({"user_agent": "curl/8"}, "HEAD", "head"),
        ({"dnt": "1"}, "GET", "qualified"),
    ],
)
def test_screening_is_told_in_the_line_and_never_stops_the_redirect(
    edges: Edges, headers: dict[str, str], method: str, verdict: str
) -> None:
    click = edges()
    status, answer = click(method=method, **headers)
    assert status == "302" and answer["Location"].startswith("https://shop.example/p?x=1&aan=")
    assert [line["verdict"] for line in click.lines()] == [verdict]


@pytest.mark.parametrize("standing", ["paused", "banned", "left", "disabled"])
def test_a_link_that_earns_nothing_still_leads_on_without_a_token(edges: Edges, standing: str) -> None:
    click = edges(link_row(standing=standing))
    status, headers = click()
    assert (status, headers["Location"]) == ("302", "https://shop.example/p?x=1#part")
    assert [line["verdict"] for line in click.lines()] == [standing]


def test_a_flood_from_one_place_stops_counting_and_goes_on_redirecting(edges: Edges) -> None:
    click = edges()
    answers = [click()[0] for _ in range(70)]
    assert answers == ["302"] * 70
    assert click(remote_addr="198.51.100.1")[0] == "302"
    verdicts = [line["verdict"] for line in click.lines()]
    assert verdicts == ["qualified"] * 60 + ["flood"] * 10 + ["qualified"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_other_methods_are_refused_and_not_recorded(edges: Edges, method: str) -> None:
    click = edges()
    status, headers = click(method=method)
    assert (status, headers["Allow"]) == ("405", "GET, HEAD")
    assert click.lines() == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/t/unknown1", "unknown1"),
        ("/t/", ""),
        ("/t//evil.example", "%20evil.example"),
        ("/t/\\evil.example", "%5Cevil.example"),
        ("/t/a\r\nX: y", "a%0D%0AX%3A%20y"),
        ("/t/https://evil.example", "https%3A%20%20evil.example"),
        ("/o/anna/gone", "anna%20gone"),
        ("/t/\xc3\xa9", "%C3%A9"),
        ("/t/\xff", "%EF%BF%BD"),
        ("/t/" + "a" * 5000, "a" * 100),
        ("/t/abc12345/x", "abc12345%20x"),
    ],
)
def test_an_unknown_code_leads_to_the_search_page_of_our_own_site(
    edges: Edges, path: str, words: str
) -> None:
    click = edges()
    status, headers = click(path)
    assert (status, headers["Location"]) == ("302", f"http://localhost/search?q={words}&from=link")
    assert headers["Cache-Control"] == "no-store"
    assert click.lines() == [] and click.edge.redirect.unknown == 1


def test_a_slash_too_many_is_forgiven(edges: Edges) -> None:
    click = edges()
    assert click("/t/abc12345/")[1]["Location"].startswith("https://shop.example/p?x=1&aan=")


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "javascript:alert(1)", "https://shop.example@evil.example/"],
)
def test_a_target_that_is_not_on_a_verified_domain_is_not_even_loaded(edges: Edges, target: str) -> None:
    click = edges(link_row(target_url=target))
    assert click()[1]["Location"] == "http://localhost/search?q=abc12345&from=link"
    assert click.edge.health()["alarms"]["refused_targets"] == 1


def test_a_domain_that_is_no_longer_verified_gets_no_more_shoppers(edges: Edges) -> None:
    assert edges(link_row(hosts=()))()[1]["Location"].startswith("http://localhost/search")


COOKIE = re.compile(r"aan_v=([0-9a-f]{32}); Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax")


@pytest.mark.parametrize(
    ("mode", "query", "headers", "stores"),
    [
        ("none", "", {}, False),
        ("none", "consent=1", {}, False),
        ("exempt", "", {}, True),
        ("exempt", "", {"dnt": "1"}, False),
        ("exempt", "", {"sec_gpc": "1"}, False),
        ("exempt", "", {"dnt": "0"}, True),
        ("strict", "", {}, False),
        ("strict", "consent=0", {}, False),
        ("strict", "noconsent=1", {}, False),
        ("strict", "consent=1", {}, True),
        ("strict", "p=x&consent=1", {}, True),
        ("strict", "consent=1", {"sec_gpc": "1"}, False),
    ],
)
def test_nothing_is_stored_without_consent(
    edges: Edges, settings: Settings, mode: str, query: str, headers: dict[str, str], stores: bool
) -> None:
    click = edges(link_row(consent_mode=mode))
    _, answer = click(query=query, **headers)
    token = tokens.read(settings.token_keys, token_in(answer["Location"]))
    (line,) = click.lines()
    if stores:
        assert COOKIE.fullmatch(answer["Set-Cookie"])
        assert token.visitor_id is not None and token.visitor_id.hex() == line["visitor_id"]
    else:
        assert "Set-Cookie" not in answer
        assert token.visitor_id is None and line["visitor_id"] == "\\N"


def test_a_browser_is_recognised_at_one_shop_and_not_across_two(edges: Edges) -> None:
    other = uuid.uuid4().hex
    click = edges(
        link_row(consent_mode="strict"), link_row("/t/other123", consent_mode="exempt", shop_id=other)
    )
    seed = COOKIE.fullmatch(click(query="consent=1")[1]["Set-Cookie"])
    assert seed is not None
    cookie = f"a=b; aan_v={seed.group(1)}; c=d"
    assert "Set-Cookie" not in click(cookie=cookie)[1]
    click("/t/other123", cookie=cookie)
    first, again, elsewhere = (line["visitor_id"] for line in click.lines())
    assert first == again != elsewhere
    assert seed.group(1) not in (first, elsewhere)


def test_a_later_refusal_removes_what_an_earlier_consent_left(edges: Edges) -> None:
    click = edges(link_row(consent_mode="exempt"))
    _, headers = click(cookie="aan_v=" + "a" * 32, sec_gpc="1")
    assert headers["Set-Cookie"].startswith("aan_v=; Max-Age=0;")
    assert click.lines()[0]["visitor_id"] == "\\N"


def test_the_cookie_is_secure_on_an_https_edge(edges: Edges) -> None:
    click = edges(link_row(consent_mode="exempt"), edge_url="https://go.example")
    assert click()[1]["Set-Cookie"].endswith("; Secure")


def test_forged_headers_can_not_break_a_line(edges: Edges) -> None:
    click = edges()
    latin = st.text(st.characters(max_codepoint=255), max_size=400)
    count = 0

    @examples(150)
    @given(latin, latin, latin, latin, latin)
    def forge(agent: str, referer: str, query: str, forwarded: str, cookie: str) -> None:
        nonlocal count
        count += 1
        status, _ = click(
            query=f"p={query}",
            user_agent=agent,
            referer=f"https://{referer}",
            x_forwarded_for=forwarded,
            cookie=cookie,
            sec_fetch_dest=agent,
            remote_addr="127.0.0.1",
        )
        assert status == "302"

    forge()
    folder = click.edge.slot.folder
    lines = b"".join(segments.segment_path(folder, n).read_bytes() for n in segments.segment_numbers(folder))
    assert all(segments.is_line(line) for line in lines.split(b"\n")[:-1])
    assert len(click.lines()) == count


def test_business_time_of_the_demo_stands_in_lines_and_tokens(edges: Edges, settings: Settings) -> None:
    ahead = 40 * 86_400_000
    click = edges(link_row(), offset_ms=ahead)
    _, headers = click()
    token = tokens.read(settings.token_keys, token_in(headers["Location"]))
    late = token.ts - dt.datetime.now(dt.UTC) - dt.timedelta(milliseconds=ahead)
    assert abs(late) < dt.timedelta(seconds=5)
    assert click.edge.health()["offset_seconds"] == 40 * 86_400


def test_health_tells_how_the_edge_is_doing(edges: Edges) -> None:
    click = edges()
    click()
    status, _ = click("/_edge/health")
    assert status == "200"
    health: dict[str, Any] = click.edge.health()
    assert health["slot"] == "edge" and health["clicks"] == 1 and health["links"] == 1
    assert health["table_source"] == "snapshot" and health["postgres"] is False
    assert health["alarms"] == {"unwritten": 0, "lost": 0, "sync_failures": 0, "refused_targets": 0}
    assert click("/nothing")[0] == "404"
