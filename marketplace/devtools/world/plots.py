"""Names of sites that nobody has yet: whoever makes a shop of their own in the demo takes one, and proves it here."""

from __future__ import annotations

import re

from marketplace.devtools.world.site_control import Control

PLOTS = ("mijn-winkel.example", "tweede-winkel.example", "derde-winkel.example")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}", re.ASCII)

FORM = (
    "<section><h2>Zelf een winkel beginnen</h2><p>Maak in de marktplaats een winkel met een van deze namen als site, "
    "en zet het bewijs dat je daar krijgt hier neer: het staat dan op de site, in /.well-known/aanrader.txt.</p>"
    '<form method="post" action="/proof"><select name="host" aria-label="Naam van de site">'
    + "".join(f"<option>{one}</option>" for one in PLOTS)
    + '</select><input name="token" required aria-label="Bewijs" placeholder="Bewijs" style="flex:1;width:auto">'
    "<button>Zet neer</button></form></section>"
)


def place(host: str, token: str, control: Control) -> bool:
    """Show a proof on the site of a free name; tell whether the name is free and the text can be a proof."""
    if host not in PLOTS or not _TOKEN.fullmatch(token.strip()):
        return False
    control.proofs[host] = token.strip()
    return True
