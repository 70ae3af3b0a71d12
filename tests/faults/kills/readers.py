"""Parts of the story about advice and who reads it, and about the mails that tell of clicks, orders and budgets.

They register with the others when this module is imported. A client keeps what it was answered, and sends a request
that got no answer again, word for word. Most are then answered as the first time, or refused, and nothing is there
twice. Who begins a page, asks, answers, saves a text, reviews or reports says something new each time, by design: died
right after the commit, what was said stands there once more, and both times whole.
"""

from __future__ import annotations

from typing import Any

from tests.faults.kills.stage import Stage
from tests.faults.kills.story import commission_of, part, remember

NOBODY = ""
WHY = {"reason": "It says what it may not say."}
READER = "reader@mail.example"
BUYER = "buyer@mail.example"
DRAFT = {
    "kind": "best_for",
    "title": "Lamps to read by",
    "verdict": "Take the first one.",
    "topics": ["lamps"],
    "blocks": [{"id": "t1", "type": "text", "text": "I read by both of them for a year."}],
}
QUESTION = {"body": "Does it fit on a narrow shelf?", "language": "en", "name": "Ans"}


def once(stage: Stage, name: str, path: str, who: str, body: Any = None, **more: Any) -> Any:
    """Return what a POST was answered, now or before; without an answer it is sent again as it was."""
    return remember(stage, f"readers-{name}", lambda: stage.post(path, who, body, **more))


def mailed(stage: Stage, template: str) -> list[dict[str, Any]]:
    """Return the facts of all mails of a template that were queued, the oldest first."""
    rows = stage.superuser(
        "SELECT facts FROM mail_message WHERE template = %(t)s ORDER BY queued_at, id", t=template
    )
    return [facts for (facts,) in rows]


def count(stage: Stage, statement: str, **values: Any) -> int:
    """Return the number that a statement finds."""
    [[found]] = stage.superuser(statement, **values)
    return int(found)


def expect(wrong: str, found: object, wanted: object) -> None:
    """Raise AssertionError in words when something is not as promised."""
    if found != wanted:
        raise AssertionError(f"{wrong}: {found}, not {wanted}")


def kept(stage: Stage, kind: str, answer: dict[str, Any]) -> str:
    """Tell that something was kept under an id, and return the id."""
    stage.tell(kind, answer["id"])
    return str(answer["id"])


def begun(stage: Stage, language: str) -> str:
    """Return the page in a language; begun and saved when it was not before."""
    anne = stage.facts["advisers"]["anne"]["token"]
    made = once(stage, f"begin-{language}", "/advice-pages", anne, DRAFT | {"language": language})
    path = f"/advice-pages/{made['page_id']}/draft"

    def save() -> dict[str, Any]:
        change = {"edit": made["edit"], "verdict": "Take the second one."}
        # Saved already and not told so: the same edit is refused, and what was sent stands in the draft.
        saved = stage.call("PATCH", path, anne, change, also=(409,)) or stage.call("GET", path, anne)
        expect("a draft was not saved once", saved["edit"], made["edit"] + 1)
        expect("a draft lost what was saved", saved["verdict"], change["verdict"])
        return {"saved": True}

    remember(stage, f"readers-save-{language}", save)
    return kept(stage, "page", {"id": made["page_id"]})


@part
def advice(stage: Stage) -> None:
    """Two follow; a page is written, published, asked about, judged, reported, taken down, restored; its twin goes."""
    anne, bert = (stage.facts["advisers"][name] for name in ("anne", "bert"))
    follow(stage, anne["id"], bert["token"])
    page, twin = begun(stage, "en"), begun(stage, "nl")
    for one in (page, twin):
        once(stage, f"publish-{one}", f"/advice-pages/{one}/publish", anne["token"], {"edit": 2})
    once(stage, "tie", f"/advice-pages/{page}/twin", anne["token"], {"twin_id": twin})
    stage.sweep("community")
    talk(stage, page)
    judge(stage, page)
    report(stage, page, twin)
    once(stage, "withdraw", f"/advice-pages/{page}/withdraw", anne["token"])
    stage.sweep("community", "reviews")
    end(stage, anne["id"], bert["token"])
    steps = {
        one: [
            state
            for (state,) in stage.superuser(
                "SELECT state FROM advice_event WHERE page_id = %(p)s ORDER BY n", p=one
            )
        ]
        for one in (page, twin)
    }
    expect("steps of the page", steps[page], ["published", "withdrawn"])
    expect("steps of its twin", steps[twin], ["published", "taken_down", "published"])
    versions = "SELECT count(*) FROM advice_version WHERE page_id IN (%(p)s, %(t)s)"
    expect("versions", count(stage, versions, p=page, t=twin), 2)
    expect("mails that a page was taken down", len(mailed(stage, "page_taken_down")), 1)


def follow(stage: Stage, adviser: str, token: str) -> None:
    """Let somebody with an account follow, and an address whose owner confirms."""
    path = f"/follows/{adviser}"
    once(stage, "follow", path, token, {"language": "en"})
    once(stage, "follow-mail", path, NOBODY, {"email": READER, "language": "en"})
    # Asked for again, an address is mailed again, and only the newest link is good.
    link = mailed(stage, "follow_confirm")[-1]["url"].rpartition("token=")[2]
    once(stage, "confirm", "/follows/confirm", NOBODY, {"token": link})
    follows = "SELECT count(*) FROM follow WHERE adviser_id = %(a)s"
    expect("people who ever followed", count(stage, follows, a=adviser), 2)


def end(stage: Stage, adviser: str, token: str) -> None:
    """Let both follow no more, and see that each was told of the new pages once."""
    told = mailed(stage, "new_advice_to_reader")
    expect("mails of news to the address", len(told), 1)
    expect("mails of news to the account", len(mailed(stage, "new_advice")), 1)
    link = told[0]["end"].partition("token=")[2].partition("&")[0]
    once(stage, "end-mail", "/follows/end", NOBODY, {"token": link})
    once(stage, "end", f"/follows/{adviser}/end", token)
    states = stage.superuser("SELECT state FROM follow WHERE adviser_id = %(a)s", a=adviser)
    expect("who follows at the end", states, [("ended",), ("ended",)])


def talk(stage: Stage, page: str) -> None:
    """Ask the page, its adviser and a shop; one question is set aside, one hidden, one answer hidden."""
    anne, owner, admin = stage.facts["advisers"]["anne"], stage.facts["owner"], stage.facts["admin"]
    product = product_of(stage)
    mail = QUESTION | {"email": READER, "consent": True}
    asked = {
        name: kept(stage, "question", once(stage, f"ask-{name}", f"/questions/{path}", NOBODY, body))
        for name, path, body in (
            ("page", f"page/{page}", mail),
            ("adviser", f"adviser/{anne['id']}", QUESTION),
            ("shop", f"product/{product}", QUESTION),
            ("rude", f"adviser/{anne['id']}", QUESTION),
        )
    }
    said = {"body": "It does, on one of thirty centimetres."}
    answered = {
        name: once(stage, f"answer-{name}", f"/questions/{asked[name]}/answers", who, said)["answers"]
        for name, who in (("page", anne["token"]), ("shop", owner))
    }
    for answer in (*answered["page"], *answered["shop"]):
        kept(stage, "answer", answer)
    once(stage, "aside", f"/questions/{asked['adviser']}/set-aside", anne["token"], WHY)
    once(stage, "hide", f"/questions/{asked['rude']}/hide", admin, WHY)
    once(stage, "hide-answer", f"/questions/answers/{answered['shop'][0]['id']}/hide", admin, WHY)
    text = once(stage, "save-answer", "/saved-answers", anne["token"], {"title": "Size", **said})
    once(stage, "forget", f"/saved-answers/{text['id']}/remove", anne["token"])
    stage.sweep("community")
    answers = "SELECT count(*) FROM answer WHERE question_id = %(q)s"
    mails = [facts for facts in mailed(stage, "answer_to_reader") if facts["answer"] == said["body"]]
    expect("mails to who asked", len(mails), count(stage, answers, q=asked["page"]))


def judge(stage: Stage, page: str) -> None:
    """Find a page useful, twice by the same reader; write a review of a purchase, which is looked up, and hide it."""
    bert = stage.facts["advisers"]["bert"]["token"]
    for turn in ("vote", "vote-again"):
        useful = once(stage, turn, f"/votes/page/{page}", bert)
        expect("one reader's votes", useful["useful"], 1)
    words = {
        "stars": 4,
        "title": "It does well",
        "body": "It has been on for half a year now.",
        "name": "Ans",
    }
    claim = {"language": "en", "order_ref": "O-1", "email": BUYER}
    made = once(stage, "review", f"/reviews/{product_of(stage)}", NOBODY, words | claim)
    review = kept(stage, "review", made)
    stage.sweep("reviews")
    proofs = stage.superuser("SELECT DISTINCT proof FROM review")
    expect("purchases that were looked up", proofs, [("not_found",)])
    once(stage, "hide-review", f"/reviews/{review}/hide", stage.facts["admin"], WHY)


def report(stage: Stage, page: str, twin: str) -> None:
    """Report two pages: one report is rejected, the other takes its page down until it is restored."""
    admin = stage.facts["admin"]
    told = {"reason": "hidden_ad", "statement": "It does not say that the button pays.", "language": "en"}
    mail = {"email": READER, "consent": True}
    receipts = [
        once(stage, f"report-{one}", f"/page-reports/page/{one}", NOBODY, told | mail)["receipt"]
        for one in (page, twin)
    ]
    once(stage, "take-down", f"/advice-pages/{twin}/take-down", admin, WHY)
    outcomes = {page: "reject", twin: "uphold"}
    for one in stage.call("GET", "/page-reports?limit=100", admin)["items"]:
        decision = {"outcome": outcomes[one["page_id"]], **WHY}
        once(stage, f"decide-{one['id']}", f"/page-reports/{one['id']}/decide", admin, decision)
    # Restored already and not told so: it is refused.
    once(stage, "restore", f"/advice-pages/{twin}/restore", admin, WHY, also=(409,))
    stage.sweep("community")
    states = [stage.call("GET", f"/page-reports/receipt?receipt={one}", NOBODY)["state"] for one in receipts]
    expect("decisions by receipt", states, ["rejected", "upheld"])
    reports = "SELECT count(*) FROM page_report"
    expect("mails of decisions", len(mailed(stage, "report_decided")), count(stage, reports))


def product_of(stage: Stage) -> str:
    """Return the product of the shop that is asked about and reviewed."""
    [[found]] = stage.superuser(
        "SELECT id::text FROM product WHERE shop_id = %(s)s ORDER BY id LIMIT 1", s=stage.facts["shop_id"]
    )
    return str(found)


@part
def news(stage: Stage) -> None:
    """Advisers hear of their first click and first order, a shop that its budget is nearly used and what waits for it.

    Each is told once, and of what waits once a week.
    """
    people = stage.facts["advisers"]
    for name in ("anne", "bert"):
        remember(stage, f"news-click-{name}", lambda name=name: stage.click(people[name]["path"]))  # type: ignore[misc]
    stage.visitors()
    stage.ship()
    for ref in ("O-3", "O-4"):
        path = f"/commissions/{commission_of(stage, ref)}/approve"
        stage.post(path, stage.facts["owner"], also=(409,))
    sweeps = ("first_clicks", "first_orders", "accrual.nearly_used")
    stage.sweep("accrual.all", *sweeps)
    expect("news that was told a second time", stage.sweep(*sweeps), 0)
    for name in ("anne", "bert"):
        for kind in ("first_click", "first_order"):
            found = "SELECT count(*) FROM mail_message WHERE dedupe = %(d)s"
            expect(f"{kind} of {name}", count(stage, found, d=f"{kind}:{people[name]['id']}"), 1)
    if not mailed(stage, "orders_waiting"):
        stage.advance(days=2)
    stage.sweep("orders_waiting")
    expect("what waits was told a second time this week", stage.sweep("orders_waiting"), 0)
