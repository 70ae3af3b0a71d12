"""Routes of domains: name a host, prove it, take it back. Sites and DNS are asked outside any transaction."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.accounts import domains, limits, shops
from marketplace.accounts import schemas_shops as shapes
from marketplace.accounts.models import ShopDomain
from marketplace.core import auth, config, db, tenancy
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.schemas import ShopPage
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint(
    "domains", __name__, url_prefix="/api/v1/domains", description="Hosts that shops prove"
)


@blueprint.post("")
@policy("domains", "add")
@blueprint.arguments(shapes.NewDomain)
@blueprint.response(201, shapes.DomainRow)
def add(data: dict[str, Any]) -> dict[str, Any]:
    """Name a host of your shop and get the instructions to prove it."""
    actor = auth.current_actor()
    with db.transaction() as session:
        shop_id = tenancy.meant_shop(actor, data["shop_id"])
        return shown(domains.add(session, actor, shop_id, data["host"], data["proof"], request_now()))


@blueprint.get("")
@policy("domains", "read")
@blueprint.arguments(ShopPage, location="query")
@blueprint.response(200, shapes.DomainList)
def list_domains(query: dict[str, Any]) -> dict[str, Any]:
    """List the hosts of your shops."""
    with db.session() as session:
        rows = domains.listed(
            session, auth.current_actor(), query["shop_id"], id_after(query["cursor"]), query["limit"] + 1
        )
        return page(rows, query["limit"], lambda row: (row.id,), shown)


@blueprint.get("/<uuid:domain_id>")
@policy("domains", "read")
@blueprint.response(200, shapes.DomainRow)
def show(domain_id: UUID) -> dict[str, Any]:
    """Show a host of your shop."""
    with db.session() as session:
        return shown(domains.get(session, auth.current_actor(), domain_id))


@blueprint.post("/<uuid:domain_id>/verify")
@policy("domains", "verify")
@blueprint.arguments(shapes.NewProof)
@blueprint.response(200, shapes.DomainRow)
def verify(data: dict[str, Any], domain_id: UUID) -> dict[str, Any]:
    """Look at the site, or its DNS, for the proof; `proof` may name another way than the one chosen first."""
    actor = auth.current_actor()
    with db.session() as session:
        domain = domains.get(session, actor, domain_id)
        shops.refuse_staff(actor, domain.shop_id)
    if domain.verified_at is not None:
        return shown(domain)
    limits.spend("domain.proof", str(domain.shop_id))
    proof = data["proof"] or domain.proof
    tokens = domains.tokens_there(domain, proof, config.current())
    with db.transaction() as session:
        return shown(domains.record_proof(session, actor, domain_id, proof, tokens, request_now()))


@blueprint.post("/<uuid:domain_id>/withdraw")
@policy("domains", "withdraw")
@blueprint.response(200, shapes.DomainRow)
def withdraw(domain_id: UUID) -> dict[str, Any]:
    """Take back a host that waits for its proof; naming it again brings it back with the token that it had."""
    with db.transaction() as session:
        return shown(domains.withdraw(session, auth.current_actor(), domain_id, request_now()))


def shown(domain: ShopDomain) -> dict[str, Any]:
    """Return a host as the API shows it."""
    waits = "unverified" if domain.withdrawn_at is None else "withdrawn"
    return {
        "id": domain.id,
        "shop_id": domain.shop_id,
        "host": domain.host,
        "proof": domain.proof,
        "proof_token": domain.proof_token,
        "proof_url": domains.proof_url(domain, domain.proof),
        "instructions": domains.instructions(domain),
        "state": "verified" if domain.verified_at else waits,
        "verified_at": domain.verified_at,
    }
