"""Where the written words are played: who can act, and what things are called there, in a world or a running demo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.people import Person
from marketplace.devtools.talk import Caller
from marketplace.devtools.world.cast import Cast
from marketplace.devtools.world.people import PEOPLE, advisers
from marketplace.devtools.world.shops import SHOPS

# Readers of one address may ask only so much in an hour, so they read at several: all of these are this machine.
_MACHINES = 4


class Reader(Caller):
    """Somebody without an account, on a machine of their own; the browser forgets everything after each request."""

    def __init__(self, base: str, machine: int) -> None:
        """Take the address of the product, and the number of a machine."""
        super().__init__(base)
        transport = httpx.HTTPTransport(local_address=f"127.0.0.{2 + machine % _MACHINES}")
        self._client = httpx.Client(transport=transport, timeout=30, follow_redirects=False)

    def close(self) -> None:
        """Close the connections of this machine."""
        self._client.close()

    def request(self, *args: Any, **more: Any) -> httpx.Response:
        """Send one request as somebody new."""
        self._client.cookies.clear()
        return super().request(*args, **more)


@dataclass
class Ground:
    """Who can act, by key: people who are signed in, and shops by their key. offers: ids by "shop:number"."""

    facts: Mapping[str, Any]
    person: Callable[[str], Person]
    shops: Mapping[str, Caller]
    offers: Mapping[str, str]
    _readers: dict[int, Reader] = field(default_factory=dict)
    _products: dict[str, str] = field(default_factory=dict)

    def reader(self, number: int) -> Reader:
        """Return a reader; the same number reads on the same machine."""
        machine = number % _MACHINES
        if machine not in self._readers:
            self._readers[machine] = Reader(str(self.facts["web"]), machine)
        return self._readers[machine]

    def close(self) -> None:
        """Let readers go; whoever reads next begins anew."""
        while self._readers:
            self._readers.popitem()[1].close()

    def product(self, sku: str) -> str:
        """Return the id of a product that is on its shop's shelf now. Raises DevtoolsError for one that isn't."""
        if sku not in self._products:
            for shop in self.shops.values():
                found = shop.items("products", limit=100, retired="false")
                self._products |= {one["sku"]: one["id"] for one in found}
        if sku not in self._products:
            raise DevtoolsError(f"no shop sells {sku} now")
        return self._products[sku]


def of_cast(cast: Cast, renewed: Callable[[Person], Person]) -> Ground:
    """Return the ground of a world that is being played; renewed: lets somebody sign in again where that is due."""

    def person(key: str) -> Person:
        played = cast.advisers.get(key)
        if played is not None:
            return renewed(played.person)
        return renewed(cast.staff[key])

    offers = {
        f"{key}:{number}": str(offer["id"])
        for key, shop in cast.shops.items()
        for number, offer in shop.offers.items()
    }
    return Ground(cast.facts, person, {key: shop.key for key, shop in cast.shops.items()}, offers)


def of_demo(demo: Mapping[str, Any]) -> Ground:
    """Return the ground of a running demo. demo: the content of demo.json. Raises DevtoolsError without its shops."""
    web = Caller(demo["web"])
    logins = {one["email"]: one for one in demo["logins"]}
    mails = {one.key: one.email for one in PEOPLE} | {one.key: one.email for one in advisers()}
    signed_in: dict[str, Person] = {}

    def person(key: str) -> Person:
        if key not in signed_in:
            login = logins[mails[key]]
            known = (login["role"], login["name"], login["email"], login["password"], web)
            signed_in[key] = Person(*known, totp_secret=login["totp_secret"]).sign_in()
        return signed_in[key]

    owners = {one.shop: logins[one.email]["shop_id"] for one in PEOPLE if one.role == "owner"}
    keys = {
        one["shop_id"]: one["key"]
        for one in demo["api_keys"]
        if (one["role"], one["mode"]) == ("owner", "live")
    }
    shops = {shop.key: web.as_bearer(keys[owners[shop.key]]) for shop in SHOPS}
    offers = {}
    for shop in SHOPS:
        names = [one.name for one in shop.offers]
        for one in shops[shop.key].items("offers", limit=100):
            if one["name"] in names:
                offers[f"{shop.key}:{names.index(one['name'])}"] = str(one["id"])
    return Ground(demo, person, shops, offers)
