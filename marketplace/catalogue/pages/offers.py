"""Offers of JSON-LD: what a product costs and whether it is there, however a shop nests it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from marketplace.catalogue.pages import money_words
from marketplace.catalogue.pages.found import address, plain
from marketplace.catalogue.pages.nodes import Graph, Node, kinds

MOST_OFFERS = 200
_BEFORE = ("listprice", "strikethroughprice", "srp", "msrp", "suggestedretailprice", "regularprice")
_GTINS = ("gtin13", "gtin", "gtin14", "gtin12", "gtin8", "isbn")


@dataclass(frozen=True, slots=True)
class OfferWords:
    """One offer in the words of a feed; `before` is the price that is struck through."""

    price: str = ""
    before: str = ""
    availability: str = ""
    sku: str = ""
    gtin: str = ""
    link: str = ""
    title: str = ""
    is_lowest: bool = False
    without_tax: bool = False

    def words(self) -> dict[str, str]:
        """Return price, sale price and stock as a row of a feed has them."""
        found = {"price": self.price, "availability": self.availability}
        if self.before and self.before != self.price:
            found = {"price": self.before, "sale_price": self.price, "availability": self.availability}
        return {name: value for name, value in found.items() if value}

    def article(self, url: str) -> dict[str, str]:
        """Return which article is offered."""
        found = {"id": self.sku, "gtin": self.gtin, "link": address(url, self.link), "title": self.title}
        return {name: value for name, value in found.items() if value}


def offers_of(graph: Graph, product: Node) -> list[OfferWords]:
    """Return the offers of a product, those inside of an aggregate instead of the aggregate."""
    found: list[OfferWords] = []
    for node in graph.objects(product.get("offers"))[:MOST_OFFERS]:
        inner = graph.objects(node.get("offers"))[:MOST_OFFERS] if node.get("offers") else []
        told = [_offer(graph, one, node) for one in inner]
        if not any(one.price for one in told):
            told = [_aggregate(graph, node) if "aggregateoffer" in kinds(node) else _offer(graph, node, {})]
        found += told
    return found[:MOST_OFFERS]


def _aggregate(graph: Graph, node: Node) -> OfferWords:
    low, high = graph.word(node.get("lowPrice")), graph.word(node.get("highPrice"))
    price = money_words.price(low or high or graph.word(node.get("price")), node.get("priceCurrency"))
    if not price:
        return _offer(graph, node, {})
    return replace(_offer(graph, node, {}), price=price, is_lowest=bool(low and high and low != high))


def _offer(graph: Graph, node: Node, around: Node) -> OfferWords:
    """Return what one offer says; what it leaves out stands in the aggregate around it."""
    specifications = graph.objects(node.get("priceSpecification"))[:20]
    currency = node.get("priceCurrency") or around.get("priceCurrency") or node.get("currency")
    price = money_words.price(graph.word(node.get("price"), "@value"), currency)
    before, without_tax = "", False
    for one in sorted(specifications, key=lambda found: "referenceQuantity" in found):
        words = money_words.price(
            graph.word(one.get("price"), "@value") or graph.word(one.get("minPrice")),
            one.get("priceCurrency") or currency,
        )
        if graph.word(one.get("priceType")).rpartition("/")[2].lower() in _BEFORE:
            before = before or words
            continue
        price = price or words
        without_tax = without_tax or str(one.get("valueAddedTaxIncluded")).lower() == "false"
    item = graph.one(node.get("itemOffered"))
    return OfferWords(
        price=price,
        before=before,
        availability=_stock(graph, node) or _stock(graph, around),
        sku=_first(graph, node, item, "sku", "mpn"),
        gtin=_first(graph, node, item, *_GTINS),
        link=graph.word(node.get("url") or item.get("url"), "@id"),
        title=plain(graph.word(item.get("name") or node.get("name"))),
        without_tax=without_tax,
    )


def _stock(graph: Graph, node: Node) -> str:
    told: Any = node.get("availability")
    return money_words.stock("true" if told is True else graph.word(told, "@id", "name"))


def _first(graph: Graph, node: Node, item: Node, *names: str) -> str:
    return next(
        (plain(word) for name in names for one in (node, item) if (word := graph.word(one.get(name)))), ""
    )
