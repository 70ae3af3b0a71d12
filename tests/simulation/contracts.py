"""What people agree on and take back: terms, fees, partnerships and bans."""

from __future__ import annotations

from marketplace.accounts import advisers
from marketplace.accounts.models import ShopContract
from marketplace.core.actor import SYSTEM, Actor
from marketplace.core.errors import AppError
from marketplace.offers import partnerships, publishing
from tests.simulation.acting import Draw, a_shop, survive
from tests.simulation.environment import Time
from tests.simulation.furniture import DAY, MEMBERS, PLANS, Begun, document
from tests.simulation.world import World


def change_terms(world: World, draw: Draw) -> str:
    """A shop publishes another version, which begins after its notice."""
    name = a_shop(draw)
    shop, actor, now = world.model.shops[name], world.made.owners[name], Time.now
    since, newest = shop.terms[-1]
    rate = draw.choice(
        (("bp", draw.randint(0, 4_000)), ("order", draw.randint(1, 900)), ("item", draw.randint(1, 300)))
    )
    times = {"window": draw.randint(1, 20) * DAY, "hold": draw.randint(0, 20) * DAY}
    said = newest | {"default": rate, "tax": draw.random() < 0.5, "shipping": draw.random() < 0.3} | times
    if said == newest:
        return "the same"
    paper = document(said, PLANS[name].currency)
    offer = world.made.offers[name]
    answer = survive(lambda: world.act(actor, lambda s: publishing.publish(s, actor, offer, paper, now=now)))
    if isinstance(answer, AppError) and answer.code != "terms_unchanged":
        raise answer
    shop.terms.append((max(now + 7 * DAY, since), said))
    return f"{name} {rate}"


def change_fee(world: World, draw: Draw) -> str:
    """We and a shop agree on another fee from now on."""
    name = a_shop(draw)
    fees, bp = world.model.shops[name].fees, draw.randint(0, 2_000)
    with Begun(world.here.owner) as session:
        shop_id = world.made.shop_ids[name]
        session.add(ShopContract(shop_id=shop_id, version=len(fees) + 2, fee_bp=bp, effective_from=Time.now))
    fees.append((Time.now, bp))
    return f"{name} {bp}"


def leave(world: World, draw: Draw) -> str:
    """An adviser leaves a shop, or comes back."""
    gone = [
        (name, who)
        for name, shop in world.model.shops.items()
        for who, at in shop.partners.items()
        if at[-1][1] == "left"
    ]
    name, adviser = draw.choice(gone) if gone and draw.random() < 0.8 else (a_shop(draw), "")
    adviser = adviser or draw.choice(MEMBERS[name])
    line, actor, now = world.model.shops[name].partners[adviser], world.made.advisers[adviser], Time.now
    found, owner, offer = world.made.partners[name, adviser], world.made.owners[name], world.made.offers[name]
    if line[-1][1] == "accepted":
        survive(lambda: world.act(actor, lambda s: partnerships.leave(s, actor, found, now=now)))
        line.append((now, "left"))
    elif world.model.states[adviser][-1][1] == "active":
        for who, work in (
            (actor, lambda s: partnerships.apply(s, actor, offer, now=now)),
            (owner, lambda s: partnerships.approve(s, owner, found, now=now)),
            (actor, lambda s: partnerships.accept(s, found, actor, now)),
        ):
            answer = survive(lambda who=who, work=work: world.act(who, work))
            if isinstance(answer, AppError):
                raise answer
        line.append((now, "accepted"))
    return f"{name} {adviser} {line[-1][1]}"


def ban(world: World, draw: Draw) -> str:
    """We ban an adviser, or take it back."""
    banned = [name for name, line in world.model.states.items() if line[-1][1] == "banned"]
    name = draw.choice(banned) if banned else draw.choice(sorted(world.model.states))
    state = "active" if banned else "banned"
    found, now = world.made.advisers[name].adviser_id, Time.now
    assert found is not None
    admin = Actor(None, frozenset({"admin"}))
    survive(lambda: world.act(admin, lambda s: advisers.change_state(s, found, state, SYSTEM, now)))
    world.model.states[name].append((now, state))
    return f"{name} {state}"
