"""The furniture of every world: four shops and five advisers in a template database, made once a process."""

from __future__ import annotations

import datetime as dt
import shutil
import uuid
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pyotp
import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import advisers, shops, totp
from marketplace.accounts.models import ShopContract, ShopDomain, UserAccount
from marketplace.core import clock, db, ids
from marketplace.core.actor import Actor
from marketplace.core.money import exponent
from marketplace.offers import partnerships, publishing, service
from payouts.sandbox import onboarding, schedule
from payouts.settlement import accounts
from tests.simulation.environment import FURNISHED, SECRETS, START, Crash, Environment, Time
from tracking.attribution import policies
from tracking.links import codes
from tracking.links import service as links

T = TypeVar("T")
Terms = dict[str, Any]
DAY = dt.timedelta(days=1)


def terms(default: tuple[str, int], *, window: int = 10, hold: int = 14, **more: Any) -> Terms:
    """Return a version of terms as the model reads it; amounts in minor units."""
    given = {"default": default, "rules": {}, "tax": False, "shipping": False, "gift": False, "minimum": 0}
    times = {"window": window * DAY, "hold": hold * DAY}
    return given | {"maximum": 10**15} | times | more


@dataclass(frozen=True)
class Plan:
    """How a shop is furnished."""

    currency: str
    fee_bp: int
    guard: int
    code_rule: str
    terms: Terms


PLANS = {
    "s0": Plan("EUR", 1000, 120, "override", terms(("bp", 1000))),
    "s1": Plan(
        "EUR", 1250, 0, "override",
        terms(("order", 700), rules={"sku-1": ("bp", 3333), "sku-2": None, "sku-3": ("item", 55)}, tax=True, window=3,
              hold=7, minimum=100, maximum=90_000),
    ),
    "s2": Plan("JPY", 1000, 600, "ignore", terms(("bp", 777), shipping=True, tax=True, hold=3)),
    "s3": Plan("KWD", 333, 0, "override", terms(("item", 1234), gift=True, window=20, hold=1)),
}  # fmt: skip
ADVISERS = ("a0", "a1", "a2", "a3", "a4")
UNCONNECTED = "a4"
EDGES = ("far", "near")
MEMBERS = {"s0": ADVISERS, "s1": ADVISERS, "s2": ADVISERS[:3], "s3": ADVISERS[1:3]}


def document(shown: Terms, currency: str) -> dict[str, Any]:
    """Return the model's terms as a shop publishes them."""

    def text(minor: int) -> str:
        return str(amount_text(minor, currency))

    def rate(one: tuple[str, int]) -> dict[str, Any]:
        kind, value = one
        return {"percent_bp": value} if kind == "bp" else {"flat": text(value), "per": kind}

    rules = [
        {"sku": sku} | ({"exclude": True} if one is None else {"rate": rate(one)})
        for sku, one in shown["rules"].items()
    ]
    return {
        "default": rate(shown["default"]), "rules": rules,
        "base": {"tax": shown["tax"], "shipping": shown["shipping"], "gift_cards": shown["gift"]},
        "minimum": text(shown["minimum"]) if shown["minimum"] else None,
        "maximum": text(shown["maximum"]) if shown["maximum"] < 10**15 else None,
        "window_days": shown["window"].days, "hold_days": shown["hold"].days, "own_shop": False,
    }  # fmt: skip


def amount_text(minor: int, currency: str) -> str:
    """Return minor units as a decimal."""
    digits = exponent(currency)
    return f"{minor // 10**digits}.{minor % 10**digits:0{digits}}" if digits else str(minor)


@dataclass
class Furniture:
    """Who is who in the furnished template: ids, actors, links, and the facts from which each model starts."""

    shop_ids: dict[str, uuid.UUID] = field(default_factory=dict)
    owners: dict[str, Actor] = field(default_factory=dict)
    offers: dict[str, uuid.UUID] = field(default_factory=dict)
    advisers: dict[str, Actor] = field(default_factory=dict)
    partners: dict[tuple[str, str], uuid.UUID] = field(default_factory=dict)
    links: dict[tuple[str, str], uuid.UUID] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    finance: list[tuple[Actor, str]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    ready_at: dt.datetime = START
    ids: int = 0


def scope(actor: Actor) -> db.Scope:
    """Return what the web process says of an actor."""
    role = next((name for name in ("finance", "admin") if name in actor.roles), "")
    return db.Scope(actor.user_id, actor.shop_ids, actor.adviser_id, role)


class Furnisher:
    """Makes the template, once a process."""

    def __init__(self, here: Environment) -> None:
        self.here, self.made = here, Furniture()
        Time.now, Time.ids = START, 0
        here.clone(here.template, FURNISHED)
        here.play("app")
        with here.store.write() as tx:
            schedule.start(tx)
            for endpoint, secret in SECRETS.items():
                tx.set_setting(f"webhook_{endpoint}", f"http://localhost/webhooks/stripe/{endpoint}")
                tx.set_setting(f"secret_{endpoint}", secret)
        for name in ADVISERS:
            self.made.advisers[name] = self._adviser(name)
        for name, plan in PLANS.items():
            self._shop(name, plan)
        for _ in range(2):
            self._finance()
        for name in ADVISERS:
            if name != UNCONNECTED:
                self._connect(name)
        self._edge()
        facts = self.made.facts
        facts["marks"] = {edge: Time.now - dt.timedelta(milliseconds=1) for edge in EDGES}
        facts["advisers"] = {name: [(START, "active")] for name in ADVISERS}
        Time.now += dt.timedelta(hours=1)
        self.made.ready_at, self.made.ids = Time.now, Time.ids
        here.leave()
        here.store.close()
        shutil.copy(here.store.path, here.folder / "furnished.sqlite")

    def _person(self, session: Session, name: str, **more: Any) -> UserAccount:
        user = UserAccount(
            id=ids.new_id(), email=f"{name}@example.test", email_key=f"{name}@example.test", name=name,
            password_hash="-", session_key=name, email_verified_at=clock.wall(), **more,
        )  # fmt: skip
        session.add(user)
        session.flush()
        return user

    def _adviser(self, name: str) -> Actor:
        with self._everything() as session:
            user = self._person(session, name)
            data = {"display_name": name, "kind": "expert", "country": "NL"}
            made = advisers.become(session, user, data, START)
            return Actor(user.id, frozenset({"adviser"}), adviser_id=made.id, via="token")

    def _finance(self) -> None:
        with self._everything() as session:
            user = self._person(session, f"f{len(self.made.finance)}", role="finance")
            secret = pyotp.random_base32()
            user.totp_secret = totp.seal_secret(user.id, secret)
            actor = Actor(user.id, frozenset({"finance"}), via="token", totp_enrolled=True)
        self.made.finance.append((actor, secret))

    def _everything(self) -> Any:
        # Furnishing is nobody's request: it writes as the superuser.
        return Begun(self.here.owner)

    def _shop(self, name: str, plan: Plan) -> None:
        now, made = Time.now, self.made
        with Begun(self.here.owner) as session:
            boss = self._person(session, f"owner-{name}")
            actor = Actor(boss.id, frozenset({"owner"}), via="token")
            data = {
                "name": name, "legal_name": f"{name} BV", "registration_no": "90000003", "country": "NL",
                "currency": plan.currency,
            }  # fmt: skip
            shop_id = shops.create(session, actor, data, now).id
            owner = Actor(boss.id, frozenset({"owner"}), (shop_id,), (shop_id,), via="token")
            session.add(ShopContract(shop_id=shop_id, version=2, fee_bp=plan.fee_bp, effective_from=now))
            session.add(
                ShopDomain(
                    shop_id=shop_id, host=f"{name}.example", proof="file", proof_token="t", verified_at=now
                )
            )
            policies.publish(
                session,
                shop_id,
                guard_seconds=plan.guard,
                code_rule=plan.code_rule,
                effective_from=now,
                now=now,
            )
            session.flush()
            offer = service.create(session, owner, shop_id, name="All", now=now)
            publishing.publish(session, owner, offer.id, document(plan.terms, plan.currency), now=now)
            service.move(session, owner, offer.id, "open", now=now)
            for adviser in MEMBERS[name]:
                joined = partnerships.apply(session, made.advisers[adviser], offer.id, now=now)
                partnerships.approve(session, owner, joined.id, now=now)
                session.flush()
                accepted = partnerships.accept(session, joined.id, made.advisers[adviser], now)
                session.flush()
                made.partners[name, adviser] = accepted.id
                made.links[name, adviser] = links.ensure_offer_link(session, accepted, now).id
                data = {"code": f"CODE-{adviser}", "adviser_id": made.advisers[adviser].adviser_id}
                codes.create(session, owner, data | {"offer_id": offer.id}, now)
            made.shop_ids[name], made.owners[name], made.offers[name] = shop_id, owner, offer.id
        made.facts.setdefault("shops", {})[name] = {
            "currency": plan.currency,
            "terms": [(now, plan.terms)],
            "fees": [(now, plan.fee_bp)],
            "policy": (dt.timedelta(seconds=plan.guard), plan.code_rule),
            "partners": {adviser: [(now, "accepted")] for adviser in MEMBERS[name]},
            "codes": {f"CODE-{adviser}".upper(): adviser for adviser in MEMBERS[name]},
        }

    def _connect(self, name: str) -> None:
        actor = self.made.advisers[name]
        with db.use_scope(scope(actor)):
            with db.transaction() as session:
                row = accounts.plan(session, actor, "EUR", Time.now)
            account_id = accounts.connect(self.here.gateway, row, Time.now)
            with self.here.store.write() as tx:
                onboarding.onboard(tx, account_id)
            self.here.play("worker")
            accounts.refresh(self.here.gateway, row.id, account_id, clock.now)
            self.here.play("app")
        self.made.accounts[name] = account_id

    def _edge(self) -> None:
        with Begun(self.here.owner) as session:
            mark = {"mark": Time.now - dt.timedelta(milliseconds=1), "seen": Time.now}
            for edge in EDGES:
                session.execute(
                    sa.text("INSERT INTO edge_mark (edge, mark, seen_at) VALUES (:edge, :mark, :seen)"),
                    mark | {"edge": edge},
                )


class Begun:
    """A transaction of the superuser."""

    def __init__(self, engine: sa.Engine) -> None:
        self._session = Session(engine, expire_on_commit=False)

    def __enter__(self) -> Session:
        self._session.begin()
        return self._session

    def __exit__(self, kind: Any, *_rest: Any) -> None:
        # Nobody's request dies of nothing: it isn't the product that commits here.
        kept, Crash.left = Crash.left, 0
        if kind is None:
            self._session.commit()
        self._session.close()
        Crash.left = kept
