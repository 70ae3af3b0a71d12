"""Shoppers click, a shop reports orders and returns, its owner approves, finance pays: all at once, until it is over.

Every client asks until it is answered, as real ones do, and remembers what it was promised.
"""

import contextlib
import datetime as dt
import itertools
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from marketplace.devtools import business_time
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.main_job import BROWSER, MainJob, euro
from marketplace.devtools.people import Person
from marketplace.devtools.talk import Caller
from tracking.touches import tokens

# A shopper needs this long at least from the click to the order; the order's time must lie after the click's.
SHOPPING_SECONDS = 1.0
# Clicks that may still become orders.
SHOPPERS = 500
# Shoppers have so many browsers, because more than a click a second of one browser in one network is a flood.
BROWSERS = 200


class Load:
    """Clients that ask until they are answered, and remember what they were promised.

    owner: approves commissions; maker: makes and executes runs; approvers: approve them in turn, because each code of
    an authenticator counts once; links: what is clicked; keys: of the tokens.
    """

    def __init__(
        self,
        job: MainJob,
        owner: Person,
        maker: Person,
        approvers: Sequence[Person],
        links: list[str],
        keys: tuple[tuple[int, bytes], ...],
        seed: int,
    ) -> None:
        self.job, self.owner, self.maker, self.links, self.keys = job, owner, maker, links, keys
        self.draw = random.Random(seed)
        self.over = threading.Event()
        self.clicks: set[str] = set()
        self.orders: set[str] = set()
        self.unanswered: list[str] = []
        self.counts: Counter[str] = Counter()
        self._approvers = itertools.cycle(approvers)
        self._shoppers: deque[tuple[float, str]] = deque(maxlen=SHOPPERS)
        self._pending: deque[str] = deque()
        self._ahead = dt.timedelta(seconds=business_time.offset_now(job.facts))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Load the product for as long as the `with` lasts; every request under way is answered before it ends."""
        works: list[Callable[[], None]] = [self._click, self._click, self._report, self._approve, self._pay]
        threads = [threading.Thread(target=self._work, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join(120)
            if any(thread.is_alive() for thread in threads):
                self.unanswered.append("a client did not come to its end")

    def _work(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            # The load would go on without this client and show less than it says.
            self.unanswered.append(f"{work.__name__} ended with {error!r}")
            raise

    def _now(self) -> str:
        return (dt.datetime.fromtimestamp(time.time(), dt.UTC) + self._ahead).isoformat()

    def _asked(self, who: Caller, path: str, body: Any) -> httpx.Response | None:
        """Send the same request until it is answered for good; None when it never was."""
        began = time.monotonic()
        while time.monotonic() - began < 60:
            try:
                answer = who.request("POST", path, body)
            except DevtoolsError:
                self.counts["requests unanswered"] += 1
            else:
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer
                self.counts["requests put off"] += 1
            time.sleep(0.2)
        self.unanswered.append(path)
        return None

    # Shoppers

    def _click(self) -> None:
        names = itertools.cycle(
            BROWSER["User-Agent"].replace("145", str(60 + one)) for one in range(BROWSERS)
        )
        with httpx.Client(timeout=10) as browser:
            for link, name in zip(itertools.cycle(self.links), names, strict=False):
                if self.over.wait(0.04):
                    return
                try:
                    answer = browser.get(link, headers=BROWSER | {"User-Agent": name})
                except httpx.TransportError:
                    self.counts["clicks unanswered"] += 1
                    time.sleep(0.1)
                    continue
                token = parse_qs(urlsplit(answer.headers.get("Location", "")).query).get("aan", [""])[0]
                read = tokens.read(self.keys, token) if answer.status_code == 302 and token else None
                if read is not None:
                    self.clicks.add(str(read.click_id))
                    self._shoppers.append((time.monotonic(), token))

    def _shopper(self) -> str | None:
        """Return the token of somebody who has clicked a while ago, each once."""
        with contextlib.suppress(IndexError):
            clicked, token = self._shoppers.popleft()
            if time.monotonic() - clicked >= SHOPPING_SECONDS:
                return token
            self._shoppers.appendleft((clicked, token))
        return None

    # The shop

    def _report(self) -> None:
        for number in itertools.count(1):
            if self.over.wait(0.1):
                return
            token = self._shopper()
            if token is not None:
                self._order(f"K-{number}", token)

    def _order(self, ref: str, token: str) -> None:
        worth = Decimal(self.draw.choice((300, 450, 600)))
        line = {"line_ref": "1", "sku": "any", "title": "A thing", "quantity": 3, "net": euro(worth)}
        body = {"order_ref": ref, "ordered_at": self._now(), "currency": "EUR", "click_tokens": [token]}
        answer = self._asked(self.job.shop_key, "orders", {**body, "lines": [{**line, "tax": euro("0.00")}]})
        if answer is None or answer.status_code >= 300:
            self._count("order", answer)
            return
        self.orders.add(ref)
        self._pending.extend(str(one["id"]) for one in answer.json()["commissions"])
        if self.draw.random() < 0.2:
            back = {"line_ref": "1", "quantity": 1, "net": euro(worth / 3)}
            refund = {
                "refund_ref": f"{ref}-back",
                "refunded_at": self._now(),
                "lines": [back],
                "reason": "other",
            }
            self._count("refund", self._asked(self.job.shop_key, f"orders/{ref}/refunds", refund))

    def _approve(self) -> None:
        """Approve commissions once their orders are decided, which takes until the edge has reported past them."""
        while not self.over.wait(0.02):
            if not self._pending:
                continue
            commission = self._pending.popleft()
            answer = self._asked(self.owner.caller, f"commissions/{commission}/approve", {})
            self._count("approval", answer)
            if answer is not None and self._code(answer) == "attribution_provisional":
                self._pending.append(commission)
                self.over.wait(0.2)

    # Finance

    def _pay(self) -> None:
        while not self.over.wait(0.3):
            try:
                self._payday(next(self._approvers))
            except DevtoolsError as error:
                # A server was away, or a return had changed the run: finance looks again.
                problem = getattr(error, "problem", None)
                code = problem.get("code", "") if isinstance(problem, dict) else "unanswered"
                self.counts[f"payday {code}"] += 1

    def _payday(self, approver: Person) -> None:
        runs = [
            one for one in self.maker.caller.get("runs")["items"] if one["state"] in ("draft", "approved")
        ]
        run = runs[0] if runs else self.maker.caller.post("runs", {"currency": "EUR"})
        if run["state"] == "draft":
            if not self.maker.caller.post(f"runs/{run['id']}/preview")["included"]:
                return
            # One may have to wait for a code, and returns change a run meanwhile, so it is looked at once more.
            code = approver.code()
            seen = self.maker.caller.post(f"runs/{run['id']}/preview")
            approval = {"content_hash": seen["content_hash"], "total": seen["total"], "totp": code}
            approver.caller.post(f"runs/{run['id']}/approve", approval)
        self.maker.caller.post(f"runs/{run['id']}/execute")

    @staticmethod
    def _code(answer: httpx.Response) -> str:
        return str(answer.json().get("code", "")) if answer.status_code >= 400 else ""

    def _count(self, what: str, answer: httpx.Response | None) -> None:
        if answer is not None:
            self.counts[f"{what} {self._code(answer)}".strip()] += 1
