"""One schedule of faults, drawn from a seed: a run of payouts and a payment through whatever Stripe does meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from marketplace.core import clock
from marketplace.core.errors import Unavailable
from payouts.funding.models import Funding
from payouts.reconciliation import registration as reconciliation
from payouts.runs import execution
from payouts.settlement import registration as settlement
from payouts.settlement.payout_models import Payout, PayoutRun
from tests.integration.payouts.settling import World

TRANSFERS, CHECKOUTS = ("POST", "/v1/transfers"), ("POST", "/v1/checkout/sessions")
READS = (
    ("GET", "/v1/transfers"),
    ("GET", "/v1/balance"),
    ("GET", "/v1/accounts/*"),
    ("GET", "/v1/payouts*"),
    ("GET", "/v1/balance_transactions"),
    ("GET", "/v1/checkout/sessions/*"),
)
LOST_ANSWERS = ("drop_after", "drop_after", "drop_before", "500_stored", "500_transient", "html_502")
PAUSES = ("429_rate", "429_lock", "409")
WEBHOOKS = ("lose", "duplicate", "reorder", "delay", "bad_signature")
SILENCE = 25


class Storm:
    """Draws what goes wrong and in which order things happen; `log` says it in words, for whoever looks at a failure."""

    def __init__(self, world: World, seed: int, payouts: int) -> None:
        self.world, self.draw, self.log = world, random.Random(seed), [f"seed {seed}"]
        self.amounts = [self.draw.randint(2_500, 90_000) for _ in range(payouts)]
        world.budget(sum(self.amounts) + self.draw.choice((0, 0, 5_000)))
        self.advisers = [world.adviser(earned=cents) for cents in self.amounts]
        self.run: PayoutRun = world.start()

    def say(self, what: str) -> None:
        """Remember a step."""
        self.log.append(what)

    def break_a_call(self) -> None:
        """Let some of the next calls that move or ask for money go wrong."""
        kind = self.draw.random()
        names = LOST_ANSWERS if kind < 0.6 else PAUSES
        method, path = self.draw.choice((TRANSFERS, TRANSFERS, TRANSFERS, CHECKOUTS, self.draw.choice(READS)))
        if method == "GET":
            names = ("drop_before", "500_transient", "html_502", "429_rate")
        name, nth, times = self.draw.choice(names), self.draw.randint(1, 3), self.draw.choice((1, 1, 2))
        effect = name == "500_stored" and self.draw.random() < 0.5
        self.say(f"{name} on {method} {path} from call {nth}, {times} times, effect {effect}")
        self.world.sandbox.fault(name, method=method, path=path, nth=nth, times=times, effect=effect)

    def break_a_webhook(self) -> None:
        """Let some of the next webhooks be lost, doubled, late, out of order or badly signed."""
        name = self.draw.choice(WEBHOOKS)
        match = {"type": self.draw.choice(("payout.*", "*", "transfer.*", "checkout.*", "account.*"))}
        times = self.draw.randint(1, 4)
        self.say(f"{name} on webhooks {match['type']}, {times} times")
        self.world.sandbox.ask("faults", {"match": match, "fault": name, "times": times, "seconds": 7_200})

    def hear(self) -> None:
        """Take what Stripe sends: permuted, some twice, some not at all."""
        self.world.sandbox.ask("webhooks/flush", {})
        got, self.world.receiver.got = self.world.receiver.got, []
        kept = [one for one in got if self.draw.random() < 0.8]
        kept += [one for one in kept if self.draw.random() < 0.3]
        self.draw.shuffle(kept)
        self.say(f"{len(kept)} webhooks of {len(got)}")
        for path, signature, body in kept:
            assert self.world.post_webhook(path, body, signature) in (200, 400)

    def work(self) -> None:
        """Let the worker do some of its sweeps, in any order."""
        chosen = self.draw.sample(self.sweeps(), self.draw.randint(2, len(self.sweeps())))
        self.world.play("worker")
        for sweep in chosen:
            try:
                sweep()
            except Unavailable as error:
                # The worker writes it down and goes on with the next sweep; this one has another turn.
                self.say(f"unanswered: {error.code}")

    def send(self) -> None:
        """Let the worker go on with the run; the library repeats nothing by itself."""
        self.world.play("worker")
        execution.sweep(self.world.gateway, clock.now)

    def sweeps(self) -> list[Callable[[], Any]]:
        """Return everything that the worker does from time to time."""
        return [
            self.send,
            settlement.handle_events,
            settlement.repair_fundings,
            settlement.follow_bank,
            settlement.look_at_accounts,
            self.resume,
            reconciliation.run_due,
        ]

    def resume(self) -> None:
        """Let payouts go on that wait for money, when Stripe says that there is some."""
        execution.resume_funded(self.world.gateway, clock.now)

    def pay_in(self) -> None:
        """Let the shop ask for a page to pay in; it may get none now and one later."""
        headers = self.world.token(self.world.owner.user_id)
        amount = {"amount": f"{self.draw.randint(50, 900)}.00", "currency": "EUR"}
        status, _ = self.world.call("POST", "/funding", headers, amount=amount)
        self.say(f"a page for {amount['amount']}: {status}")
        assert status in (201, 503), status

    def press_pay(self) -> None:
        """Let somebody pay on every page that is open, and press the button twice on some."""
        pages = self.world.read(
            lambda session: list(session.scalars(sa.select(Funding.url).where(Funding.state == "open")))
        )
        for url in pages:
            for _ in range(self.draw.choice((1, 1, 2))):
                self.world.sandbox.click(url or "")

    def wait(self) -> None:
        """Let minutes or hours pass."""
        minutes = self.draw.choice((1, 1, 4, 6, 11, 61, 7 * 60))
        self.say(f"{minutes} minutes")
        self.world.advance(minutes=minutes)

    def be_silent(self) -> None:
        """Let so much time pass, with nobody at work, that Stripe forgets the keys."""
        self.say(f"{SILENCE} hours of silence")
        self.world.advance(hours=SILENCE)

    def blow(self, steps: int) -> None:
        """Do so many steps."""
        weights = {
            self.break_a_call: 8, self.break_a_webhook: 3, self.send: 9, self.work: 4, self.hear: 5, self.wait: 5,
            self.pay_in: 1, self.press_pay: 2, self.be_silent: 1,
        }  # fmt: skip
        for step in self.draw.choices(list(weights), list(weights.values()), k=steps):
            step()

    def calm(self) -> None:
        """End every fault, and give everything its time; nothing more is lost."""
        self.say("calm")
        self.world.sandbox.ask("faults", method="DELETE")
        for _ in range(10):
            self.world.advance(hours=8)
            self.press_pay()
            for sweep in self.sweeps():
                self.world.play("worker")
                sweep()
            self.world.deliver()
        self.world.handle()
        self.world.play("worker")
        reconciliation.run_due()

    def payouts(self) -> list[Payout]:
        """Return the payouts of the run, in order."""
        return self.world.payouts(self.run)

    def one(self, statement: str) -> Any:
        """Return the single row of a query."""
        return self.world.read(lambda session: session.execute(sa.text(statement)).one())
