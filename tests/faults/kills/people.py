"""Parts of the story about people: disputes, evidence for what an adviser is, and who works in which store.

They register with the others when this module is imported. Whoever got no answer reads where things stand and goes on
from there; what was answered is told, and must be there once afterwards.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from marketplace.core import clock, jobs
from tests.faults.kills.stage import Stage
from tests.faults.kills.story import commission_of, order, part, remember

WORDS = {"statement": "The terms say otherwise.", "links": ["https://blog.example/advice"]}
REJECTED = {"outcome": "reject", "reason": "outside_terms"}
STORE = {
    "code": "KILLS",
    "name": "Kills",
    "street": "Oudegracht 1",
    "postcode": "3511 AA",
    "city": "Utrecht",
    "country": "NL",
}


# Disputes


def disputed(stage: Stage, ref: str, name: str) -> dict[str, Any]:
    """Return the dispute about an order's commission; it is declined and disputed when it was not before."""
    commission = commission_of(stage, ref)
    token = stage.facts["advisers"][name]["token"]
    [*known] = stage.call("GET", f"/disputes?commission_id={commission}", token)["items"]
    if not known:
        stage.post(f"/commissions/{commission}/decline", stage.facts["owner"], {"reason": "outside_terms"})
    # Opening is asked for again also when it was done: the same words get the same dispute.
    opened = stage.post("/disputes", token, {"commission_id": commission, **WORDS})
    if known and opened["id"] != known[0]["id"]:
        raise AssertionError(f"{ref} has two disputes: {opened} and {known}")
    return heard(stage, opened)


def heard(stage: Stage, dispute: dict[str, Any]) -> dict[str, Any]:
    """Tell of everything that was answered to be said in a dispute, and return the dispute."""
    for event in dispute["events"]:
        stage.tell("dispute", f"{dispute['id']} {event['kind']}")
    return dispute


def said(stage: Stage, dispute: dict[str, Any], who: str, verb: str, body: Any = None) -> dict[str, Any]:
    """Let somebody say something in a dispute; the same again is answered as the first time."""
    return heard(stage, stage.post(f"/disputes/{dispute['id']}/{verb}", who, body))


@part
def disputes(stage: Stage) -> None:
    """Four declines are disputed: the platform, the shop and its silence give three back, one is withdrawn."""
    owner, shop_says = stage.facts["owner"], {"outcome": "accept"}
    anne, bert, cees = (stage.facts["advisers"][name]["token"] for name in ("anne", "bert", "cees"))
    whose = {"D-1": "anne", "D-2": "bert", "D-3": "cees", "D-4": "anne"}
    for ref, name in whose.items():
        order(stage, ref, name)
    stage.sweep("decide_orders")
    one, two, three, four = (disputed(stage, ref, name) for ref, name in whose.items())
    said(stage, one, owner, "answer", REJECTED)
    said(stage, one, anne, "escalate", {"statement": "Look at the terms."})
    said(stage, one, stage.facts["admin"], "decide", {"outcome": "adviser", "reason": "The terms say so."})
    stage.play("worker")
    jobs.perform("disputes.go_on", one["id"])
    said(stage, two, owner, "answer", shop_says)
    said(stage, three, cees, "withdraw")
    stage.sweep("disputes")
    # The shop says nothing about the last one, and time decides, once.
    if stage.call("GET", f"/disputes/{four['id']}", anne)["state"] == "open":
        stage.advance(days=15)
    stage.sweep("disputes")
    for dispute, token in ((one, anne), (two, bert), (four, anne)):
        stands = heard(stage, stage.call("GET", f"/disputes/{dispute['id']}", token))["money"]
        if stands["state"] != "reinstated" or stands["reinstated"]["amount"] != "8.00":
            raise AssertionError(f"what was won does not stand again: {stands}")
        stage.post(f"/commissions/{dispute['commission_id']}/approve", owner, also=(409,))
    stage.sweep("accrual.all")


# Claims


def claimed(stage: Stage, ref: str, name: str) -> dict[str, Any]:
    """Return an adviser's claim of an order, which is made when it was not before."""
    token = stage.facts["advisers"][name]["token"]
    for found in stage.call("GET", "/claims?limit=100", token)["items"]:
        if found["order_ref"] == ref:
            return told_of(stage, found)
    day = (clock.now() - dt.timedelta(days=20)).date().isoformat()
    missed = {
        "shop_id": stage.facts["shop_id"],
        "bought_on": day,
        "order_ref": ref,
        "statement": "They told me.",
    }
    return told_of(stage, stage.post("/claims", token, missed))


def told_of(stage: Stage, claim: dict[str, Any]) -> dict[str, Any]:
    """Tell of everything that was answered to be said in a claim, and return the claim."""
    for event in claim["events"]:
        stage.tell("claim", f"{claim['id']} {event['seq']}")
    return claim


@part
def claims(stage: Stage) -> None:
    """Three orders are missed: the shop refuses one, one is withdrawn, and about one the shop says nothing, twice."""
    owner, admin = stage.facts["owner"], stage.facts["admin"]
    anne, bert = (stage.facts["advisers"][name]["token"] for name in ("anne", "bert"))
    one, two, three = (
        claimed(stage, "M-1", "anne"),
        claimed(stage, "M-2", "bert"),
        claimed(stage, "M-3", "anne"),
    )
    told_of(
        stage, stage.post(f"/claims/{one['id']}/answer", owner, {"answer": "refuse", "reason": "cancelled"})
    )
    told_of(stage, stage.post(f"/claims/{two['id']}/withdraw", bert))
    path = f"/claims/{three['id']}"

    def kinds() -> list[str]:
        return [event["kind"] for event in told_of(stage, stage.call("GET", path, anne))["events"]]

    if kinds() == ["claimed"]:
        stage.advance(days=15)
    stage.sweep("claims")
    if kinds() == ["claimed", "escalated"]:
        told_of(stage, stage.post(f"{path}/ask", admin, {"statement": "Please look once more."}))
    if kinds()[-1] == "asked":
        stage.advance(days=8)
    stage.sweep("claims")
    told_of(stage, stage.post(f"{path}/close", admin, {"statement": "The shop does not answer."}))
    if kinds() != ["claimed", "escalated", "asked", "escalated", "closed"]:
        raise AssertionError(f"a claim went otherwise: {kinds()}")


# Evidence


def stated(stage: Stage, name: str, statement: str, **more: Any) -> dict[str, Any]:
    """Return what an adviser stated, of which there is one, or state it now."""
    token = stage.facts["advisers"][name]["token"]
    for found in stage.call("GET", "/evidence?limit=100", token)["items"]:
        if found["statement"] == statement:
            return dict(found)
    return moved(stage, stage.post("/evidence", token, {"statement": statement, **more}))


def moved(stage: Stage, evidence: dict[str, Any]) -> dict[str, Any]:
    """Tell of every step of evidence that was answered, and return the evidence."""
    for step in evidence["steps"]:
        stage.tell("evidence", f"{evidence['id']} {step['state']}")
    return evidence


@part
def evidence(stage: Stage) -> None:
    """One adviser is verified until the time is over, a shop confirms a purchase, and one takes a statement back."""
    admin, owner = stage.facts["admin"], stage.facts["owner"]
    expert = stated(stage, "anne", "Repairs lamps since 2009", kind="expert", link="https://lamps.example")
    path = f"/evidence/{expert['id']}"
    end = remember(stage, "until", lambda: (clock.now() + dt.timedelta(days=1)).isoformat())
    if expert["state"] == "stated":
        expert = moved(stage, stage.post(f"{path}/review", admin))
    if expert["state"] == "in_review":
        expert = moved(stage, stage.post(f"{path}/verify", admin, {"valid_until": end}))
    bought = {"kind": "user", "shop_id": stage.facts["shop_id"], "order_ref": "O-2"}
    purchase = stated(stage, "bert", "Bought a lamp there", **bought)
    moved(stage, stage.post(f"/evidence/{purchase['id']}/confirm", owner))
    friend = stated(stage, "cees", "Tells friends", kind="friend", link="https://friends.example")
    withdraw = f"/evidence/{friend['id']}/withdraw"
    moved(stage, stage.post(withdraw, stage.facts["advisers"]["cees"]["token"]))
    if expert["state"] == "verified":
        stage.advance(days=2)
    stage.sweep("expire_evidence")
    ended = moved(stage, stage.call("GET", path, admin))
    if ended["state"] != "expired":
        raise AssertionError(f"evidence outlived its time: {ended}")


# Stores


@part
def stores(stage: Stage) -> None:
    """A shop opens a store and changes its hours; two people begin there, one leaves, the closing ends the other."""
    owner, shop = stage.facts["owner"], stage.facts["shop_id"]
    stage.post("/stores", owner, {"shop_id": shop, **STORE}, also=(409,))
    [store] = [
        one
        for one in stage.call("GET", f"/stores?shop_id={shop}&limit=100", owner)["items"]
        if one["code"] == STORE["code"]
    ]
    stage.tell("store", f"{shop} {STORE['code']}")
    path = f"/stores/{store['id']}"
    hours = {"opening_hours": {"monday": [{"from": "09:00", "to": "17:30"}]}}
    if stage.call("PATCH", path, owner, hours)["opening_hours"]["monday"] == []:
        raise AssertionError("the hours were not kept")

    def working() -> dict[str, Any]:
        return {one["adviser_id"]: one for one in stage.call("GET", f"{path}/advisers", owner)["items"]}

    for name in ("anne", "bert"):
        adviser = stage.facts["advisers"][name]["id"]
        if adviser not in working():
            stage.post(f"{path}/advisers", owner, {"adviser_id": adviser})
        stage.tell("adviser of a store", f"{store['id']} {adviser}")
    leaver = working()[stage.facts["advisers"]["anne"]["id"]]
    stage.post(f"/stores/advisers/{leaver['id']}/end", owner)
    closed = stage.post(f"{path}/close", owner)
    if closed["state"] != "closed" or any(one["until_at"] is None for one in working().values()):
        raise AssertionError(f"somebody works in a closed store: {closed} {working()}")
