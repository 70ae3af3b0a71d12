"""What headers say about a click, and what of them may stand in a line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.edge import screening

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.5 Mobile/15E148 Safari/604.1"
)
CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"


@pytest.fixture(scope="module")
def agents() -> screening.Agents:
    return screening.Agents()


@pytest.mark.parametrize(
    ("agent", "family"),
    [(FIREFOX, "firefox"), (SAFARI, "safari"), (CHROME, "chrome"), (CHROME + " Edg/126.0", "edge")],
)
def test_browsers_are_no_bots(agents: screening.Agents, agent: str, family: str) -> None:
    assert agents.learn(agent) == (False, family)
    assert agents.known[agent] == (False, family)


@pytest.mark.parametrize(
    "agent",
    [
        CHROME.replace("Chrome/", "Version/4.0 Chrome/")
        + " Instagram 406.0.0.58.159 Android (35/15; IABMV/1) NV/1",
        CHROME + " MetaIAB Facebook",
        CHROME + " Viber/11.9.5.8",
        CHROME.replace("Windows NT 10.0", "Linux; Android 4.2.2; CUBOT C11 Build/JDQ39"),
    ],
)
def test_people_in_apps_and_on_oddly_named_phones_are_no_bots(agents: screening.Agents, agent: str) -> None:
    assert agents.learn(agent)[0] is False


@pytest.mark.parametrize(
    "agent",
    [
        "Acme Robot/2 (+mailto)",
        "Mozilla/5.0 (compatible; NewThing/1.0; +https://new.example/why)",
        "Googlebot/2.1 (+http://www.google.com/bot.html)",
        "curl/8.5.0",
        "python-requests/2.32",
        "facebookexternalhit/1.1",
        "WhatsApp/2.23.20.0",
        "",
        "   ",
    ],
)
def test_crawlers_previews_and_the_nameless_are_bots(agents: screening.Agents, agent: str) -> None:
    assert agents.learn(agent) == (True, "bot")


@given(st.text(max_size=3000))
def test_any_user_agent_gets_a_verdict(agents: screening.Agents, text: str) -> None:
    is_bot, family = agents.learn(text)
    assert isinstance(is_bot, bool) and re.fullmatch(r"[a-z]{1,16}", family)


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_SEC_PURPOSE": "prefetch"},
        {"HTTP_SEC_PURPOSE": "prefetch;prerender"},
        {"HTTP_PURPOSE": "prefetch"},
        {"HTTP_X_PURPOSE": "preview"},
        {"HTTP_X_MOZ": "Prefetch"},
    ],
)
def test_fetching_ahead_is_no_click(environ: dict[str, str]) -> None:
    assert screening.is_prefetch(environ)


def test_other_purposes_are() -> None:
    assert not screening.is_prefetch({"HTTP_X_MOZ": "livebookmarks"})
    assert not screening.is_prefetch({})


@pytest.mark.parametrize(
    ("referer", "expected"),
    [
        ("https://blog.example/page?x=1", "blog.example"),
        ("https://Blog.Example:8080/", "blog.example:8080"),
        ("android-app://com.example.app/", "com.example.app"),
        ("https://user:pw@blog.example/", "blog.example"),
        ("https://[2001:db8::1]/", "[2001:db8::1]"),
        ("about:blank", "\\N"),
        ("https://a\tb/", "\\N"),
        ("https://a\\nb/", "\\N"),
        ("https://ÿ.example/", "\\N"),
        ("https://" + "a" * 200 + "/", "\\N"),
        ("", "\\N"),
    ],
)
def test_of_a_referer_only_a_plain_host_is_kept(referer: str, expected: str) -> None:
    assert screening.referrer_host(referer) == expected


@given(st.text(max_size=200))
def test_no_header_breaks_out_of_its_column(text: str) -> None:
    for column in (
        screening.referrer_host(text),
        screening.referrer_host(f"https://{text}"),
        screening.placement(f"p={text}"),
    ):
        assert column == "\\N" or re.fullmatch(r"[0-9A-Za-z.:\[\]_-]{1,108}", column)


@pytest.mark.parametrize(
    ("query", "expected"),
    [("p=page-1", "page-1"), ("x=1&p=ab", "ab"), ("pp=1", "\\N"), ("p=", "\\N"), ("p=a.b", "\\N")],
)
def test_a_placement_is_a_short_word(query: str, expected: str) -> None:
    assert screening.placement(query) == expected
