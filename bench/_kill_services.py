"""Whole services of a running product are killed while shoppers click, a shop reports and finance pays."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from bench._kill_load import Load
from bench._kill_rest import broken, come_to_rest, compared, tally, under_way
from marketplace.devtools import ports, stack
from marketplace.devtools.environment import secrets_of
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.main_job import MainJob, line_of
from marketplace.devtools.people import Person, hire, sign_up
from marketplace.devtools.sample_feed import HOST, SAMPLE_FEED
from marketplace.devtools.site import Site, serving
from marketplace.devtools.state import World

VICTIMS = ("web", "edge", "worker", "shipper", "sandbox", "postgres")
SHOP = {
    "name": "Shop of the kills",
    "legal_name": "Kills B.V.",
    "registration_no": "12345678",
    "country": "NL",
    "currency": "EUR",
}
ADVISERS = 16
# Each code of an authenticator counts once in half a minute, so a run every four seconds takes so many people.
APPROVERS = 8
BUDGET = Decimal(900_000)
# As far away as Stripe is, so that calls are under way when somebody dies.
STRIPE_SECONDS = 0.1
# Every other kill waits so long for a payout in somebody's hands.
AIM_SECONDS = 6.0
# The first kill waits longer: nobody has earned anything yet.
FIRST_SECONDS = 60.0


def kill_services(count: int, seed: int, tell: Callable[..., None]) -> list[str]:
    """Kill so many services one after the other under load; return in words what is wrong after all came to rest."""
    site = Site()
    extra = {"AANRADER_FETCH_HOSTS": site.fetch_hosts([HOST]), "AANRADER_HTTP_TARGETS": "1"}
    base = 24_000 + os.getpid() % 2_000 * 10
    wanted = {name: base + number for number, name in enumerate(stack.WANTED_PORTS)}
    with serving(site), World.throwaway("kills") as world:
        silent = stack.running(world, ports.choose(wanted), lambda _text: None, mode="test", extra=extra)
        with silent as running:
            return _kill(running, site, count, seed, tell)


def _kill(running: stack.Stack, site: Site, count: int, seed: int, tell: Callable[..., None]) -> list[str]:
    began = time.monotonic()
    load = _open(running, site, seed)
    tell("services_open", seconds=round(time.monotonic() - began, 1), advisers=len(load.links))
    draw = random.Random(seed)
    killed: Counter[str] = Counter()
    moments: Counter[str] = Counter()
    began = time.monotonic()
    with load.running():
        _aim(running, FIRST_SECONDS)
        for number in range(1, count + 1):
            time.sleep(draw.uniform(0.2, 2.5))
            if draw.random() < 0.5:
                _aim(running, AIM_SECONDS)
                time.sleep(draw.uniform(0.0, 0.5))
            name = draw.choice(VICTIMS)
            seen = under_way(running)
            running.supervisor.stop(name, kill=True)
            time.sleep(draw.uniform(0.0, 0.5))
            running.supervisor.start(name)
            killed[name] += 1
            moments.update(seen)
            if number % 10 == 0 or number == count:
                seconds = time.monotonic() - began
                tell(
                    "services",
                    kills=number,
                    per_minute=round(number / seconds * 60, 1),
                    clicks=len(load.clicks),
                    orders=len(load.orders),
                    **tally(running),
                    **_during(moments),
                )
    loaded = time.monotonic() - began
    wrong = [f"load: {one}" for one in load.unanswered]
    wrong += come_to_rest(load.job.facts)
    wrong += broken(running)
    figures, differing = compared(running, load)
    wrong += differing
    tell(
        "services_total",
        kills=sum(killed.values()),
        of=dict(sorted(killed.items())),
        **_during(moments),
        **tally(running),
        **figures,
        seconds=round(loaded),
        rest_seconds=round(time.monotonic() - began - loaded),
        clients=dict(sorted(load.counts.items())),
        wrong=len(wrong),
    )
    return wrong


def _during(moments: Counter[str]) -> dict[str, int]:
    return {f"during_{what}": moments[what] for what in ("run", "payout", "call")}


def _aim(running: stack.Stack, seconds: float) -> None:
    """Wait until a worker has a payout in hand, so long at most."""
    end = time.monotonic() + seconds
    while "payout" not in under_way(running) and time.monotonic() < end:
        time.sleep(0.05)


def _open(running: stack.Stack, site: Site, seed: int) -> Load:
    """Open a shop with advisers who can be paid, a budget, and people of finance; all of it over HTTP."""
    job = MainJob(running.facts(), lambda *_, **__: None)
    owner = sign_up(job.facts, "shop_owner", "Olga", "olga@kills.example")
    job.open_shop(owner, SHOP)
    product = min(job.upload_feed(owner, SAMPLE_FEED), key=lambda one: Decimal(one["price"]["amount"]))
    job.prove_domains(owner, site, [HOST])
    offer = job.publish_offer(
        owner, "Everything", {"default": {"percent_bp": 1000}, "window_days": 30, "hold_days": 14}
    )
    links = []
    for number in range(ADVISERS):
        adviser = sign_up(job.facts, "adviser", f"Adviser {number}", f"adviser-{number}@kills.example")
        job.join(owner, adviser, offer)
        page = adviser.caller.post("payout-account", {})["url"]
        pressed = adviser.caller.request("POST", page)
        if pressed.status_code not in (200, 302, 303):
            raise DevtoolsError(f"onboarding answered {pressed.status_code}: {pressed.text[:300]}")
        links.append(job.link(adviser, product)["url"])
        job.click(links[-1], product)
    job.fund(owner, BUDGET)
    job.order("FIRST", [line_of(product, 1)])
    maker, *approvers = (_hire(running, job, f"finance-{number}") for number in range(APPROVERS + 1))
    stripe = f"{running.addresses.of('sandbox')}/_sandbox"
    slow = {"match": {"method": "POST", "path": "/v1/transfers"}, "fault": "delay", "seconds": STRIPE_SECONDS}
    maker.caller.post(f"{stripe}/faults", {**slow, "times": 1_000_000})
    keys = ((1, bytes.fromhex(secrets_of(running.world)["token_key"])),)
    return Load(job, owner, maker, approvers, links, keys, seed)


def _hire(running: stack.Stack, job: MainJob, name: str) -> Person:
    """Make somebody of finance who speaks with a key, which asks for no new sign-in however long the bench is."""
    person = hire(running.command, job.facts, "finance", name, f"{name}@kills.example")
    person.caller = person.caller.as_bearer(person.make_key("bench"))
    return person
