"""Other people's ids, in the path, the query and the body: no such thing, and no word about whose they are."""

from __future__ import annotations

import copy
from typing import Any

from tests.integration.bad_input.conftest import siege_of_its_own as standing_siege
from tests.integration.bad_input.sample_bodies import sample_bodies
from tests.integration.bad_input.siege import SECRET_NAMES, Person, Siege, assert_refused, describe
from tests.integration.bad_input.test_bad_requests import Call, calls

# Elsewhere owners become advisers, who may see the open products of others.
__all__ = ["standing_siege"]

# Read by everybody who advises: what an open offer says, its products, and the public part of an adviser.
OPEN_TO_ADVISERS = (
    "/api/v1/offers/<uuid:offer_id>",
    "/api/v1/offers/<uuid:offer_id>/terms",
    "/api/v1/products/<uuid:product_id>",
    "/api/v1/products/<uuid:product_id>/prices",
)
PEOPLE = ("owner", "adviser", "shop_key", "test_key", "adviser_key")


SUGGESTS = "/questions/{question_id}/answers"


def is_open_to_all(call: Call) -> bool:
    """Tell whether it is for anybody: published pages, what readers write under them, and following an adviser."""
    follows = call.rule.startswith("/api/v1/follows/")
    return call.guard.public or "anonymous" in call.guard.marks or follows


def silent(answer: Any) -> None:
    """Assert that an answer names nothing of the other tenant's."""
    for name in SECRET_NAMES:
        assert name.lower() not in answer.text.lower(), describe(answer)


def test_anothers_id_in_the_path_is_404_for_every_call(unmoved: Siege) -> None:
    tried = 0
    samples = sample_bodies(unmoved)
    for call in calls(unmoved):
        if "<" not in call.rule or call.rule == "/api/v1/advisers/<uuid:adviser_id>" or is_open_to_all(call):
            continue
        template = (
            call.rule.removeprefix("/api/v1").replace("<uuid:", "{").replace("<path:", "{").replace(">", "}")
        )
        path = template.format_map(unmoved.others)
        body = samples.get((call.method, template), ("", None))[1]
        for name in PEOPLE:
            person = unmoved.people[name]
            if not call.allows(person) or (
                call.method == "GET" and "adviser" in name and call.rule in OPEN_TO_ADVISERS
            ):
                continue
            if template.endswith(("/refunds", "/cancel")):
                continue  # A reference that this shop does not know waits: the other shop's order is never asked.
            answer = unmoved.ask(call.method, path, person, json=body)
            assert_refused(answer, 404)
            silent(answer)
            tried += 1
    assert tried > 60


def test_a_refund_of_anothers_reference_waits_here_and_never_reaches_there(siege: Siege) -> None:
    ref, key = siege.others["order_ref"], siege.people["shop_key"]
    parts = ("state", "commissions", "refunds")
    before = {part: siege.theirs.show(ref)[part] for part in parts}
    answer = siege.ask("POST", f"/orders/{ref}/cancel", key, json={})
    assert answer.status_code == 202, describe(answer)
    silent(answer)
    siege.mine.work()
    assert {part: siege.theirs.show(ref)[part] for part in parts} == before


def test_lists_show_nothing_of_others_whatever_the_query_names(unmoved: Siege) -> None:
    tried = 0
    for call in calls(unmoved):
        if call.method != "GET" or "<" in call.rule or is_open_to_all(call):
            continue
        for name in PEOPLE:
            person = unmoved.people[name]
            if not call.allows(person) or (
                "adviser" in name and call.rule.endswith(("/offers", "/products"))
            ):
                continue
            plain = unmoved.ask("GET", f"{call.path}?{call.query}", person)
            assert plain.status_code == 200, describe(plain)
            silent(plain)
            for parameter in ("shop_id", "adviser_id", "offer_id", "order_ref"):
                answer = unmoved.ask(
                    "GET", f"{call.path}?{call.query}{parameter}={unmoved.others[parameter]}", person
                )
                silent(answer)
                tried += 1
                if answer.status_code == 200:
                    assert answer.get_json()["items"] == [], describe(answer)
                else:
                    assert_refused(answer, 404, 422)
    assert tried > 80


def ids_in(
    body: Any, things: dict[str, str], path: tuple[Any, ...] = ()
) -> list[tuple[tuple[Any, ...], str]]:
    """Return where a body names ids of ours, and under what name."""
    if isinstance(body, dict):
        return [found for name, part in body.items() for found in ids_in(part, things, (*path, name))]
    return [(path, name) for name, value in things.items() if value == body and name.endswith("_id")]


def test_anothers_id_in_a_body_is_refused_and_names_nobody(unmoved: Siege) -> None:
    tried = 0
    mixed = {what: unmoved.others[what] for what in ("adviser_id", "offer_id")}
    for name in ("owner", "shop_key"):
        for ids in (
            mixed,
            mixed | {"shop_id": unmoved.things["shop_id"]},
            mixed | {"shop_id": unmoved.others["shop_id"]},
        ):
            answer = unmoved.ask("POST", "/codes", unmoved.people[name], json={"code": "TAKEN"} | ids)
            assert_refused(answer, 404)
            silent(answer)
    for (method, template), (name, body) in sample_bodies(unmoved).items():
        for path, what in ids_in(body, unmoved.things):
            if template in ("/partnerships", "/stores/{store_id}/advisers", "/evidence", SUGGESTS):
                # Anybody who advises may apply at an open offer, work in a store, have bought at any shop, and
                # suggest any product that is published.
                continue
            changed: Any = copy.deepcopy(body)
            changed[path[0]] = unmoved.others[what]
            answer = unmoved.ask(
                method, template.format_map(unmoved.things), unmoved.people[name], json=changed
            )
            assert_refused(answer, 403, 404, 409, 422)
            silent(answer)
            tried += 1
    assert tried >= 8


def test_anothers_address_code_or_token_gives_nothing_away(siege: Siege) -> None:
    others = siege.rows_of_others()
    before = siege.fingerprint()
    adviser = siege.people["adviser"]
    answer = siege.ask("POST", "/links", adviser, json={"url": others["link"]})
    assert_refused(answer, 404, 409, 422)
    assert "Anoniem" not in answer.text
    for path, token in (
        ("/accounts/verify", others["key_hash"]),
        ("/invitations/accept", others["key_hash"]),
    ):
        refused = siege.ask("POST", path, siege.people["owner"], json={"token": token})
        assert_refused(refused, 404, 410, 422)
        silent(refused)
    assert siege.fingerprint() == before
    body = siege.mine.order("X-CODE") | {
        "code": "PEER10",
        "click_tokens": [siege.theirs.token(siege.theirs.anne)],
    }
    answer = siege.ask("POST", "/orders", siege.people["shop_key"], json=body)
    assert answer.status_code == 201, describe(answer)
    silent(answer)
    assert siege.others["adviser_id"] not in answer.text


def test_anothers_cursor_moves_only_inside_ones_own_list(unmoved: Siege) -> None:
    key = Person("theirs", unmoved.theirs.key)
    cursors = {""}
    for path in (
        "/orders",
        "/codes",
        "/links",
        "/commissions",
        "/products",
        "/feeds",
        "/offers",
        "/partnerships",
    ):
        for who in (key, unmoved.people["shop_key"]):
            cursors.add(str(unmoved.ask("GET", f"{path}?limit=1", who).get_json()["next_cursor"] or ""))
    assert len(cursors) >= 3
    for path in ("/orders", "/codes", "/links", "/commissions", "/products", "/feeds", "/offers", "/partnerships",
                 "/domains", "/members", "/shops"):  # fmt: skip
        for cursor in cursors:
            person = unmoved.people["owner" if path == "/members" else "shop_key"]
            answer = unmoved.ask("GET", f"{path}?cursor={cursor}", person)
            silent(answer)
            if answer.status_code != 200:
                assert_refused(answer, 422)
