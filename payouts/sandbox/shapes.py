"""Attributes that Stripe's objects have and that are always empty here."""

from __future__ import annotations

from payouts.sandbox.errors import Body


def nulls(names: str) -> Body:
    """Return null for every name in a string of names."""
    return dict.fromkeys(names.split())


def sublist(url: str, data: list[Body] | None = None) -> Body:
    """Return a list object that lies inside another object."""
    found = data or []
    return {"object": "list", "data": found, "has_more": False, "total_count": len(found), "url": url}


def billing(email: str | None = None) -> Body:
    """Return the billing details of a charge."""
    return {
        "address": nulls("city country line1 line2 postal_code state"),
        "email": email,
        **nulls("name phone tax_id"),
    }
