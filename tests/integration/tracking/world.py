"""A small committed world for tests of links, clicks and touches: a shop, an adviser, an accepted offer, a product."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import orm

from marketplace.accounts import advisers, shops
from marketplace.accounts.models import ShopDomain, UserAccount
from marketplace.catalogue.addresses import page_digest, read_address
from marketplace.catalogue.models import Product
from marketplace.core import clock, db, ids
from marketplace.core.actor import Actor
from marketplace.offers import partnerships, publishing, service
from tests.conftest import Database
from tracking.links import service as links
from tracking.links.models import TrackedLink

_numbers = itertools.count(1)
TERMS = {
    "default": {"percent_bp": 1000},
    "rules": [],
    "base": {"tax": False, "shipping": False, "gift_cards": False},
    "minimum": None,
    "maximum": None,
    "window_days": 30,
    "hold_days": 30,
    "own_shop": False,
}


@dataclass
class World:
    """Ids and actors of one tenant; made as the web role, committed."""

    database: Database
    host: str = "shop.example"
    consent_mode: str = "none"
    owner: Actor = field(init=False)
    adviser: Actor = field(init=False)
    shop_id: uuid.UUID = field(init=False)
    adviser_id: uuid.UUID = field(init=False)
    offer_id: uuid.UUID = field(init=False)
    partnership_id: uuid.UUID = field(init=False)
    offer_link: TrackedLink = field(init=False)

    def __post_init__(self) -> None:
        number, now = next(_numbers), clock.now()
        with db.transaction() as session:
            people = [ids.new_id(), ids.new_id()]
            for person, who in zip(people, ("owner", "adviser"), strict=True):
                row = {
                    "id": person,
                    "email": f"{who}{number}@example.test",
                    "email_key": f"{who}{number}@example.test",
                    "name": who,
                    "password_hash": "-",
                    "session_key": ids.secret_token(),
                }
                session.execute(sa.insert(UserAccount).values(row))
            boss = Actor(user_id=people[0], roles=frozenset({"owner"}), via="session")
            data = {
                "name": f"Shop {number}",
                "legal_name": "Shop BV",
                "registration_no": "90000003",
                "country": "NL",
                "currency": "EUR",
                "consent_mode": self.consent_mode,
            }
            self.shop_id = shops.create(session, boss, data, now).id
            self.owner = Actor(
                user_id=people[0],
                roles=frozenset({"owner"}),
                shop_ids=(self.shop_id,),
                owned_shop_ids=(self.shop_id,),
                via="session",
            )
            session.add(
                ShopDomain(
                    shop_id=self.shop_id, host=self.host, proof="file", proof_token="t", verified_at=now
                )
            )
            made = advisers.become(
                session,
                session.get_one(UserAccount, people[1]),
                {"display_name": f"Adviser {number}", "kind": "expert", "country": "NL"},
                now,
            )
            self.adviser_id = made.id
            self.adviser = Actor(
                user_id=people[1],
                roles=frozenset({"adviser"}),
                adviser_id=made.id,
                via="session",
            )
            self.offer_id, self.partnership_id, self.offer_link = self._offer(session, now)

    def _offer(self, session: orm.Session, now: dt.datetime) -> tuple[uuid.UUID, uuid.UUID, TrackedLink]:
        offer = service.create(session, self.owner, self.shop_id, name="All", now=now)
        publishing.publish(session, self.owner, offer.id, TERMS, now=now)
        service.move(session, self.owner, offer.id, "open", now=now)
        joined = partnerships.apply(session, self.adviser, offer.id, now=now)
        partnerships.approve(session, self.owner, joined.id, now=now)
        accepted = partnerships.accept(session, joined.id, self.adviser, now)
        return offer.id, accepted.id, links.ensure_offer_link(session, accepted, now)

    def another_offer(self) -> tuple[uuid.UUID, uuid.UUID, TrackedLink]:
        """Accept one more offer of the same shop; return offer, partnership and offer link."""
        with db.transaction() as session:
            return self._offer(session, clock.now())

    def product(self, path: str, sku: str = "") -> str:
        """Put a product into the catalogue and return its address."""
        address = f"https://{self.host}{path}"
        row = {
            "id": ids.new_id(),
            "shop_id": self.shop_id,
            "sku": sku or path,
            "title": "A thing",
            "description": "",
            "link": address,
            "page_digest": page_digest(read_address(address)),
            "price_minor": 1000,
            "currency": "EUR",
            "category": "",
            "warnings": [],
            "content_hash": b"-",
            "updated_at": clock.now(),
        }
        # Products come from feeds, which the worker reads.
        engine = sa.create_engine(self.database.url("worker"), poolclass=sa.pool.NullPool)
        with engine.begin() as connection:
            connection.execute(sa.insert(Product).values(row))
        return address

    def link(self, path: str = "/p/1", **data: object) -> TrackedLink:
        """Make a product and a tracked link to it."""
        address = self.product(path)
        with db.transaction() as session:
            return links.make(session, self.adviser, {"url": address, **data}, clock.now())
