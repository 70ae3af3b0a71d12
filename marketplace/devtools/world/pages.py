"""The pages of the shops: home, product and cart, written by hand, without scripts and without anybody else's parts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from urllib.parse import urlencode

from marketplace.devtools.world import plots
from marketplace.devtools.world.drawings import PALETTES
from marketplace.devtools.world.shelf import Shelved, shelf
from marketplace.devtools.world.shops import SHOPS, ShopFacts
from marketplace.devtools.world.structured import head_of

_STOCK = {
    "in_stock": "Op voorraad, morgen in huis",
    "out_of_stock": "Tijdelijk uitverkocht",
    "preorder": "Verschijnt binnenkort, nu te bestellen",
    "backorder": "Nabestellen kan, levertijd twee weken",
}
_STYLE = """
*{box-sizing:border-box}html{font:17px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
color:var(--ink); background:var(--paper);-webkit-text-size-adjust:100%}body{margin:0}a{
color:var(--strong)} header,main,footer{max-width:68rem;margin:0 auto;padding:1rem 1.25rem}header{
display:flex;gap:1rem;align-items:center; justify-content:space-between}header img{height:3rem;
display:block}h1{font-size:clamp(1.6rem,4vw,2.3rem);line-height:1.15; margin:.2em 0 .4em;
text-wrap:balance}h2{font-size:1.15rem;margin:2.2rem 0 .8rem}p{max-width:38rem;margin:.6rem 0}
.quiet{color:var(--soft);font-size:.9rem}.hero{background:var(--wash);border-radius:1.1rem;
padding:1.6rem 1.6rem 1.3rem} .grid{display:grid;gap:1.1rem;
grid-template-columns:repeat(auto-fill,minmax(9.6rem,1fr));list-style:none;margin:0;padding:0}
.card{display:block;text-decoration:none;color:inherit;height:100%}.card img,.big{width:100%;height:auto;
aspect-ratio:1;display:block; border-radius:.8rem;background:var(--wash)}
.card b,h1,h2{overflow-wrap:break-word;hyphens:auto}
.card b{display:block;
font-weight:600;font-size:.92rem;line-height:1.3;margin:.5rem 0 .15rem}.card:hover b{
text-decoration:underline}.price{font-variant-numeric:tabular-nums;font-weight:600}.was{
text-decoration:line-through;color:var(--soft);font-weight:400;margin-right:.4em}.off{
color:var(--strong)}nav.kinds{display:flex;flex-wrap:wrap;gap:.5rem;margin:1.2rem 0 0} nav.kinds a{
padding:.25rem .75rem;border-radius:2rem;background:var(--wash);text-decoration:none;
font-size:.88rem} .two{display:grid;gap:2rem;grid-template-columns:minmax(0,1fr) minmax(0,1.05fr);
align-items:start}.two .price{font-size:1.5rem} button{font:inherit;font-weight:600;
color:var(--paper);background:var(--strong);border:0;border-radius:.6rem;padding:.7rem 1.3rem;
cursor:pointer;white-space:nowrap}input{font:inherit;width:4.5rem;padding:.6rem;
border:1px solid var(--soft);border-radius:.6rem; background:#fff;color:var(--ink)}
input[type=url]{flex:1;max-width:30rem}:focus-visible{
outline:3px solid var(--strong);outline-offset:2px}form{display:flex;gap:.7rem; align-items:center;
margin:1.2rem 0}dl{display:grid;grid-template-columns:auto 1fr;gap:.3rem 1.2rem;font-size:.92rem;
margin:1.4rem 0} dt{color:var(--soft)}dd{margin:0}pre{background:var(--wash);padding:1rem;
border-radius:.8rem;overflow:auto;font-size:.82rem} table{border-collapse:collapse;width:100%;
max-width:38rem}td,th{text-align:left;padding:.5rem 1rem .5rem 0;
border-bottom:1px solid var(--line)}td:last-child,th:last-child{text-align:right;padding-right:0}
.stores{display:grid;gap:1rem; grid-template-columns:repeat(auto-fit,minmax(15rem,1fr))}.stores p{
margin:0}footer{margin-top:3rem;border-top:1px solid var(--line)} @media(max-width:42rem){.two{
grid-template-columns:1fr;gap:1rem}.grid{grid-template-columns:repeat(2,minmax(0,1fr));
gap:.9rem}header .quiet{display:none}.hero{
padding:1.2rem}nav.kinds{
flex-wrap:nowrap;overflow-x:auto;white-space:nowrap;padding-bottom:.4rem}}
"""


# A tracked link leads to https://bergkoffie.example/..., which no name server knows.
_OPEN = (
    '<form action="/open"><input type="url" name="url" required placeholder="https://bergkoffie.example/p/..." '
    'aria-label="Adres van een winkel"><button>Open</button></form>'
)


@dataclass(frozen=True, slots=True)
class Visit:
    """How somebody came to a shop: `prefix` stands before each path, `tokens` are those of the tracked link."""

    shop: ShopFacts
    day: int
    prefix: str = ""
    tokens: tuple[str, ...] = ()

    def to(self, path: str, *, unescaped: bool = False, **more: str) -> str:
        """Return the address of a path of this shop, with the tokens that came along; unescaped: not for HTML."""
        query = urlencode([*more.items(), *(("aan", token) for token in self.tokens)])
        address = f"{self.prefix}{path}" + (f"?{query}" if query else "")
        return address if unescaped else escape(address)


def euro(amount: Decimal) -> str:
    """Return an amount as Dutch shops write it, such as "€ 1.195,00"."""
    return "€\u00a0" + f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def index(day: int) -> str:
    """Return the page that shows the three shops to whoever opens the bare address."""
    cards = "".join(
        f'<li><a class="card" href="/{one.host}/"><img src="/{one.host}/logo.svg" alt="" width="400" height="400">'
        f'<b>{one.name}</b><span class="quiet">{one.host}</span></a></li>'
        for one in SHOPS
    )
    title = "De winkels van de demo"
    shops = f'<p>Drie winkels die niet bestaan.</p>{_OPEN}<ul class="grid">{cards}</ul>'
    body = f"<main><h1>{title}</h1>{shops}{plots.FORM}</main>"
    return _document(title, body, "coffee")


def home(visit: Visit) -> str:
    """Return a shop's home page: its story, its products by kind, its stores."""
    facts = visit.shop
    kinds: dict[str, list[Shelved]] = {}
    for one in shelf(facts.key, visit.day):
        kinds.setdefault(one.product.product_type, []).append(one)
    links = "".join(f'<a href="#k{number}">{_short(kind)}</a>' for number, kind in enumerate(kinds))
    lists = "".join(
        f'<h2 id="k{number}">{_short(kind)}</h2><ul class="grid">{_cards(visit, ones)}</ul>'
        for number, (kind, ones) in enumerate(kinds.items())
    )
    stores = "".join(
        f"<p><b>{one.name}</b><br>{one.street}, {one.postcode} {one.city}<br>{one.phone}<br>"
        f'<span class="quiet">{one.opening_hours}</span></p>'
        for one in facts.stores
    )
    body = (
        f'<main><div class="hero"><h1>{facts.name}</h1><p>{facts.story_nl}</p></div>'
        f'<nav class="kinds" aria-label="Soorten">{links}</nav>{lists}'
        f'<h2>Winkels</h2><div class="stores">{stores}</div></main>'
    )
    return _framed(visit, facts.name, body)


def product_page(visit: Visit, one: Shelved) -> str:
    """Return the page of a product: picture, words, price, and the way into the cart."""
    made = one.product
    hidden = _hidden(visit, made.sku)
    can_buy = made.availability != "out_of_stock"
    order = (
        f'<form action="{visit.prefix}/cart" method="get">{hidden}<input type="number" name="quantity" '
        'value="1" min="1" max="20" aria-label="Aantal"><button>In winkelmand</button></form>'
    )
    facts = {
        "Merk": made.brand,
        **{name.capitalize(): value for name, value in made.variant},
        "Artikel": made.sku,
        **({"EAN": made.gtin} if made.gtin else {}),
        "Soort": made.product_type.replace(">", "\u203a"),
        # What an adviser pastes: the address in the browser is that of the demo.
        "Adres": made.link,
    }
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    body = (
        f'<main><div class="two"><img class="big" src="{_image(visit, one)}" width="400" height="400" '
        f'alt="Tekening: {escape(made.title)}"><div lang="{made.language}"><h1>{escape(made.title)}</h1>{_price(one)}'
        f'<p>{escape(made.description)}</p><p class="quiet" lang="nl">{_STOCK[made.availability]}</p>'
        f'{order if can_buy else ""}<dl lang="nl">{listed}</dl></div></div></main>'
    )
    return _framed(visit, f"{made.title} | {visit.shop.name}", body, head_of(one))


def cart(visit: Visit, one: Shelved, quantity: int, ref: str = "") -> str:
    """Return the cart: what is in it, and what the shop reports of the order, tokens and all.

    ref: the order's number; without one nothing can be ordered here.
    """
    net = one.pays * quantity
    currency = visit.shop.currency
    report = {
        "order_ref": ref or f"{one.product.sku[:2]}-...",
        "currency": currency,
        "click_tokens": list(visit.tokens),
        "lines": [
            {
                "line_ref": "1",
                "sku": one.product.sku,
                "title": one.product.title,
                "quantity": quantity,
                "net": {"amount": f"{net:.2f}", "currency": currency},
            }
        ],
    }
    told = (
        "Het teken van de link waarover je binnenkwam gaat met de bestelling mee."
        if visit.tokens
        else "Je kwam niet over een link van een adviseur, dus gaat er geen teken mee."
    )
    shown = escape(json.dumps(report, indent=2, ensure_ascii=False))
    body = (
        f'<main><h1>Winkelmand</h1><table><tr><th>Artikel</th><th>Aantal</th><th>Bedrag</th></tr><tr><td><a href="'
        f'{visit.to(one.product.path)}">{escape(one.product.title)}</a></td><td>{quantity}</td><td class="price">'
        f"{euro(net)}</td></tr></table>{_order_form(visit, one, quantity, ref)}<h2>Wat de winkel meldt</h2>"
        f"<p>{told}</p><pre>{shown}</pre></main>"
    )
    return _framed(visit, f"Winkelmand | {visit.shop.name}", body)


def _order_form(visit: Visit, one: Shelved, quantity: int, ref: str) -> str:
    if not ref:
        return "<p>Bestellen kan hier niet: deze winkel bestaat niet.</p>"
    more = "".join(
        f'<input type="hidden" name="{name}" value="{value}">'
        for name, value in (("ref", ref), ("quantity", str(quantity)))
    )
    return (
        f'<form action="{visit.prefix}/cart" method="post">{_hidden(visit, one.product.sku)}{more}'
        '<button>Bestel</button></form><p class="quiet">Je betaalt niets en krijgt niets: deze winkel bestaat niet. '
        "De bestelling wordt wel echt gemeld aan de Aanrader van deze demo.</p>"
    )


def ordered(visit: Visit, ref: str) -> str:
    """Return the thanks for an order that was reported, with where its commission is seen."""
    told = (
        "De winkel heeft de bestelling gemeld, met het teken van de link. De adviseur ziet de commissie bij "
        "<b>Verdiensten</b>, de winkel ziet de bestelling bij <b>Bestellingen</b>."
        if visit.tokens
        else "De winkel heeft de bestelling gemeld. Er ging geen teken van een link mee, dus verdient niemand eraan."
    )
    body = (
        f'<main><h1>Bedankt voor je bestelling</h1><p>Nummer <b class="price">{escape(ref)}</b>.</p><p>{told}</p>'
        f'<p><a href="{visit.to("/")}">Naar alles van {visit.shop.name}</a></p></main>'
    )
    return _framed(visit, f"Besteld | {visit.shop.name}", body)


def not_ordered(visit: Visit, why: str) -> str:
    """Return the page for an order that could not be reported, with the reason as it was given."""
    told = f"<p>Er is niets besteld. De reden:</p><pre>{escape(why)}</pre>"
    body = f"<main><h1>De bestelling is niet gemeld</h1>{told}</main>"
    return _framed(visit, f"Niet besteld | {visit.shop.name}", body)


def missing(visit: Visit) -> str:
    """Return the page for an address that is not there, or no longer."""
    body = (
        "<main><h1>Deze bladzijde is er niet</h1><p>Het artikel is uit de winkel, of het adres klopt niet. "
        f'<a href="{visit.to("/")}">Naar alles van {visit.shop.name}</a></p></main>'
    )
    return _framed(visit, f"Niet gevonden | {visit.shop.name}", body)


def _cards(visit: Visit, ones: Iterable[Shelved]) -> str:
    return "".join(
        f'<li><a class="card" href="{visit.to(one.product.path)}"><img src="{_image(visit, one)}" alt="" '
        f'loading="lazy" width="400" height="400"><b lang="{one.product.language}">{escape(one.product.title)}</b>'
        f"{_price(one)}</a></li>"
        for one in ones
    )


def _image(visit: Visit, one: Shelved) -> str:
    return f"{visit.prefix}/i/{one.product.sku.lower()}.svg"


def _price(one: Shelved) -> str:
    if one.sale_price is None:
        return f'<span class="price">{euro(one.price)}</span>'
    return (
        f'<span class="price"><s class="was">{euro(one.price)}</s>'
        f'<span class="off">{euro(one.sale_price)}</span></span>'
    )


def _short(kind: str) -> str:
    """Return a kind by its last two names."""
    return escape(" \u203a ".join(kind.split(" > ")[-2:]))


def _hidden(visit: Visit, sku: str) -> str:
    words = [("sku", sku), *(("aan", token) for token in visit.tokens)]
    return "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in words)


def _framed(visit: Visit, title: str, body: str, head: str = "") -> str:
    facts = visit.shop
    around = (
        f'<header><a href="{visit.to("/")}"><img src="{visit.prefix}/logo.svg?wide" alt="{facts.name}" height="48"></a>'
        f'<span class="quiet">{facts.stores[0].city}</span></header>{body}<footer class="quiet"><p>{facts.legal_name}, '
        f"KvK {facts.registration_no}. Deze winkel is verzonnen en hoort bij een demonstratie.</p></footer>"
    )
    return _document(title, around, facts.key, head)


def _document(title: str, body: str, key: str, head: str = "") -> str:
    colours = ";".join(f"--{name}:{value}" for name, value in PALETTES[key].page.items())
    return (
        f'<!doctype html><html lang="nl"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        f"{head}<style>:root{{{colours}}}{_STYLE}</style></head><body>{body}</body></html>"
    )
