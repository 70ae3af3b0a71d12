"""A story is a seed: which steps happen, which of them die, and what is drawn in each. The same seed, the same story."""

from __future__ import annotations

import datetime as dt
import random
import traceback
from dataclasses import dataclass, field

from marketplace.core import db, failpoints
from marketplace.core.money import Money
from payouts.accrual import registration as accrual
from payouts.funding import service as funding
from payouts.reconciliation import registration as reconciliation
from payouts.runs import registration as runs
from payouts.sandbox import checkout, onboarding
from payouts.settlement import checkouts
from payouts.settlement import registration as settlement
from payouts.statements import registration as statements
from tests.simulation import acting, finance, steps, trade, weather
from tests.simulation.checks import Checker
from tests.simulation.environment import Crash, Environment, Time
from tests.simulation.furniture import PLANS, Furniture, scope
from tests.simulation.world import World

LONGEST = 500
DIES = 0.08


# A step is its number, which seeds what is drawn in it, its name, and the point at which it dies (0: it lives).
Script = list[tuple[int, str, int]]


def read_script(text: str) -> Script:
    """Return the steps that a text names, as `shown` writes them: number name, or number name dies."""
    words = (line.split() for line in text.split(",") if line.strip())
    return [(int(word[0]), word[1], int(word[2]) if len(word) > 2 else 0) for word in words]


def shown(script: Script) -> str:
    """Return steps as text that `read_script` reads; it outlives a change of what seeds draw."""
    return ", ".join(f"{number} {name}" + (f" {dies}" if dies else "") for number, name, dies in script)


@dataclass
class Story:
    """What came of a seed: the trace, and what broke if anything did."""

    seed: int
    trace: list[str] = field(default_factory=list)
    broken: str = ""
    played: Script = field(default_factory=list)

    @property
    def command(self) -> str:
        """Return the line that plays it again."""
        return f"./dev bench simulate --seed {self.seed} --steps {len(self.played)}"


def plan(seed: int, length: int) -> Script:
    """Return the steps of a seed."""
    draw, chosen = random.Random(f"plan {seed}"), list[str]()
    names, weights = list(steps.STEPS), [weight for _, weight in steps.STEPS.values()]
    while len(chosen) < length:
        if draw.random() < 0.45:
            chosen += draw.choices(names, weights)
            continue
        for word in draw.choice(steps.TALES).split():
            if not word.endswith("?") or draw.random() < 0.4:
                chosen.append(word.rstrip("?"))
            if draw.random() < 0.1:
                chosen += draw.choices(names, weights)
    return [
        (number, name, draw.randint(1, 12) if draw.random() < DIES else 0)
        for number, name in enumerate(chosen[:length])
    ]


def play(here: Environment, made: Furniture, seed: int, script: Script, *, to_rest: bool = True) -> Story:
    """Play steps in a world of their own; then let it come to rest."""
    story, world = Story(seed), World(here, made)
    checker = Checker(world)
    Crash.witness = checker.look_from_outside
    random.seed(seed)
    try:
        for number, name, dies in script:
            story.played.append((number, name, dies))
            draw = random.Random(f"{seed} {number}")
            Time.now += dt.timedelta(seconds=draw.choice((1, 7, 45, 130, 700, 2_000)))
            world.wait_no_longer()
            Crash.left, Crash.where = dies, ""
            story.trace.append(f"{number} {name}")
            said = steps.STEPS[name][0](world, draw)
            Crash.left = 0
            found = checker.after(number)
            died = f" died at {Crash.where}" if Crash.where else ""
            story.trace[-1] = f"{number} {name} {said}{died} | entry {found['entry']} {digest(found)}"
        if to_rest:
            story.trace.append("rest")
            rest(world, checker)
    except (Exception, failpoints.Reached) as error:  # noqa: BLE001 - whatever breaks is what the story is told for.
        Crash.left = 0
        where = traceback.extract_tb(error.__traceback__)[-1]
        story.broken = f"{type(error).__name__}: {error} ({where.name}:{where.lineno})"
    finally:
        Crash.witness = None
        world.close()
    return story


def digest(found: dict[str, object]) -> str:
    """Return what of the figures has no random names: all amounts, sorted."""
    books = sorted((kind, cur, total) for kind, _owner, cur, total in found["books"] or ())  # type: ignore[attr-defined]
    return f"{len(found['commissions'] or ())} commissions {hash_of(books)}"  # type: ignore[arg-type]


def hash_of(value: object) -> str:
    """Return a short name for a value that is the same in every process."""
    number = 0
    for byte in repr(value).encode():
        number = (number * 131 + byte) % 2**32
    return f"{number:08x}"


def rest(world: World, checker: Checker) -> None:
    """Faults stop, time passes, shops pay: everything comes to an end by itself (I10)."""
    nothing = random.Random(0)
    weather.heal(world, nothing)
    if not (world.segments / "far").exists():
        trade.leave_or_return(world, nothing)
    for name in world.made.accounts:
        world.sandbox(lambda tx, found=world.made.accounts[name]: onboarding.onboard(tx, found))
    while finance.execute(world, nothing):
        pass
    for number in range(4):
        Time.now += dt.timedelta(days=35)
        trade.ship(world, nothing)
        for name in ("s0", "s1", "s2"):
            _pay(world, name, Money(5_000_000, PLANS[name].currency))
        Time.now += dt.timedelta(minutes=3)
        for work in (
            settlement.look_at_accounts, settlement.repair_fundings, settlement.handle_events, runs.resume_funded,
            runs.continue_runs,
        ):  # fmt: skip
            acting.sweep(world, work.__name__, work)
            checker.after(1)
        for step in (finance.wait, finance.decide, finance.hold, finance.post):
            step(world, nothing)
            checker.after(1)
        for _ in range(4):
            Time.now += dt.timedelta(minutes=6)
            for work in (runs.resume_funded, runs.continue_runs, settlement.follow_bank):
                acting.sweep(world, work.__name__, work)
        checker.after(number)
    for work in (statements.issue_due, settlement.handle_events, reconciliation.run_due, accrual.post_all):
        acting.sweep(world, work.__name__, work)
    Time.now += dt.timedelta(hours=30)
    acting.sweep(world, "reconciliation", reconciliation.run_due)
    checker.after(1)
    checker.at_rest()


def _pay(world: World, name: str, amount: Money) -> None:
    owner, shop_id, now = world.made.owners[name], world.made.shop_ids[name], Time.now
    row = world.act(owner, lambda s: funding.plan(s, shop_id, amount, "test", now))
    with db.use_scope(scope(owner)):
        page = checkouts.open_page(world.here.gateway, row, "http://localhost")
    assert page.stripe_session_id is not None
    world.sandbox(lambda tx: checkout.complete(tx, page.stripe_session_id))
    fee = (amount.minor * 150 + 5_000) // 10_000 + 25
    world.paid[row.id] = (name, amount.minor, fee)


def shrink(here: Environment, made: Furniture, story: Story, tries: int = 200) -> Story:
    """Return a shorter story that breaks in the same way, dropping ever smaller parts while it still does."""

    def kind(one: Story) -> str:
        return one.broken[:40]

    best, size = story, max(1, len(story.played) // 2)
    while size and tries > 0:
        start = 0
        while start < len(best.played) and tries > 0:
            tries -= 1
            again = play(here, made, story.seed, best.played[:start] + best.played[start + size :])
            if again.broken and kind(again) == kind(story):
                best = again
            else:
                start += size
        size //= 2
    return best
