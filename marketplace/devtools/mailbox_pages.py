"""The pages of the mail catcher: the list, and one mail as its reader sees it, as plain text and with its headers."""

import html
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

_STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#201c17, #f0eeea); --soft: light-dark(#5c574f, #b1ada6);
  --paper: light-dark(#f9f7f3, #161310); --card: light-dark(#fff, #1e1c17); --line: light-dark(#e0ded7, #33302b);
  --pine: light-dark(#0f5d4b, #78d3b1); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
  margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: .25rem 0 1rem; overflow-wrap: anywhere; }
a { color: var(--pine); } small, .soft { color: var(--soft); font-size: .8125rem; }
form { display: flex; gap: .5rem; margin: 0 0 1rem; }
input, button { font: inherit; min-height: 2.5rem; padding: 0 .75rem; border: 1px solid var(--line);
  border-radius: 9px; background: var(--card); color: inherit; } input { flex: 1; min-width: 0; }
ol { list-style: none; margin: 0; padding: 0; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; } li + li { border-top: 1px solid var(--line); }
li a { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 1rem; padding: .75rem 1rem; color: inherit;
  text-decoration: none; } li b { font-weight: 600; overflow-wrap: anywhere; } li small { grid-row: 2; }
li .soft { white-space: nowrap; } a:focus-visible, button:focus-visible { outline: 2px solid var(--pine); }
iframe { width: 100%; height: 46rem; border: 1px solid var(--line); border-radius: 12px; background: var(--paper); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; padding: 1rem; }
@media (max-width: 36rem) { li a { grid-template-columns: minmax(0, 1fr); } li small { grid-row: auto; } }
dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .2rem 1rem; font-size: .8125rem; }
dd { margin: 0; overflow-wrap: anywhere; } dt { color: var(--soft); } summary { cursor: pointer; padding: .5rem 0; }
"""
# More than anybody scrolls through; the search finds the others.
MOST = 200


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )


def _when(message: Mapping[str, Any]) -> str:
    """Return when a mail came, by the clock of this machine: a demo's own days stand in the mails."""
    try:
        return f"{parsedate_to_datetime(str(message['received_at'])):%d %b %H:%M:%S}"
    except ValueError:
        return str(message["received_at"])


def listed(messages: list[dict[str, Any]], query: Mapping[str, str]) -> str:
    """Return the list, newest first; query: `q` is looked for in addresses and subjects."""
    words = query.get("q", "").strip()
    found = [one for one in reversed(messages) if words.lower() in f"{one['to']} {one['subject']}".lower()]
    rows = "".join(
        f'<li><a href="/mail/{one["id"]}"><b>{html.escape(one["subject"])}</b>'
        f"<span class=soft>{html.escape(_when(one))}</span><small>to {html.escape(one['to'])}</small></a></li>"
        for one in found[:MOST]
    )
    told = f"{len(found)} of {len(messages)}" if words else f"{len(messages)}"
    if len(found) > MOST:
        told += f", the newest {MOST} are shown"
    nothing = "<p>No mail here yet. It comes within seconds of what it is about.</p>"
    return _page(
        "Mail caught",
        f"<h1>Mail caught ({told})</h1><p class=soft>Nothing leaves this machine. The newest stands first.</p>"
        f'<form><input name=q value="{html.escape(words)}" aria-label="Address or subject"'
        ' placeholder="Address or subject"><button>Search</button></form>'
        f"{f'<ol>{rows}</ol>' if rows else nothing}",
    )


def one(message: Mapping[str, Any]) -> str:
    """Return the page of one mail: as its reader sees it, as plain text, its links, its headers."""
    number = message["id"]
    frame = (
        '<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" title="The mail"'
        f' src="/mail/{number}/html"></iframe>'
    )
    links = "".join(
        f'<li><a rel=noreferrer href="{html.escape(link)}">{html.escape(link)}</a></li>'
        for link in message["links"]
    )
    headers = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in message["headers"]
    )
    return _page(
        message["subject"],
        f'<p><a href="/">All mail</a></p><h1>{html.escape(message["subject"])}</h1>'
        f'<p class=soft>to <a href="/?q={quote(message["to"])}">{html.escape(message["to"])}</a>,'
        f" {html.escape(_when(message))}</p>"
        f"{frame if message['html'] else ''}"
        f"<details{'' if message['html'] else ' open'}><summary>Plain text</summary>"
        f"<pre>{html.escape(message['text'])}</pre></details>"
        f"<details><summary>Links ({len(message['links'])})</summary><ol>{links}</ol></details>"
        f"<details><summary>Headers</summary><dl>{headers}</dl></details>"
        f'<p><a href="/mail/{number}/plain">Plain text alone</a> · <a href="/mail/{number}/raw">As it came</a></p>',
    )


def rich(message: Mapping[str, Any]) -> str:
    """Return the HTML twin as it came, with links that open in a tab of their own."""
    return re.sub("<head>", '<head><base target="_blank">', str(message["html"]), count=1)
