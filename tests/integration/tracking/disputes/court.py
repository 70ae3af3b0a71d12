"""A shop in business with a declined commission, and an admin who decides: what tests of disputes need."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from marketplace.accounts import registration as accounts
from marketplace.accounts.models import AuthSession, UserAccount
from marketplace.core import clock, db, hooks, ids
from tests.applications import application
from tests.conftest import Database
from tests.integration.tracking.trade import Trade, amounts
from tracking.commissions import registration as commissions
from tracking.commissions import sweeps
from tracking.disputes import clockwork, registration

WORDS = {
    "statement": "They clicked my link; the order was placed an hour later.",
    "links": ["https://a.example/proof"],
}
PROMISES = ("commission", "attribution", "refunds", "one_live", "reinstated", "disputes")


class Court(Trade):
    """A trade with the routes, the sweep and the promises of disputes."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        registration.register()
        rooms = (accounts, commissions, registration)
        self.app = application([one for room in rooms for one in room.blueprints()])
        self.admin, self.finance = self.platform("admin"), self.platform("finance")

    def platform(self, role: str) -> str:
        """Sign somebody of the platform in, with both factors proved just now, and return the token."""
        token, wall, email = ids.secret_token(), clock.wall(), f"{role}{secrets.token_hex(3)}@example.test"
        with sa.orm.Session(self.everything) as session, session.begin():
            user = UserAccount(
                email=email, email_key=email, name=role, password_hash="-", session_key=ids.secret_token(),
                role=role, email_verified_at=wall, totp_secret="x",
            )  # fmt: skip
            session.add(user)
            session.flush()
            row = AuthSession(
                user_id=user.id, kind="token", token_hash=ids.digest(token), session_key=user.session_key,
                password_at=wall, totp_at=wall, last_seen_at=wall, expires_at=wall + dt.timedelta(hours=1),
            )  # fmt: skip
            session.add(row)
        return token

    def decline(
        self,
        ref: str = "A-1",
        *,
        reason: str = "outside_terms",
        tokens: Sequence[str] | None = None,
        **order: Any,
    ) -> str:
        """Report an order of Anne's, decline its commission, and return the commission's id."""
        answer = self.report(self.order(ref, *(tokens or [self.token(self.anne)]), **order))
        self.work()
        commission: str = answer["commissions"][0]["id"]
        self.call("POST", f"/commissions/{commission}/decline", {"reason": reason}, status=200)
        return commission

    def dispute(self, commission: str, *, status: int = 201, **changes: Any) -> Any:
        """Open a dispute as Anne."""
        body = {"commission_id": commission} | WORDS | changes
        return self.call("POST", "/disputes", body, status=status, bearer=self.anne.bearer)

    def say(self, who: str, dispute: Any, verb: str, body: Any = None, *, status: int = 200) -> Any:
        """Let Anne, the shop's owner, finance or an admin do something in a dispute."""
        bearer = {"anne": self.anne.bearer, "shop": self.owner, "admin": self.admin, "finance": self.finance}[
            who
        ]
        path = f"/disputes/{dispute['id']}/{verb}"
        return self.call("POST", path, body or {}, status=status, bearer=bearer)

    def look(self, dispute: Any, *, bearer: str | None = None) -> Any:
        """Read a dispute again."""
        return self.call("GET", f"/disputes/{dispute['id']}", status=200, bearer=bearer or self.anne.bearer)

    def escalated(self, commission: str) -> Any:
        """Bring a dispute as far as the platform."""
        opened = self.dispute(commission)
        self.say("shop", opened, "answer", {"outcome": "reject", "reason": "outside_terms"})
        return self.say("anne", opened, "escalate", {"statement": "The terms say otherwise."})

    def redecide(self, ref: str = "A-1") -> None:
        """Let the worker decide about an order again, as it does when clicks arrive."""
        [row] = self.rows("SELECT id FROM shop_order WHERE order_ref = :ref", ref=ref)
        with self.as_worker():
            sweeps.decide_order(str(row["id"]))

    def superuser(self, *statements: str) -> None:
        """Carry statements out as somebody whom no right stops, in one transaction."""
        address = self.database.postgres.url("postgres", self.database.name)
        engine = sa.create_engine(address, poolclass=sa.pool.NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    def sweep(self) -> int:
        """Run the sweep of disputes once, as the worker."""
        with self.as_worker():
            return clockwork.go_on_due()

    def work(self) -> int:
        """Run all sweeps of these rooms until nothing is left to do; return how many things were done."""
        total = 0
        with self.as_worker():
            todo = (sweeps.decide_due, sweeps.apply_waiting_refunds, clockwork.go_on_due, sweeps.approve_due)
            while done := sum(sweep() for sweep in todo):
                total += done
                assert total < 1000, "the sweeps never come to rest"
        return total

    def stands(self, ref: str = "A-1") -> tuple[str, str]:
        """Return amount and state of Anne's commission on an order."""
        return amounts(self.show(ref))[str(self.anne.id)]

    def kinds(self, ref: str = "A-1") -> list[str]:
        """Return the kinds of the moves of Anne's commission."""
        mine = [one for one in self.show(ref)["commissions"] if one["adviser_id"] == str(self.anne.id)]
        return [move["kind"] for move in mine[0]["moves"]]

    def broken_promises(self) -> dict[str, int]:
        """Return each promise of these rooms that does not hold now."""
        with self.as_worker(), db.session() as session:
            found = {
                name: promise.check(session)
                for name, promise in hooks.invariants.items()
                if name.startswith(PROMISES)
            }
        return {name: finding.figure for name, finding in found.items() if not finding.holds}

    def due(self) -> int:
        """Return what the lag of disputes says."""
        with self.as_worker(), db.session() as session:
            return clockwork.disputes_due(session, clock.now())
