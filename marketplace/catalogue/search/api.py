"""Product search and Google's categories over the API; for everybody, and the same for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketplace.catalogue.schemas import ProductSchema
from marketplace.catalogue.search import service as search
from marketplace.catalogue.search.schemas import (
    CategoriesPage,
    CategoriesQuery,
    SearchPage,
    SearchQuery,
    minor,
)
from marketplace.catalogue.taxonomy import store as taxonomy_store
from marketplace.core.db import session
from marketplace.core.errors import InvalidInput
from marketplace.core.paging import encode_cursor, number_after
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint

blueprint = ApiBlueprint("product_search", __name__, url_prefix="/api/v1", description="Product search")
_NAMES = [(name, field.attribute or name) for name, field in ProductSchema().fields.items()]


@blueprint.route("/products/search")
@policy("public", "read")
@blueprint.arguments(SearchQuery, location="query")
@blueprint.response(200, SearchPage)
def searched(query: dict[str, Any]) -> Any:
    """Search published products in Dutch and English; without words, the newest ones."""
    skip = number_after(query["cursor"]) or 0
    if skip > search.DEEPEST:
        raise InvalidInput({"cursor": ["Not a cursor of this list."]})
    low, high = (
        None if query[name] is None else minor(query[name], query["currency"], name)
        for name in ("min_price", "max_price")
    )
    wish = search.Wish(
        question=query["q"],
        language=query["language"],
        category=query["category"],
        shop_id=query["shop_id"],
        money=query["currency"] if low is not None or high is not None else None,
        low=low,
        high=high,
        stocked=query["in_stock"],
        skip=skip,
        take=query["limit"],
    )
    found = search.find(wish)
    return {
        "items": [
            {name: getattr(hit.product, name) for _, name in _NAMES} | {"matched": hit.matched}
            for hit in found.hits
        ],
        "next_cursor": encode_cursor(skip + query["limit"]) if found.more else None,
        "total": found.total,
        "did_you_mean": found.did_you_mean,
        "categories": _counted(found.categories, "name"),
        "shops": _counted(found.shops, "shop_id"),
    }


def _counted(numbers: Mapping[str, int], name: str) -> list[dict[str, Any]]:
    """Return counts, most first."""
    ordered = sorted(numbers.items(), key=lambda one: (-one[1], one[0]))
    return [{name: key, "count": number} for key, number in ordered]


@blueprint.route("/categories")
@policy("public", "read")
@blueprint.arguments(CategoriesQuery, location="query")
@blueprint.response(200, CategoriesPage)
def categories(query: dict[str, Any]) -> Any:
    """Search Google's product categories by words of their paths or by number, for typing ahead."""
    return {"items": taxonomy_store.searched(session(), query["q"], most=query["limit"])}
