"""After each step: every figure of the product beside the model's, and the promises that must hold at any moment."""

from __future__ import annotations

import hashlib
import itertools
import json
import uuid
from collections import Counter
from typing import Any

from marketplace.core import clock, db, hooks
from tests.simulation import promises
from tests.simulation.acting import Broken
from tests.simulation.environment import PLATFORM, Time
from tests.simulation.furniture import PLANS
from tests.simulation.world import World

UNEVEN = (
    "(SELECT count(*) FROM (SELECT FROM posting GROUP BY entry_id, currency HAVING sum(amount_minor) <> 0) q)"
)
UNPROVED = (
    "(SELECT count(*) FROM (SELECT account_id, sum(amount_minor) AS total FROM posting GROUP BY 1) p FULL JOIN"
    " (SELECT account_id, sum(balance_minor) AS total FROM balance GROUP BY 1) b USING (account_id)"
    " WHERE coalesce(p.total, 0) <> coalesce(b.total, 0))"
)
# One statement reads all that is compared, so that it is one moment and one way to the server.
FIGURES = """
SELECT json_build_object(
 'books', (SELECT json_agg(json_build_array(q.kind, q.owner, q.currency, q.total)) FROM (
    SELECT a.kind, a.owner, a.currency, sum(b.balance_minor)::bigint AS total
      FROM account a JOIN balance b ON b.account_id = a.id GROUP BY 1, 2, 3) q),
 'commissions', (SELECT json_agg(json_build_array(o.shop_id, o.mode, o.order_ref, c.adviser_id, c.id, m.standing_minor,
      m.kinds)) FROM commission c JOIN shop_order o ON o.id = c.order_id
    JOIN (SELECT commission_id, (array_agg(standing_minor ORDER BY seq DESC))[1] AS standing_minor,
      array_agg(kind ORDER BY seq) AS kinds FROM commission_move GROUP BY 1) m ON m.commission_id = c.id),
 'orders', (SELECT json_agg(json_build_array(o.shop_id, o.mode, o.order_ref, d.state, d.adviser_id, t.effective_from))
    FROM shop_order o JOIN (SELECT DISTINCT ON (order_id) * FROM attribution ORDER BY order_id, n DESC) d
      ON d.order_id = o.id LEFT JOIN commission_terms t ON t.id = d.terms_id),
 'payouts', (SELECT json_agg(json_build_array(id, adviser_id, amount_minor, state, stripe_transfer_id)) FROM payout),
 'fundings', (SELECT json_agg(id ORDER BY entry_id) FROM funding WHERE state = 'paid'),
 'clicks', (SELECT md5(coalesce(string_agg(click_id::text, ' ' ORDER BY click_id), '')) FROM click),
 'webhooks', (SELECT json_agg(event_id) FROM stripe_event),
 'past', (SELECT json_build_array(sum(hashtextextended(p::text, 0)) FILTER (WHERE entry_id <= %(last)s),
    sum(hashtextextended(p::text, 0))) FROM posting p),
 'promises', PROMISES,
 'entry', (SELECT coalesce(max(id), 0) FROM entry))
"""
OUTSIDE = f"SELECT json_build_array({UNEVEN}, {UNPROVED})"
DEBIT = {
    "shop:receivable", "adviser:receivable", "platform:stripe_cost", "stripe:platform_balance",
    "memo:connected_balance",
}  # fmt: skip
LAGS_OF_OTHERS = {"jobs", "mail", "edges", "webhooks_pending"}


class Checker:
    """Compares one world with its model, step after step."""

    def __init__(self, world: World) -> None:
        self.world, self.entry, self.transfer = world, 0, 0
        self.credited: set[str] = set()
        self.transfers: dict[str, tuple[int, str]] = {}
        self.past: int | None = None
        here = world.here
        here.promises = here.promises or promises.parts(here)
        self.figures = FIGURES.replace("PROMISES", promises.together(here.promises))
        made = world.made
        self.tenants = itertools.cycle([*made.owners.values(), *made.advisers.values()])

    def after(self, step: int) -> dict[str, Any]:
        """Compare everything; return the figures. Raises Broken."""
        found = self._figures()
        self._observe_stripe()
        self._observe(found)
        self._compare(found)
        self._hold(found)
        if step % promises.STEPS_BETWEEN == 0:
            self.hold_promises(promises.AT_REST)
        return found

    def _hold(self, found: dict[str, Any]) -> None:
        """Hold the invariants I1 to I9; README.md says which line is which."""
        world, model = self.world, self.world.model
        figures = zip(world.here.promises, found["promises"], strict=True)
        if broken := {name: figure for name, figure in figures if figure}:
            raise Broken(f"promises broken: {broken}")
        past, present = found["past"]
        if past != self.past:
            raise Broken("I3: a line that was in the books is another one now, or gone")
        self.past = present
        paid, moved = Counter[str](), Counter[str]()
        for key, one in model.payouts.items():
            paid[one.adviser] += one.amount * (one.state not in ("open", "released"))
            moved[one.adviser] += self.transfers.get(key, (0, ""))[0] * (one.state != "open")
        if paid != moved:
            raise Broken(f"I4: settled {dict(paid)}, at Stripe {dict(moved)}")
        if lost := world.webhooks - {*(found["webhooks"] or ())}:
            raise Broken(f"I7: webhooks {lost} were acknowledged and are gone")
        tenant = next(self.tenants)
        if shown := promises.seen_of_others(world.here, tenant):
            raise Broken(f"I9: {tenant} is shown {shown} rows of others")

    def look_from_outside(self) -> None:
        """Be another reader at the moment at which somebody dies: no entry is half there (I8). Raises Broken."""
        [[halves]] = self.world.rows(OUTSIDE)
        if any(halves):
            raise Broken(
                f"I8: a reader saw {halves[0]} half entries and {halves[1]} balances without their lines"
            )

    def _figures(self) -> dict[str, Any]:
        eyes = self.world.here.eyes
        assert eyes is not None
        row = eyes.execute(self.figures, {"last": self.entry}).fetchone()
        assert row is not None
        found: dict[str, Any] = row[0]
        self.entry = found["entry"]
        return found

    def _observe_stripe(self) -> None:
        """Count transfers at Stripe: each for one payout of ours, once, as it was approved."""
        world, model = self.world, self.world.model
        with world.here.store.read() as tx:
            rows = tx.rows(
                "SELECT seq, body FROM object WHERE kind = 'transfer' AND seq > ? ORDER BY seq",
                (self.transfer,),
            )
            held = {
                row["currency"].upper(): row["total"]
                for row in tx.rows(
                    "SELECT currency, sum(net) AS total FROM movement WHERE account = ? GROUP BY 1",
                    (PLATFORM,),
                )
            }
        for row in rows:
            self.transfer, body = row["seq"], json.loads(row["body"])
            payout = body["metadata"]["payout_id"]
            if payout in self.transfers:
                raise Broken(f"a second transfer for payout {payout}")
            one = model.payouts.get(payout)
            if one is None or one.state != "open":
                raise Broken(f"a transfer for {one or 'no payout of ours'}")
            if (body["amount"], body["destination"]) != (one.amount, world.made.accounts[one.adviser]):
                raise Broken(f"Stripe moved {body['amount']} to {body['destination']}, approved was {one}")
            self.transfers[payout] = (body["amount"], body["id"])
        told = Counter({"EUR": -sum(amount for amount, _ in self.transfers.values())})
        for shop, gross, fee in world.paid.values():
            told[PLANS[shop].currency] += gross - fee
        if any(held.get(cur, 0) != told[cur] for cur in {*held, *told}):
            raise Broken(f"at Stripe lie {held}, paid in and transferred were {dict(told)}")

    def _observe(self, found: dict[str, Any]) -> None:
        """Tell the model what depends on answers: payments that were booked, payouts that went on."""
        world, model = self.world, self.world.model
        for funding in found["fundings"] or ():
            if funding not in self.credited:
                paid = {str(key): value for key, value in world.paid.items()}
                if funding not in paid:
                    raise Broken("a payment was booked that nobody made")
                shop, gross, fee = paid[funding]
                model.payments.append((shop, PLANS[shop].currency, gross, fee))
                self.credited.add(funding)
        model.release()
        for payout, _adviser, _amount, state, transfer in found["payouts"] or ():
            now = "open" if state in ("approved", "sending", "unknown", "rejected") else state
            if payout not in model.payouts:
                raise Broken(f"payout {payout} was never approved")
            was = model.payouts[payout].state
            if now == was:
                continue
            if was == "released" or now == "open" or (was != "open" and now in ("paid", "released")):
                raise Broken(f"payout {payout} went from {was} to {now}")
            if (now == "released") is (payout in self.transfers):
                raise Broken(f"payout {payout} is {now}, at Stripe: {self.transfers.get(payout)}")
            if now != "released" and transfer != self.transfers[payout][1]:
                raise Broken(f"payout {payout} names transfer {transfer}")
            model.payouts[payout].state = now
        model.note()

    def _compare(self, found: dict[str, Any]) -> None:
        world, model, names = self.world, self.world.model, self.world.names
        books = {
            (kind, names.get(owner or "", ""), cur): total if kind in DEBIT else -total
            for kind, owner, cur, total in found["books"] or ()
            if total
        }
        self._same("books", books, {key: total for key, total in model.books().items() if total})
        negative = {
            key: total for key, total in books.items() if total < 0 and not key[0].startswith("platform")
        }
        if negative:
            raise Broken(f"I6: below zero: {negative}")
        commissions = {}
        for shop, mode, ref, adviser, commission, standing, kinds in found["commissions"] or ():
            key = (names[shop], mode, ref, names[adviser])
            commissions[key] = (standing, kinds)
            world.commission_ids[key] = uuid.UUID(commission)
        told = {
            (one.order.shop.name, one.order.mode, one.order.ref, one.adviser): (
                one.standing,
                [kind for _, kind, _ in one.moves],
            )
            for one in model.commissions
        }
        self._same("commissions", commissions, told)
        orders = {
            (mode, ref): (state, names.get(adviser or ""), since)
            for _shop, mode, ref, state, adviser, since in found["orders"] or ()
        }
        decided = {}
        for key, order in model.orders.items():
            winner, terms = order.winner or (None, None)
            since = next((at for at, one in order.shop.terms if one is terms), None)
            decided[key] = (order.state, winner, since.isoformat() if since else None)
        self._same(
            "orders", {key: (one[0], one[1], _instant(one[2])) for key, one in orders.items()}, decided
        )
        payouts = {one[0]: (names[one[1]], one[2]) for one in found["payouts"] or ()}
        self._same("payouts", payouts, {key: (one.adviser, one.amount) for key, one in model.payouts.items()})
        shipped = " ".join(str(one) for one in sorted(world.clicks))
        if found["clicks"] != hashlib.md5(shipped.encode(), usedforsecurity=False).hexdigest():
            raise Broken("I7: the clicks that are there aren't those that were shipped, each once")

    @staticmethod
    def _same(what: str, product: dict[Any, Any], model: dict[Any, Any]) -> None:
        if product != model:
            keys = sorted({key for key in {*product, *model} if product.get(key) != model.get(key)}, key=str)
            wrong = [f"{key}: product {product.get(key)}, model {model.get(key)}" for key in keys[:6]]
            raise Broken(f"{what} differ: " + "; ".join(wrong))

    def hold_promises(self, but: set[str]) -> None:
        """Check the registered promises as the worker. Raises Broken."""
        if broken := promises.in_their_own_way(self.world.here, but):
            raise Broken(f"promises broken: {broken}")

    def at_rest(self) -> None:
        """Say that nothing is left to do: no lag, no open payout, no shop that owes although it paid. Raises Broken."""
        self.hold_promises(set())
        with db.session() as session:
            due = {
                name: lag(session, clock.now())
                for name, lag in hooks.lags.items()
                if name not in LAGS_OF_OTHERS
            }
        left = {name: one for name, one in due.items() if one}
        open_ = [one for one in self.world.model.payouts.values() if one.state == "open"]
        unpaid = {str(key) for key in self.world.paid} - self.credited
        owed = {
            key: total
            for key, total in self.world.model.books().items()
            if key[0] == "shop:receivable" and total and key[2] != "KWD"
        }
        if left or open_ or unpaid or owed:
            raise Broken(
                f"at rest by {Time.now}: {left}, open {open_}, payments not booked {unpaid}, owed {owed}"
            )


def _instant(text: str | None) -> str | None:
    return None if text is None else text.replace("Z", "+00:00")
