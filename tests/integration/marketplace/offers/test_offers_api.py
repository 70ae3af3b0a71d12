"""Offers, terms and partnerships over HTTP: the whole way once, and who is refused what."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import pytest

TERMS: dict[str, Any] = {
    "default": {"percent_bp": 1000},
    "rules": [{"category": "Gifts", "exclude": True}, {"sku": "A", "rate": {"flat": "5.00", "per": "item"}}],
    "maximum": "50.00",
}


@pytest.fixture
def shop(market: Any) -> Any:
    return market.shop()


def post(market: Any, person: Any, path: str, body: Any = None, **headers: str) -> Any:
    return market.client.post(f"/api/v1{path}", json=body or {}, headers=person.headers | headers)


def get(market: Any, person: Any, path: str) -> Any:
    return market.client.get(f"/api/v1{path}", headers=person.headers)


def opened(market: Any, shop: Any) -> str:
    offer_id: str = post(market, shop.owner, "/offers", {"name": "Pans"}).json["id"]
    assert post(market, shop.owner, f"/offers/{offer_id}/terms", TERMS).status_code == 201
    assert post(market, shop.owner, f"/offers/{offer_id}/open").status_code == 200
    return offer_id


def test_from_offer_to_partnership(market: Any, shop: Any) -> None:
    made = post(market, shop.owner, "/offers", {"name": "Pans", "description": "All\nof them"})
    assert made.status_code == 201
    offer = made.json
    assert (offer["state"], offer["currency"], offer["notice_days"]) == ("draft", "EUR", 7)
    first = post(market, shop.owner, f"/offers/{offer['id']}/terms", TERMS)
    assert first.status_code == 201
    terms = first.json
    assert terms["version"] == 1 and terms["effective_from"] == terms["published_at"]
    canonical = json.dumps(terms["document"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert terms["sha256"] == hashlib.sha256(canonical.encode()).hexdigest(), "anybody can check the promise"
    assert post(market, shop.owner, f"/offers/{offer['id']}/open").json["state"] == "open"

    adviser = market.adviser()
    assert [one["id"] for one in get(market, adviser, "/offers?state=open").json["items"]] == [offer["id"]]
    assert get(market, adviser, f"/offers/{offer['id']}/terms").json["items"] == [terms]
    applied = post(market, adviser, "/partnerships", {"offer_id": offer["id"], "message": "I cook"})
    assert (applied.status_code, applied.json["state"]) == (201, "applied")
    one = applied.json["id"]
    assert get(market, shop.owner, "/partnerships?state=applied").json["items"] == [applied.json]
    assert post(market, shop.owner, f"/partnerships/{one}/approve").json["state"] == "approved"
    assert post(market, adviser, f"/partnerships/{one}/leave").json["state"] == "left"
    assert post(market, shop.owner, f"/offers/{offer['id']}/pause").json["state"] == "paused"
    assert get(market, adviser, f"/offers/{offer['id']}").status_code == 200, "it was joined"
    assert get(market, market.adviser(), f"/offers/{offer['id']}").status_code == 404
    assert post(market, shop.owner, f"/offers/{offer['id']}/close").json["state"] == "closed"


def test_versions_are_listed_newest_first_and_paged(market: Any, shop: Any) -> None:
    offer_id = opened(market, shop)
    for bp in (900, 800):
        assert (
            post(market, shop.owner, f"/offers/{offer_id}/terms", {"default": {"percent_bp": bp}}).status_code
            == 201
        )
    page = get(market, shop.owner, f"/offers/{offer_id}/terms?limit=2").json
    assert [one["version"] for one in page["items"]] == [3, 2]
    rest = get(market, shop.owner, f"/offers/{offer_id}/terms?limit=2&cursor={page['next_cursor']}").json
    assert [one["version"] for one in rest["items"]] == [1] and rest["next_cursor"] is None


def test_refusals_name_fields_by_their_path(market: Any, shop: Any) -> None:
    offer_id = post(market, shop.owner, "/offers", {"name": "x"}).json["id"]
    wrong = {"default": {"percent_bp": 10_001}, "rules": [{"sku": "A"}], "bonus": 1}
    answer = post(market, shop.owner, f"/offers/{offer_id}/terms", wrong)
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {"default.percent_bp", "rules.0", "bonus"}
    assert all(isinstance(one, list) for one in answer.json["errors"].values())
    usd = post(
        market,
        shop.owner,
        f"/offers/{offer_id}/terms",
        {"default": {"flat": {"amount": "5.00", "currency": "USD"}}},
    )
    assert usd.status_code == 422 and set(usd.json["errors"]) == {"default.flat"}
    assert get(market, shop.owner, f"/offers/{offer_id}/terms").json["items"] == []


def test_bad_offers_are_422(market: Any, shop: Any) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x\x00"}, "name"),
        ({"name": "x", "state": "open"}, "state"),
        ({"name": "x", "currency": "USD"}, "currency"),
        ({"name": "x", "notice_days": 91}, "notice_days"),
        ({"name": "x", "notice_days": "7"}, "notice_days"),
    ]
    for body, field in cases:
        answer = post(market, shop.owner, "/offers", body)
        assert answer.status_code == 422 and field in answer.json["errors"], body
    assert market.count("SELECT count(*) FROM offer") == 0


def test_who_may_what(market: Any, shop: Any) -> None:
    offer_id = opened(market, shop)
    adviser, finance, other = market.adviser(), market.finance(), market.shop().owner
    one = post(market, adviser, "/partnerships", {"offer_id": offer_id}).json["id"]
    expected = [
        (adviser, "/offers", {"name": "x"}, 403),
        (adviser, f"/offers/{offer_id}/close", None, 403),
        (adviser, f"/offers/{offer_id}/terms", TERMS, 403),
        (adviser, f"/partnerships/{one}/approve", None, 403),
        (finance, f"/offers/{offer_id}/close", None, 403),
        (finance, "/partnerships", {"offer_id": offer_id}, 403),
        (other, f"/offers/{offer_id}/close", None, 404),
        (other, f"/offers/{offer_id}/terms", TERMS, 404),
        (other, f"/partnerships/{one}/approve", None, 404),
        (other, f"/partnerships/{one}/decline", {"reason": "enough"}, 404),
        (shop.owner, f"/partnerships/{one}/leave", None, 403),
        (shop.owner, "/partnerships", {"offer_id": offer_id}, 403),
        (market.adviser(), f"/partnerships/{one}/leave", None, 404),
        (shop.owner, f"/offers/{uuid.uuid4()}/close", None, 404),
    ]
    for person, path, body, status in expected:
        assert post(market, person, path, body).status_code == status, (path, status)
    assert get(market, other, f"/offers/{offer_id}").status_code == 404
    assert get(market, other, f"/offers/{offer_id}/terms").status_code == 404
    assert get(market, other, "/offers").json["items"] == []
    assert get(market, other, "/partnerships").json["items"] == []
    assert get(market, finance, f"/offers/{offer_id}/terms").status_code == 200
    assert len(get(market, finance, "/partnerships").json["items"]) == 1
    assert market.client.get("/api/v1/offers").status_code == 401
    assert get(market, shop.owner, f"/offers/{offer_id}").json["state"] == "open"


def test_conflicts_say_what_did_not_change(market: Any, shop: Any) -> None:
    offer_id = post(market, shop.owner, "/offers", {"name": "x"}).json["id"]
    answer = post(market, shop.owner, f"/offers/{offer_id}/open")
    assert (answer.status_code, answer.json["code"]) == (409, "terms_missing")
    assert answer.json["unchanged"] and answer.json["next"] and answer.json["detail"]
    assert post(market, shop.owner, f"/offers/{offer_id}/pause").json["code"] == "illegal_transition"
    assert post(market, market.adviser(), "/partnerships", {"offer_id": offer_id}).status_code == 404


def test_early_effect_is_refused(market: Any, shop: Any) -> None:
    offer_id = opened(market, shop)
    soon = {"default": {"percent_bp": 1}, "effective_from": "2020-01-01T00:00:00Z"}
    answer = post(market, shop.owner, f"/offers/{offer_id}/terms", soon)
    assert answer.status_code == 422 and "effective_from" in answer.json["errors"]
    naive = post(market, shop.owner, f"/offers/{offer_id}/terms", soon | {"effective_from": "2020-01-01"})
    assert naive.status_code == 422 and "effective_from" in naive.json["errors"]


def test_the_openapi_document_names_every_route(market: Any, shop: Any) -> None:
    paths = market.client.get("/api/openapi.json").json["paths"]
    wanted = {"/api/v1/offers", "/api/v1/offers/{offer_id}/terms", "/api/v1/partnerships", "/api/v1/feeds"}
    assert wanted <= set(paths)
    assert "requestBody" in paths["/api/v1/feeds"]["post"]
