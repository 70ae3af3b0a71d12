"""Product pages over the API: give an address and see what the page says, field by field."""

from __future__ import annotations

import uuid
from typing import Any

from marketplace.accounts import limits, shops
from marketplace.catalogue.addresses import AddressUnreadable, read_address
from marketplace.catalogue.given import schemas as shapes
from marketplace.catalogue.given import service as given
from marketplace.catalogue.given.words import columns, renamed
from marketplace.catalogue.pages import looking
from marketplace.catalogue.pages.found import PageRead
from marketplace.catalogue.rows.notes import Note
from marketplace.core import config, tenancy
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.db import session
from marketplace.core.errors import InvalidInput
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint(
    "product-pages", __name__, url_prefix="/api/v1/product-pages", description="What pages of shops say"
)


def looked_at(actor: Actor, shop_id: uuid.UUID, url: str, field: str) -> PageRead:
    """Return what a page says that somebody of a shop asked for; no transaction may be open.

    Raises NotFound, InvalidInput, RateLimited, PageUnusable where the page can't be read.
    """
    tenancy.require_shop(actor, "products.look", shop_id)
    try:
        read_address(url)
    except AddressUnreadable as error:
        raise InvalidInput({field: [str(error)]}) from error
    limits.spend("product.page", str(shop_id))
    seen = looking.look(url, config.current())
    if isinstance(seen, looking.NoPage):
        note = Note("page", seen.code, seen.reason, seen.fix, refuses=True)
        raise given.PageUnusable([note], url=url, reason=seen.reason)
    return seen


@blueprint.route("", methods=["POST"])
@policy("product_pages", "look")
@blueprint.arguments(shapes.PastedPage)
@blueprint.response(200, shapes.LookedAtSchema)
def look(data: dict[str, Any]) -> Any:
    """Look at a product's page and say what it says; nothing is stored."""
    actor = current_actor()
    shop_id = tenancy.meant_shop(actor, data["shop_id"])
    page = looked_at(actor, shop_id, data["url"], "url")
    reading = session()
    row = given.read_words(reading, shop_id, page.words(), request_now())
    notes = given.renamed((*page.notes, *(note for note in row.notes if note.code != "host_unverified")))
    verified = looking.host(page) in shops.verified_hosts(reading, shop_id)
    if not verified:
        reason = (
            f"{looking.host(page)} is not a verified domain of this shop: its products can't be stored yet."
        )
        notes.append(Note("link", "host_unverified", reason, "Prove that site at /shop/start/domain."))
    found = renamed({name: one.value for name, one in page.found.items()})
    origins = renamed({name: one.origin for name, one in page.found.items()})
    facts = row.facts
    product = (
        columns(facts) | {"sku": facts.sku, "price": facts.price, "sale_price": facts.sale_price}
        if facts
        else None
    )
    return {
        "url": page.url,
        "host_verified": verified,
        "seen_at": request_now(),
        "fields_": [
            {"field": name, "value": value, "origin": origins[name]} for name, value in found.items()
        ],
        "product": product,
        "variants": [renamed(variant) for variant in page.variants],
        "notes": [note.as_dict() for note in notes],
    }
