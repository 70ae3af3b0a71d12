"""Plays the written words over HTTP, each on its day: advisers publish, readers ask, shops answer, an admin decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.main_job import must
from marketplace.devtools.people import mailed_token
from marketplace.devtools.world import events
from marketplace.devtools.world.advice import texts
from marketplace.devtools.world.advice.faces import FACES, portrait
from marketplace.devtools.world.advice.ground import Ground
from marketplace.devtools.world.advice.scenes import scene
from marketplace.devtools.world.advice.texts import WrittenPage, WrittenQuestion, WrittenReport, WrittenReview
from marketplace.devtools.world.plan import Plan

# Advisers show their faces when they begin, and follow one another once there is something to read.
_FACES_DAY, _WITHDRAWN_AFTER, _ANSWERED_AFTER, _DECIDED_AFTER = 3, 7, 1, 3
_OURS = ("sku", "picture", "offer")
Act = Callable[[], None]


class Writing:
    """All that is written, in order; `until(day)` plays what is due and was not played yet."""

    def __init__(self, ground: Ground, plan: Plan) -> None:
        """Take where it is played, and the plan with the orders that reviews name."""
        self._ground = ground
        self._pages: dict[str, Mapping[str, Any]] = {}
        self._questions: dict[int, str] = {}
        self._readers = 0
        self._orders = {one.ref: one for one in plan.events if isinstance(one, events.Order)}
        self._mails = {one.key: (one.name, one.email) for one in plan.shoppers}
        self._due = sorted(self._acts(), key=lambda one: one[0])

    def close(self) -> None:
        """Close the connections of readers."""
        self._ground.close()

    def until(self, day: int) -> None:
        """Play everything up to a day, in order. Raises DevtoolsError when it does not come out as written."""
        while self._due and self._due[0][0] <= day:
            due, act = self._due.pop(0)
            try:
                act()
            except DevtoolsError as error:
                raise DevtoolsError(f"day {due}: {act}: {error}") from error

    def rest(self) -> None:
        """Play everything that is left."""
        self.until(10_000)

    def _acts(self) -> Iterator[tuple[int, Act]]:
        for adviser in FACES:
            yield _FACES_DAY, partial(self._show_face, adviser)
        for page in texts.pages():
            yield page.day, partial(self._write, page)
            if page.update:
                yield page.update["day"], partial(self._update, page)
            if page.ends == "withdrawn":
                yield page.day + _WITHDRAWN_AFTER, partial(self._withdraw, page)
        for number, question in enumerate(texts.questions()):
            yield question.day, partial(self._ask, number, question)
            if question.answers or question.set_aside:
                day = question.day + _ANSWERED_AFTER
                yield day, partial(self._reply, number, question)
        for review in texts.reviews():
            yield review.day, partial(self._review, review)
        yield texts.follows()["day"], self._follow
        for report in texts.reports():
            yield report.day, partial(self._report, report)
            if report.outcome != "wait":
                yield report.day + _DECIDED_AFTER, partial(self._decide, report)

    def _show_face(self, adviser: str) -> None:
        self._ground.person(adviser).caller.post(
            "pictures", raw=portrait(adviser), params={"kind": "portrait"}, headers=_SVG
        )

    def _write(self, page: WrittenPage) -> None:
        """Write a page from its first to its last block and let readers see it, unless it stays a draft."""
        adviser = self._ground.person(page.adviser).caller
        body = {
            "kind": page.kind,
            "language": page.language,
            "title": page.title,
            "verdict": page.verdict,
            "topics": list(page.topics),
            "blocks": [self._block(page, block) for block in page.blocks],
        }
        page_id = adviser.post("advice-pages", body)["page_id"]
        self._pages[page.key] = {"id": page_id, "blocks": body["blocks"]}
        if page.ends == "draft":
            return
        adviser.post(f"advice-pages/{page_id}/publish", {"edit": 1})
        if page.twin is not None:
            adviser.post(f"advice-pages/{page_id}/twin", {"twin_id": self._pages[page.twin]["id"]})
        for _ in range(page.useful):
            self._vote("page", page_id)

    def _block(self, page: WrittenPage, block: Mapping[str, Any]) -> dict[str, Any]:
        """Return a block as the API takes it, with ids for SKU, offer and picture."""
        made = {name: value for name, value in block.items() if name not in _OURS}
        if "sku" in block:
            made["product_id"] = self._ground.product(block["sku"])
        if "offer" in block:
            made["offer_id"] = self._ground.offers[block["offer"]]
        if "picture" in block:
            query = {"kind": "page", "alt": block["alt"]}
            adviser = self._ground.person(page.adviser).caller
            sent = adviser.post("pictures", raw=scene(block["picture"]), params=query, headers=_SVG)
            made["picture_id"] = sent["id"]
        return made

    def _update(self, page: WrittenPage) -> None:
        """Say some of it differently, as a new version."""
        adviser, made = self._ground.person(page.adviser).caller, self._pages[page.key]
        said = page.update["blocks"]
        blocks = [{**block, **said.get(block["id"], {})} for block in made["blocks"]]
        adviser.call("PATCH", f"advice-pages/{made['id']}/draft", {"edit": 1, "blocks": blocks})
        again = adviser.post(f"advice-pages/{made['id']}/publish", {"edit": 2})
        must(again["version"] == 2, "the update made no second version", page.key, again)

    def _withdraw(self, page: WrittenPage) -> None:
        caller = self._ground.person(page.adviser).caller
        caller.post(f"advice-pages/{self._pages[page.key]['id']}/withdraw")

    def _ask(self, number: int, one: WrittenQuestion) -> None:
        body: dict[str, Any] = {"body": one.body, "language": one.language, "name": one.name}
        if one.page is not None:
            path = f"page/{self._pages[one.page]['id']}"
            body["block"] = one.card
        elif one.adviser is not None:
            path = f"adviser/{self._ground.person(one.adviser).adviser_id}"
        else:
            path = f"product/{self._ground.product(str(one.product))}"
        self._questions[number] = self._someone().post(f"questions/{path}", body)["id"]

    def _reply(self, number: int, one: WrittenQuestion) -> None:
        path = f"questions/{self._questions[number]}"
        if one.set_aside is not None:
            self._answerer(one, "adviser").post(f"{path}/set-aside", {"reason": one.set_aside})
            return
        for place, answer in enumerate(one.answers):
            product = self._ground.product(answer.product) if answer.product else None
            caller = self._answerer(one, answer.by)
            shown = caller.post(f"{path}/answers", {"body": answer.body, "product_id": product})
            for _ in range(answer.useful):
                self._vote("answer", shown["answers"][place]["id"])

    def _answerer(self, one: WrittenQuestion, by: str) -> Any:
        """Return who answers: the adviser who was asked, or the shop of the product."""
        if by == "adviser":
            asked = next((page.adviser for page in texts.pages() if page.key == one.page), one.adviser)
            return self._ground.person(str(asked)).caller
        sku = one.product or str(one.card).upper()
        return self._ground.shops[_SHOP_OF[sku[:2]]]

    def _review(self, one: WrittenReview) -> None:
        names = ("stars", "title", "body", "name", "language")
        body: dict[str, Any] = {name: getattr(one, name) for name in names}
        if one.order is not None:
            shopper = self._mails[str(self._orders[one.order].shopper)]
            body |= {"order_ref": one.order, "email": shopper[1]}
        made = self._someone().post(f"reviews/{self._ground.product(one.sku)}", body)
        for _ in range(one.useful):
            self._vote("review", made["id"])

    def _follow(self) -> None:
        """Some follow with their account, others by a link that is mailed to them."""
        for adviser, who in texts.follows()["accounts"].items():
            adviser_id = self._ground.person(adviser).adviser_id
            for key in who:
                self._ground.person(key).caller.post(f"follows/{adviser_id}", {"language": "nl"})
        for adviser, addresses in texts.follows()["mails"].items():
            adviser_id = self._ground.person(adviser).adviser_id
            for address in addresses:
                reader = self._someone()
                reader.post(f"follows/{adviser_id}", {"email": address, "language": "nl"})
                token = mailed_token(self._ground.facts, address, "follow")
                reader.post("follows/confirm", {"token": token})

    def _report(self, one: WrittenReport) -> None:
        body = {"reason": one.reason, "statement": one.statement, "language": one.language}
        self._someone().post(f"page-reports/page/{self._pages[one.page]['id']}", body)

    def _decide(self, one: WrittenReport) -> None:
        admin, page_id = self._ground.person("ada").caller, self._pages[one.page]["id"]
        waiting = admin.items("page-reports", limit=100, state="received")
        report = next(found for found in waiting if found["page_id"] == page_id)
        body = {"outcome": one.outcome, "reason": one.decision}
        admin.post(f"page-reports/{report['id']}/decide", body)

    def _vote(self, what: str, subject_id: str) -> None:
        # Votes of one address are hardly limited, and each is somebody new's.
        self._ground.reader(0).post(f"votes/{what}/{subject_id}", {})

    def _someone(self) -> Any:
        """Return a reader, each time another."""
        self._readers += 1
        return self._ground.reader(self._readers)


_SVG = {"Content-Type": "image/svg+xml"}
_SHOP_OF = {"BK": "coffee", "KP": "hiking", "UK": "books"}
