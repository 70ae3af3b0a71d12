"""The same life of a run over the API: statuses, words, and who may not."""

from __future__ import annotations

import uuid

from payouts.runs import registration
from tests.integration.payouts.settling import World


def test_a_run_over_http_with_api_keys(world: World) -> None:
    world.budget(100_000)
    adviser = world.adviser(earned=4_000)
    small = world.adviser(earned=100)
    maker = {"Authorization": f"Bearer {world.maker.key}"}
    checker = {"Authorization": f"Bearer {world.checker.key}"}
    status, run = world.call("POST", "/runs", maker, currency="EUR")
    assert (status, run["state"]) == (201, "draft")
    status, preview = world.call("POST", f"/runs/{run['id']}/preview", maker)
    assert status == 200
    assert preview["total"] == {"amount": "40.00", "currency": "EUR"}
    assert [one["adviser_id"] for one in preview["included"]] == [str(adviser.id)]
    assert [(one["adviser_id"], one["reason"]) for one in preview["excluded"]] == [
        (str(small.id), "below_minimum")
    ]
    approval = {
        "content_hash": preview["content_hash"],
        "total": preview["total"],
        "totp": world.maker.code(),
    }
    assert world.call("POST", f"/runs/{run['id']}/execute", maker)[1]["code"] == "run_not_approved"
    status, refused = world.call("POST", f"/runs/{run['id']}/approve", maker, **approval)
    assert (status, refused["code"]) == (409, "same_approver")
    approval["totp"] = world.checker.code()
    stale = approval | {"total": {"amount": "41.00", "currency": "EUR"}}
    status, refused = world.call("POST", f"/runs/{run['id']}/approve", checker, **stale)
    assert (status, refused["code"]) == (409, "run_stale")
    assert "40.00" in refused["detail"]
    status, approved = world.call("POST", f"/runs/{run['id']}/approve", checker, **approval)
    assert (status, approved["state"]) == (200, "approved")
    status, again = world.call("POST", f"/runs/{run['id']}/approve", checker, **approval)
    assert (status, again["code"]) == (409, "illegal_transition")
    status, started = world.call("POST", f"/runs/{run['id']}/execute", maker)
    assert (status, started["state"]) == (202, "executing")
    world.play("worker")
    assert registration.continue_runs() == 1
    status, seen = world.call("GET", f"/runs/{run['id']}", maker)
    assert seen["state"] == "done"
    assert seen["progress"]["settled"] == seen["progress"]["payouts"] == 1
    [payout] = seen["payouts"]
    assert (payout["state"], payout["attempts"]) == ("paid", 1)
    assert payout["stripe_transfer_id"].startswith("tr_")
    assert world.call("POST", f"/runs/{run['id']}/execute", maker)[0] == 202
    assert [one["number"] for one in world.call("GET", "/runs", maker)[1]["items"]] == [run["number"]]


def test_only_finance_makes_runs_and_approval_needs_a_fresh_second_factor(world: World) -> None:
    adviser = world.adviser(connected=False)
    for headers in (
        {"Authorization": f"Bearer {adviser.key}"},
        {"Authorization": f"Bearer {world.shop_key}"},
        world.token(adviser.actor.user_id),
    ):
        assert world.call("POST", "/runs", headers)[0] == 403
        assert world.call("GET", "/runs", headers)[0] == 403
    assert world.call("POST", "/runs")[0] == 401
    maker = {"Authorization": f"Bearer {world.maker.key}"}
    assert world.call("GET", f"/runs/{uuid.uuid4()}", maker)[0] == 404
    _, run = world.call("POST", "/runs", maker)
    world.call("POST", f"/runs/{run['id']}/preview", maker)
    old = world.token(world.checker.actor.user_id, minutes_ago=31)
    approval = {"content_hash": "0" * 64, "total": {"amount": "1.00", "currency": "EUR"}, "totp": "123456"}
    status, refused = world.call("POST", f"/runs/{run['id']}/approve", old, **approval)
    assert (status, refused["code"]) == (403, "reauthentication_needed")
    status, refused = world.call(
        "POST", f"/runs/{run['id']}/approve", world.token(world.checker.actor.user_id), **approval
    )
    assert (status, refused["code"]) == (403, "totp_invalid")


def test_bad_input_is_refused_with_its_field(world: World) -> None:
    maker = {"Authorization": f"Bearer {world.maker.key}"}
    assert world.call("POST", "/runs", maker, currency="euro")[0] == 422
    assert world.call("POST", "/runs", maker, state="approved")[0] == 422
    _, run = world.call("POST", "/runs", maker)
    for body in (
        {},
        {"content_hash": "x", "total": {"amount": "1.00", "currency": "EUR"}, "totp": "123456"},
        {"content_hash": "0" * 64, "total": {"amount": "-1.00", "currency": "EUR"}, "totp": "123456"},
        {"content_hash": "0" * 64, "total": 1, "totp": "123456"},
        {"content_hash": "0" * 64, "total": {"amount": "1.00", "currency": "EUR"}, "totp": 123456},
    ):
        checker = {"Authorization": f"Bearer {world.checker.key}"}
        status, refused = world.call("POST", f"/runs/{run['id']}/approve", checker, **body)
        assert status == 422
        assert refused["errors"]
