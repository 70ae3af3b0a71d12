"""A rehearsal of a sale by advice: every hop by the services that do real ones, in a transaction that is taken back.

An adviser who exists only inside that transaction joins the offer, gets a link, the link's token is signed as the edge
signs it, and the shop's test order comes in with it. What each hop gave is told; then nothing of it was. Nobody is
paid, no count moves, no mail goes. A hop that fails is named with what to do about it.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import advisers, public
from marketplace.accounts.models import Shop, UserAccount
from marketplace.catalogue.models import Product
from marketplace.core import config, db, ids
from marketplace.core.actor import Actor
from marketplace.core.errors import AppError
from marketplace.core.money import Money
from marketplace.core.schemas import dump_instant, dump_money
from marketplace.offers import partnerships
from marketplace.offers import service as offers
from marketplace.offers import terms as offer_terms
from marketplace.offers.models import Offer, OfferState
from tracking.commissions import intake
from tracking.links import service as links
from tracking.orders.schemas import OrderReport
from tracking.touches import tokens

HOPS = ("click", "token", "order", "attribution", "commission")
# Without products yet, an order of this much shows how it goes.
STAND_IN = "106.61"
# No password has this for its hash, so nobody can sign in as the adviser of a rehearsal.
NO_PASSWORD = "-"  # noqa: S105 - it is the lack of one.


@dataclass(slots=True)
class Rehearsed:
    """What the hops gave: `told` by name of hop, `failed` the hop that broke with its refusal, or None."""

    order_ref: str
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: str | None = None
    refusal: AppError | None = None

    @property
    def is_whole(self) -> bool:
        """Tell whether every hop was passed."""
        return self.failed is None and len(self.told) == len(HOPS)


class _TakenBack(Exception):
    """Ends the transaction without a commit, once everything is known."""


def play(actor: Actor, shop: Shop, now: dt.datetime) -> Rehearsed:
    """Play a sale of a shop that the actor owns and take it back; then keep the order itself, as a test.

    now: business time of the test order. The order is kept only when every hop was passed.
    """
    found = Rehearsed(f"TEST-{ids.short_code(6)}")
    order: dict[str, Any] = {}
    try:
        with db.transaction(point="shop_pages.rehearse") as session:
            order.update(_play(session, actor, shop, found, now))
            raise _TakenBack
    except _TakenBack:
        pass
    except AppError as refused:
        if refused.status >= 500:
            raise
        found.refusal = refused
        found.failed = next(hop for hop in HOPS if hop not in found.told)
    if found.is_whole:
        with db.transaction(point="shop_pages.test_order") as session:
            report = OrderReport().load({**order, "click_tokens": []})
            intake.report_order(session, shop.id, "test", report, now, "page")
    return found


def _play(session: Session, actor: Actor, shop: Shop, found: Rehearsed, now: dt.datetime) -> dict[str, Any]:
    offer, begun = _offer(session, actor, shop, now)
    guest = _guest(session, now)
    moment = max(begun, now - dt.timedelta(minutes=1))
    with db.within(session, db.Scope(actor_id=guest.user_id, adviser_id=guest.adviser_id)):
        joined = partnerships.apply(session, guest, offer.id, now=moment)
    partnerships.approve(session, actor, joined.id, now=moment)
    with db.within(session, db.Scope(actor_id=guest.user_id, adviser_id=guest.adviser_id)):
        accepted = partnerships.accept(session, joined.id, guest, moment)
        link = links.ensure_offer_link(session, accepted, moment)
    found.told["click"] = {"url": links.url(link), "target": link.target_url}
    # A token knows whole seconds only, and a click before the terms would not count.
    clicked = max(moment + dt.timedelta(seconds=1), now - dt.timedelta(seconds=5))
    token = tokens.sign(config.current().token_keys, link.id, ids.new_id(), clicked)
    found.told["token"] = {"token": token}
    order = _order(session, shop, found.order_ref, token, now)
    answer = intake.report_order(session, shop.id, "test", OrderReport().load(order), now, "page")
    told = _json(answer.body)
    found.told["order"] = {"ref": found.order_ref, "title": order["lines"][0]["title"]}
    _judge(found, told)
    return order


def _judge(found: Rehearsed, told: Mapping[str, Any]) -> None:
    """Tell the last two hops from the answer to the order. Stops at the first that is missing."""
    decided = told["attribution"] or {}
    if not decided.get("winner"):
        touches = decided.get("touches") or []
        found.failed = "attribution"
        found.told["why"] = {"reason": touches[0]["result"] if touches else "no_touch"}
        return
    found.told["attribution"] = {"version": decided["winner"]["terms_version"]}
    if not told["commissions"]:
        found.failed = "commission"
        return
    earned = told["commissions"][0]["amount"]
    found.told["commission"] = {"amount": Money.parse(earned["amount"], earned["currency"])}


def _offer(session: Session, actor: Actor, shop: Shop, now: dt.datetime) -> tuple[Offer, dt.datetime]:
    """Return the shop's offer that would be advised on, open inside the rehearsal, and since when. Raises TermsMissing.

    It is open since two minutes ago, or since what a quick owner did just now: terms published, the offer opened.
    """
    mine = [one for one in offers.listed(session, actor, shop_id=shop.id, limit=50) if one.state != "closed"]
    in_force = {one.id: known for one in mine if (known := offer_terms.at(session, one.id, now)) is not None}
    ready = [one for one in mine if one.id in in_force]
    if not ready:
        raise offers.TermsMissing(offer_id=mine[0].id if mine else "–")
    best = min(ready, key=lambda one: (one.state != "open", one.id))
    moved = session.scalars(
        sa.select(sa.func.max(OfferState.from_at)).where(OfferState.offer_id == best.id)
    ).one()
    begun = max(now - dt.timedelta(minutes=2), in_force[best.id].effective_from, moved)
    if best.state == "open" or public.first_host(session, shop.id) is None:
        return best, begun
    return offers.move(session, actor, best.id, "open", now=begun), begun


def _guest(session: Session, now: dt.datetime) -> Actor:
    """Make the adviser of the rehearsal; both rows go with the transaction."""
    mark = ids.secret_token(8).lower()
    with db.within(session, db.DOOR):
        user = UserAccount(
            id=ids.new_id(),
            email=f"{mark}@rehearsal.invalid",
            email_key=f"{mark}@rehearsal.invalid",
            name="Rehearsal",
            locale="en",
            password_hash=NO_PASSWORD,
            session_key=ids.secret_token(),
        )
        session.add(user)
        session.flush()
        data = {"display_name": "Rehearsal", "kind": "user", "country": "NL", "code": f"rehearsal-{mark[:8]}"}
        made = advisers.become(session, user, data, now - dt.timedelta(minutes=3))
    return Actor(user_id=user.id, roles=frozenset({"adviser"}), adviser_id=made.id, via="session")


def _order(session: Session, shop: Shop, order_ref: str, token: str, now: dt.datetime) -> dict[str, Any]:
    """Return a report of one piece of the shop's first product, or of a stand-in."""
    query = (
        sa.select(Product)
        .where(Product.shop_id == shop.id, Product.retired_at.is_(None), Product.price_minor > 0)
        .order_by(Product.id)
        .limit(1)
    )
    product = session.scalars(query).first()
    if product is not None and product.currency == shop.currency:
        gross = Money(product.price_minor, product.currency)
        net = Money((2 * gross.minor * 10_000 + 12_100) // (2 * 12_100), gross.currency)
        line = {"sku": product.sku[:100], "title": product.title[:500]}
    else:
        net = Money.parse(STAND_IN, "EUR")
        net = Money(net.minor, shop.currency)
        gross = Money(12_900, shop.currency)
        line = {"sku": "TEST", "title": "Test"}
    line |= {"line_ref": "1", "quantity": 1, "net": dump_money(net), "tax": dump_money(gross - net)}  # type: ignore[dict-item]
    return {
        "order_ref": order_ref,
        "ordered_at": dump_instant(now),
        "currency": shop.currency,
        "click_tokens": [token],
        "lines": [line],
    }


def _json(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(text)
    return found


def newest(session: Session, shop_id: uuid.UUID, limit: int = 5) -> list[Mapping[str, Any]]:
    """Return the latest test orders of a shop with what became of their tokens, newest first."""
    rows = session.execute(_TESTS, {"shop": shop_id, "limit": limit}).mappings()
    return [dict(row) for row in rows]


_TESTS = sa.text(
    """
    SELECT o.order_ref, o.received_at, o.source, o.code IS NOT NULL AS has_code,
           coalesce((SELECT array_agg(t.result ORDER BY t.position) FROM order_token t WHERE t.order_id = o.id),
                    ARRAY[]::text[]) AS tokens,
           EXISTS (SELECT FROM commission c WHERE c.order_id = o.id) AS earned
      FROM shop_order o WHERE o.shop_id = :shop AND o.mode = 'test' ORDER BY o.received_at DESC, o.id DESC LIMIT :limit
    """
)
