"""Seeding of the demo: a small living market, made over HTTP like everything else, starting in the past."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from marketplace.devtools import business_time, environment, payday
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.main_job import CURRENCY, MainJob, line_of
from marketplace.devtools.people import Person, hire, sign_up
from marketplace.devtools.sample_feed import HOST, SAMPLE_FEED
from marketplace.devtools.secret_file import read_secret
from marketplace.devtools.site import ShowsProofs
from marketplace.devtools.state import World
from marketplace.devtools.talk import Caller
from marketplace.devtools.world.site import hosts_setting
from marketplace.devtools.world.site_control import Control

# The past that the seed plays: it ends a little before now and never passes it.
PAST_DAYS = 40
HOLD_DAYS = 14
SHOP = {
    "name": "Bergkoffie",
    "legal_name": "Bergkoffie B.V.",
    "registration_no": "24681357",
    "country": "NL",
    "currency": CURRENCY,
}
TERMS = {
    "default": {"percent_bp": 1000},
    "rules": [
        {"category": "Home & Garden > Kitchen & Dining", "rate": {"percent_bp": 800}},
        {"sku": "BK-005", "rate": {"flat": "40.00", "per": "item"}},
        {"sku": "BK-006", "exclude": True},
    ],
    "maximum": "250.00",
    "window_days": 30,
    "hold_days": HOLD_DAYS,
}


def demo_environment(site_port: int) -> dict[str, str]:
    """Return what the demo's services must know so that the shops' hosts are found on this machine."""
    return {"AANRADER_FETCH_HOSTS": hosts_setting(site_port)}


def seed(world: World, say: Callable[[str], None]) -> dict[str, Any]:
    """Fill an empty running world and return its logins and API keys, as they stand in demo.json.

    world: its running_file names the addresses. Raises DevtoolsError when a step does not come out as promised.
    """
    facts = read_secret(world.running_file)
    told: list[str] = []

    def tell(hop: str, text: str, **_ids: Any) -> None:
        told.append(hop)
        say(f"  seeding {len(told):02d} {hop}: {text}")

    return _Seeding(MainJob(facts, tell), _runner(world, facts)).play(Control(world.site_file))


def _runner(world: World, facts: dict[str, Any]) -> Callable[..., str]:
    """Return a function that runs a python command as whoever runs the machine."""
    known = environment.secrets_of(world)
    own = environment.base_environment() | {
        "AANRADER_MODE": "demo",
        "DATABASE_URL": environment.as_role(
            facts["admin_database_url"], "aanrader_worker", known["password_worker"]
        ),
        "AANRADER_SECRET_KEY": known["secret_key"],
        "AANRADER_TOKEN_KEYS": f"1:{known['token_key']}",
        "REDIS_URL": facts["redis_url"],
    }

    def run(*argv: str) -> str:
        done = subprocess.run(
            [sys.executable, *argv], env=own, cwd=world.project, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise DevtoolsError(f"python {' '.join(argv[:5])} failed: {(done.stdout + done.stderr)[-1500:]}")
        return done.stdout

    return run


class _Seeding:
    """One shop, two advisers, two finance people and an admin; one of everything that the API knows."""

    def __init__(self, job: MainJob, run: Callable[..., str]) -> None:
        self.job, self.run = job, run

    def play(self, site: ShowsProofs) -> dict[str, Any]:
        """Play the past and return logins and keys."""
        job, facts = self.job, self.job.facts
        owner = sign_up(facts, "shop_owner", "Sanne de Vries", "sanne@bergkoffie.example")
        job.open_shop(owner, SHOP)
        staff = self._staff(owner)
        job.prove_domains(owner, site, [HOST])
        products = {one["sku"]: one for one in job.upload_feed(owner, SAMPLE_FEED)}
        offer = job.publish_offer(owner, "Coffee that somebody chose for you", TERMS)
        bram = sign_up(facts, "adviser", "Bram Bakker", "bram@advice.example", adviser_kind="expert")
        noor = sign_up(facts, "adviser", "Noor Jansen", "noor@advice.example", adviser_kind="user")
        for adviser in (bram, noor):
            job.join(owner, adviser, offer)
            job.connect_payout_account(adviser)
        job.fund(owner, Decimal(500))
        maker = hire(self.run, facts, "finance", "Fatima Finance", "finance1@aanrader.example")
        approver = hire(self.run, facts, "finance", "Frits Finance", "finance2@aanrader.example")
        admin = hire(self.run, facts, "admin", "Ada Admin", "admin@aanrader.example")
        people = [owner, staff, bram, noor, maker, approver, admin]
        keys = self._keys(owner, bram, maker, approver)
        self._sales(owner, offer, bram, noor, products, keys)
        job.advance(HOLD_DAYS + 1)
        finished = payday.pay_out(job, maker, approver)
        job.advance(7)
        payday.see_in_bank(job, maker, finished["id"])
        self._afterwards(owner, noor, products)
        difference = payday.reconcile(job, maker)
        if difference != 0:
            raise DevtoolsError(f"the seeded market does not reconcile: {difference}")
        business_time.set_offset(facts, 0)
        job.settle_down(120)
        return {"logins": [person.login() for person in people], "api_keys": keys}

    def _staff(self, owner: Person) -> Person:
        staff = sign_up(self.job.facts, "shop_owner", "Sam Smit", "sam@bergkoffie.example")
        owner.caller.post("invitations", {"email": staff.email, "role": "staff", "shop_id": owner.shop_id})
        staff.accept_invitation(self.job.facts)
        staff.role = "staff"
        return staff

    def _keys(self, *people: Person) -> list[dict[str, Any]]:
        keys = []
        for person in people:
            for mode in ("live", "test"):
                bound = {"owner": {"bound_to": "shop"}, "adviser": {"bound_to": "adviser"}}.get(
                    person.role, {}
                )
                if person.role == "finance" and mode == "test":
                    continue
                text = person.make_key(f"demo {mode}", mode=mode, **bound)
                keys.append(
                    {
                        "role": person.role,
                        "user_id": person.user_id,
                        "shop_id": person.shop_id,
                        "adviser_id": person.adviser_id,
                        "mode": mode,
                        "key": text,
                    }
                )
        return keys

    def _sales(
        self,
        owner: Person,
        offer: dict[str, Any],
        bram: Person,
        noor: Person,
        products: dict[str, Any],
        keys: list[dict[str, Any]],
    ) -> None:
        """Sell in every way there is: by link, by code, with two advisers, by nobody, in test, with returns."""
        job = self.job
        code = owner.caller.post(
            "codes", {"code": "NOOR10", "adviser_id": noor.adviser_id, "offer_id": offer["id"]}
        )
        job.tell("code", code["code"], code_id=code["id"], adviser_id=noor.adviser_id)
        grinder, machine, beans = products["BK-003"], products["BK-005"], products["BK-001"]
        by_bram, by_noor = job.link(bram, machine, "blog"), job.link(noor, grinder)
        first = job.click(by_bram["url"], machine)
        job.advance(1)
        second = job.click(by_noor["url"], grinder)
        both = [line_of(machine, 1, "1"), line_of(grinder, 2, "2")]
        job.order("BK-2001", both, tokens=[first, second], customer="stan@example")
        job.order("BK-2002", [line_of(machine, 2)], tokens=[job.click(by_bram["url"], machine)])
        job.order("BK-2003", [line_of(beans, 12)], code="NOOR10", channel="pos", store_ref="Utrecht")
        job.order("BK-2004", [line_of(beans, 3)])
        job.shop_key.post("orders/BK-2003/lines", {"lines": [line_of(beans, 8, "2")]})
        job.tell("lines", "8 more on BK-2003", order_ref="BK-2003")
        job.refund("BK-2001", both[1], 1, Decimal(grinder["price"]["amount"]))
        job.order("BK-2005", [line_of(beans, 40)], tokens=[job.click(by_noor["url"])])
        job.shop_key.post("orders/BK-2005/cancel", {"reason": "order_cancelled"})
        job.tell("cancel", "BK-2005", order_ref="BK-2005")
        declined = job.order("BK-2006", [line_of(beans, 4)], tokens=[job.click(by_bram["url"])])
        early = job.order("BK-2007", [line_of(grinder, 4)], tokens=[job.click(by_noor["url"])])
        job.settle_down()
        for order, verb, body in ((declined, "decline", {"reason": "outside_terms"}), (early, "approve", {})):
            commission = self.job.shop_key.get(f"orders/{order['order_ref']}")["commissions"][0]
            owner.caller.post(f"commissions/{commission['id']}/{verb}", body)
            job.tell(verb, order["order_ref"], commission_id=commission["id"])
        test_key = next(one["key"] for one in keys if one["role"] == "owner" and one["mode"] == "test")
        tester = Caller(job.facts["web"], test_key)
        job.order("BK-TEST-1", [line_of(machine, 1)], tokens=[first], key=tester)
        for ref in ("BK-2001", "BK-2002", "BK-2003", "BK-2007"):
            job.explain(ref)

    def _afterwards(self, owner: Person, noor: Person, products: dict[str, Any]) -> None:
        """Return something that was paid already, and sell more than the budget covers."""
        job = self.job
        grinder, machine = products["BK-003"], products["BK-005"]
        job.refund("BK-2007", line_of(grinder, 4), 1, Decimal(grinder["price"]["amount"]))
        link = noor.caller.items("links")[0]
        job.order("BK-2008", [line_of(machine, 6)], tokens=[job.click(link["url"])], customer="kees@example")
        job.settle_down()
        job.fund(owner, Decimal(400))
