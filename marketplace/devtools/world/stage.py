"""The opening of the demo world: people sign up, shops open with products and offers, advisers say where to be paid."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from marketplace.devtools import business_time
from marketplace.devtools.main_job import MainJob, agree
from marketplace.devtools.people import Person, hiring, of_platform, sign_up
from marketplace.devtools.talk import Caller
from marketplace.devtools.world.cast import Cast, PlayedAdviser, PlayedShop
from marketplace.devtools.world.credentials import TOPICS
from marketplace.devtools.world.facts import ShopFacts, Store
from marketplace.devtools.world.feeds import feed
from marketplace.devtools.world.people import PEOPLE, Adviser, Staff
from marketplace.devtools.world.shops import SHOPS
from marketplace.devtools.world.site_control import Control

# Signing up is mostly waiting: for a mail, and for the next tenth of a second.
_AT_ONCE = 4
GUARD_SECONDS = 120
_DAYS = {"ma": 0, "di": 1, "wo": 2, "do": 3, "vr": 4, "za": 5, "zo": 6}
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOURS = re.compile(
    r"(ma|di|wo|do|vr|za|zo)(?:-(ma|di|wo|do|vr|za|zo))? ([0-9]{1,2})\.([0-9]{2})-([0-9]{1,2})\.([0-9]{2})"
)
Run = Callable[..., str]

KINDS = {"rss": "text/xml", "atom": "application/atom+xml", "csv": "text/csv"}


def open_world(facts: Mapping[str, Any], run: Run, advisers: Sequence[Adviser], control: Control) -> Cast:
    """Let everybody of the world sign up and the shops open; return who there is. run: a command of the machine's."""
    cast = Cast(facts)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        platform = threads.submit(_hire, facts, run)
        members = {one.key: threads.submit(_join_shop, facts, one) for one in PEOPLE if one.shop is not None}
        people = {one.key: threads.submit(_sign_up, facts, one) for one in advisers}
        cast.staff = {key: made.result() for key, made in members.items()} | platform.result()
        cast.advisers = {key: made.result() for key, made in people.items()}
    for shop in SHOPS:
        cast.shops[shop.key] = _open_shop(cast, shop, control)
    cast.keys = _keys(cast)
    return cast


def _hire(facts: Mapping[str, Any], run: Run) -> dict[str, Person]:
    """Publish the platform's policy and hire its people, in one process of the machine's."""
    people = {
        one.key: of_platform(facts, one.role, one.name, one.email) for one in PEOPLE if one.shop is None
    }
    words = ["attribution-policy", "--guard-seconds", str(GUARD_SECONDS)]
    for person in people.values():
        words += ["--", *hiring(person)]
    run("-m", "marketplace.devtools", "run", *words)
    return {key: person.sign_in() for key, person in people.items()}


def _join_shop(facts: Mapping[str, Any], one: Staff) -> Person:
    person = sign_up(facts, "shop_owner", one.name, one.email, one.locale)
    person.role = one.role
    return person


def _sign_up(facts: Mapping[str, Any], one: Adviser) -> PlayedAdviser:
    person = sign_up(facts, "adviser", one.name, one.email, "nl", adviser_kind=one.kind)
    agree(person)
    words = one.biography
    profile = {
        "headline": words.headline_nl,
        "biography": {"nl": words.story_nl or None, "en": words.story_en or None},
        "topics": list(TOPICS.get(one.key, ())),
        "languages": ["nl", "en"],
    }
    person.caller.call("PATCH", "adviser-profile", profile)
    return PlayedAdviser(person, Caller(facts["web"], person.make_key("demo live", bound_to="adviser")))


def _open_shop(cast: Cast, shop: ShopFacts, control: Control) -> PlayedShop:
    """Open a shop: legal details, keys, proved host, people, stores, products, offers."""
    owner = next(cast.staff[one.key] for one in PEOPLE if one.role == "owner" and one.shop == shop.key)
    job = MainJob(cast.facts, lambda _hop, _text, **_ids: None)
    names = ("name", "legal_name", "registration_no", "country", "currency")
    job.open_shop(owner, {name: getattr(shop, name) for name in names})
    played = PlayedShop(shop, owner, job, owner.make_key("demo test", mode="test", bound_to="shop"))
    job.prove_domains(owner, control, [shop.host])
    for one in PEOPLE:
        if one.role == "staff" and one.shop == shop.key:
            owner.caller.post("invitations", {"email": one.email, "role": "staff", "shop_id": owner.shop_id})
            cast.staff[one.key].accept_invitation(cast.facts)
    for store in shop.stores:
        owner.caller.post("stores", _store(store, shop, str(owner.shop_id)))
    job.upload_feed(owner, feed(shop.key, 0), KINDS[shop.feed_format])
    for number, offer in enumerate(shop.offers):
        played.offers[str(number)] = job.publish_offer(owner, offer.name, offer.terms)
    return played


def _store(store: Store, shop: ShopFacts, shop_id: str) -> dict[str, Any]:
    found = {name: getattr(store, name) for name in ("code", "name", "street", "postcode", "city", "phone")}
    return found | {
        "shop_id": shop_id,
        "country": shop.country,
        "opening_hours": opening_hours(store.opening_hours),
    }


def opening_hours(text: str) -> dict[str, list[dict[str, str]]]:
    """Return hours as a shop writes them on its door ("di-vr 9.00-18.00, za 9.00-17.00") by weekday."""
    week: dict[str, list[dict[str, str]]] = {day: [] for day in _WEEK}
    for found in _HOURS.finditer(text):
        first = _DAYS[found[1]]
        last = _DAYS[found[2]] if found[2] else first
        for day in _WEEK[first : last + 1]:
            week[day].append(
                {"from": f"{int(found[3]):02d}:{found[4]}", "to": f"{int(found[5]):02d}:{found[6]}"}
            )
    return week


def _keys(cast: Cast) -> list[dict[str, Any]]:
    """Return the API keys for demo.json: live and test ones of shops and advisers, live ones of finance."""
    found = []

    def add(person: Person, mode: str, key: str) -> None:
        ids = {name: getattr(person, name) for name in ("role", "user_id", "shop_id", "adviser_id")}
        found.append(ids | {"mode": mode, "key": key})

    for shop in cast.shops.values():
        add(shop.owner, "live", str(shop.key.token))
        add(shop.owner, "test", shop.test_key)
    for number, adviser in enumerate(cast.advisers.values()):
        add(adviser.person, "live", str(adviser.key.token))
        if number < 2:
            add(adviser.person, "test", adviser.person.make_key("demo test", mode="test", bound_to="adviser"))
    for person in cast.staff.values():
        if person.role == "finance":
            add(person, "live", person.make_key("demo live"))
    return found


def begin(facts: Mapping[str, Any], days: int) -> None:
    """Let business time begin so many days ago, while nothing has happened yet."""
    business_time.begin(facts, -round(dt.timedelta(days=days).total_seconds()))
