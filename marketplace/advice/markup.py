"""Text of people as safe HTML: Markdown without HTML of its own, cleaned once more, and links that claim nothing."""

from __future__ import annotations

import html
from functools import lru_cache
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from marketplace.core import config

TAGS = {"p", "br", "strong", "em", "ul", "ol", "li", "blockquote", "h2", "h3", "a", "hr", "code"}
# Who links elsewhere from advice may be paid for it in ways that we don't know, so no machine should count it.
OUTWARD = "sponsored nofollow noopener ugc"
_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}).disable(
    ["image", "html_block", "html_inline"]
)


@lru_cache(maxsize=2048)
def render(text: str) -> Markup:
    """Return Markdown as HTML that may stand in a page; headings begin at h2, pictures and HTML stay text."""
    made = _markdown.render(text).replace("<h1>", "<h2>").replace("</h1>", "</h2>")
    return _clean(made)


@lru_cache(maxsize=2048)
def render_plainly(text: str) -> Markup:
    """Return what a reader wrote as HTML: paragraphs and line breaks, and nothing that they could have marked up."""
    paragraphs = [one for one in text.replace("\r\n", "\n").split("\n\n") if one.strip()]
    escaped = (
        Markup("<br>").join(Markup.escape(line) for line in one.strip().split("\n")) for one in paragraphs
    )
    return Markup("").join(Markup("<p>{}</p>").format(one) for one in escaped)


def plain(text: str) -> str:
    """Return Markdown as words alone, on one line: for descriptions and structured data."""
    return " ".join(html.unescape(nh3.clean(_markdown.render(text), tags=set())).split())


def is_outward(address: str) -> bool:
    """Tell whether an address leads away from this site."""
    parts = urlsplit(address)
    return bool(parts.netloc) and parts.netloc != urlsplit(config.current().base_url).netloc


def _clean(given: str) -> Markup:
    cleaned = nh3.clean(
        given,
        tags=TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel=OUTWARD,
    )
    return Markup(cleaned)  # noqa: S704 - cleaned on the line above.
