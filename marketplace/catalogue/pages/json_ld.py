"""The product of a page as its JSON-LD tells it, in the words of a feed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marketplace.catalogue.addresses import AddressUnreadable, page_digest, read_address
from marketplace.catalogue.pages.found import JSON_LD, OF_ONE_VARIANT, Gathering, address, plain, same_host
from marketplace.catalogue.pages.nodes import Graph, Node, kinds, several
from marketplace.catalogue.pages.offers import OfferWords, offers_of

MOST_VARIANTS = 100
_GTINS = ("gtin13", "gtin", "gtin14", "gtin12", "gtin8", "ean", "isbn")
_NUMBERS = ("productID", "mpn", *_GTINS)


def gather(scripts: Iterable[Any], page: Gathering) -> None:
    """Put what the JSON-LD of a page says about its product into `page`."""
    graph = Graph(scripts)
    product = _chosen(graph, page)
    if product is None:
        return
    found = _words(graph, product, page.url)
    variants = _variants(graph, product, page)
    mine = next((one for one in variants if _is_page(one.get("link", ""), page.url)), None)
    if variants and mine is None and "price" not in found:
        mine = variants[0]
    if len(variants) > 1:
        page.say(
            "id",
            "several_variants",
            f"The page sells {len(variants)} variants; {(mine or variants[0]).get('id') or 'the first'} is shown.",
            "Name the article number of the one you mean, or give the address of the variant.",
        )
        page.variants += variants
    if mine is not None:
        page.put(mine, JSON_LD)
    page.put(
        {k: v for k, v in found.items() if not (mine and k in OF_ONE_VARIANT and len(variants) > 1)}, JSON_LD
    )
    _say_what_is_odd(graph, product, page)


def _chosen(graph: Graph, page: Gathering) -> Node | None:
    """Return the product that the page is about: the one with its address, else the first that has offers."""
    if not graph.products:
        return None
    own = [node for node in graph.products if _is_page(_link(graph, node, page.url), page.url)]
    sold = [node for node in own or graph.products if node.get("offers") or node.get("hasVariant")]
    chosen = (sold or own or graph.products)[0]
    name = plain(graph.word(chosen.get("name"), "@value"))
    merged = dict(chosen)
    for node in graph.products:
        if plain(graph.word(node.get("name"), "@value")) == name:
            # Two plug-ins each tell their part of the same product.
            merged.update({key: value for key, value in node.items() if key not in merged})
        elif not own:
            page.say(
                "title",
                "several_products",
                f"The page tells of several products; {name[:80] or 'the first'} was taken.",
                "Give the page of one product.",
            )
    return merged


def _words(graph: Graph, node: Node, url: str) -> dict[str, str]:
    """Return what one product says, with its price and stock."""
    offers = offers_of(graph, node)
    offer = _offer(offers, url)
    category = " > ".join(
        filter(None, (plain(graph.word(one, "name", "@value")) for one in _categories(node)))
    )
    words = {
        "title": plain(graph.word(node.get("name"), "@value")),
        "description": plain(graph.word(node.get("description"), "@value")),
        "brand": plain(graph.word(node.get("brand") or node.get("manufacturer"), "name", "@value")),
        "image_link": address(url, graph.word(node.get("image"), "contentUrl", "url", "@id")),
        "product_type": category,
        "link": _link(graph, node, url),
        "id": plain(graph.word(node.get("sku"))) or (offer.sku if offer else ""),
        "gtin": _gtin(graph, node) or (offer.gtin if offer else ""),
    }
    if not words["id"]:
        words["id"] = next((plain(number) for name in _NUMBERS if (number := graph.word(node.get(name)))), "")
    if offer:
        words |= offer.words()
    return {name: value for name, value in words.items() if value}


def _categories(node: Node) -> list[Any]:
    listed = several(node.get("category"))
    return listed[:1] if any(isinstance(one, str) and ">" in one for one in listed) else listed[:6]


def _gtin(graph: Graph, node: Node) -> str:
    found = next((number for name in _GTINS if (number := graph.word(node.get(name)))), "")
    return plain(found).replace("-", "") if found else ""


def _link(graph: Graph, node: Node, url: str) -> str:
    found = address(url, graph.word(node.get("url") or node.get("@id"), "@id", "url"))
    return found if found and same_host(found, url) else ""


def _offer(offers: list[OfferWords], url: str) -> OfferWords | None:
    mine = [one for one in offers if _is_page(address(url, one.link), url)]
    priced = [one for one in mine or offers if one.price]
    return next(iter(priced or mine or offers), None)


def _variants(graph: Graph, node: Node, page: Gathering) -> list[dict[str, str]]:
    """Return the words of each variant: of a ProductGroup, of `model`, or of offers that each name an article."""
    told = graph.objects(node.get("hasVariant")) or graph.objects(node.get("model"))
    told = [one for one in told if one.get("offers") or one.get("sku")]
    if told:
        return [_words(graph, one, page.url) for one in told[:MOST_VARIANTS]]
    offers = offers_of(graph, node)
    if len({one.sku for one in offers if one.sku}) < 2:
        return []
    return [one.words() | one.article(page.url) for one in offers[:MOST_VARIANTS] if one.sku]


def _say_what_is_odd(graph: Graph, node: Node, page: Gathering) -> None:
    offers = offers_of(graph, node) or [
        offer
        for one in graph.objects(node.get("hasVariant"))[:MOST_VARIANTS]
        for offer in offers_of(graph, one)
    ]
    if any(one.is_lowest for one in offers):
        page.say(
            "price",
            "lowest_price",
            "The page gives a range of prices; the lowest was taken.",
            "Give each variant an offer of its own in the structured data.",
        )
    if any(one.without_tax for one in offers):
        page.say(
            "price",
            "price_without_tax",
            "The page says that this price is without VAT.",
            "Show prices with VAT to consumers, in the structured data too.",
        )
    if not graph.word(node.get("sku")) and page.found.get("id") and not any(one.sku for one in offers):
        if "productgroup" in kinds(node):
            return
        page.say(
            "id",
            "id_from_other_number",
            "The page gives no article number (sku); another number of it stands in for that.",
            "Add sku to the structured data, the same as in your orders.",
        )


def _is_page(link: str, url: str) -> bool:
    """Tell whether two addresses are one page; advertisers' parameters don't matter, others do."""
    try:
        return bool(link) and page_digest(read_address(link)) == page_digest(read_address(url))
    except AddressUnreadable:
        return False
