"""A right body for every call that takes one; the parameters that name something are put in by the walk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from marketplace.accounts import agreements
from marketplace.core import clock
from tests.integration.tracking.trade import line, money
from tests.walk.town import PASSWORD, Town

API = "/api/v1"
# What a query must hold beside what it names.
QUERIES = {
    # What every order of the town begins with, so that a search that looks too far would show those of others.
    "GET /find": {"q": "R-"},
    f"GET {API}/codes/resolve": {"code": "PEER20"},
    f"GET {API}/page-reports/receipt": {"receipt": "ABCDEFGH2345"},
    f"POST {API}/pictures": {"kind": "portrait"},
}
# What a page's form must hold so that the question is whose row it is, and not what is missing.
FORMS = {
    # Without a right password a moment ago every code is refused, and that is no question of who asks.
    "POST /sign-in/code": {"totp": "short"},
    "POST /shop/advice/questions/<uuid:question_id>": {"body": "Ja, dat klopt."},
    "POST /shop/advisers/<uuid:partnership_id>": {"answer": "approve"},
    "POST /shop/disputes/<uuid:dispute_id>": {"outcome": "reject", "reason": "outside_terms"},
    "POST /shop/claims/<uuid:claim_id>": {"answer": "refuse", "reason": "cancelled"},
    "POST /shop/members/<uuid:member_id>/role": {"role": "owner"},
    "POST /shop/offers/<uuid:offer_id>": {"value": "9", "window_days": "14", "hold_days": "14"},
    "POST /shop/offers/<uuid:offer_id>/joining": {"joining": "at_once"},
    "POST /shop/offers/<uuid:offer_id>/move": {"state": "paused"},
    "POST /shop/stores/<uuid:store_id>/hours": {"monday": "09:00-17:30"},
    "POST /shop/products/sources/<uuid:feed_source_id>": {"do": "pause"},
    "POST /finance/runs/<uuid:run_id>/reject": {"reason": "the month is not closed"},
}


def body(town: Town, name: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON of a call: `name` is "POST /api/v1/..."; `fields` those of its parameters that stand in it."""
    given = dict(_static(town).get(name, {}))
    if name == f"POST {API}/agreements":
        kind = "data_processing" if "shop_id" in fields else "terms"
        text = next(one for one in agreements.present() if one.kind == kind)
        given |= {"kind": kind, "version": text.version, "sha256": text.sha256}
    if name == f"POST {API}/api-keys" and "shop_id" in fields:
        given["bound_to"] = "shop"
    return given | dict(fields)


def _static(town: Town) -> dict[str, dict[str, Any]]:
    now = clock.now().isoformat()
    person = {"email": "perenkoper@example.test", "password": PASSWORD}
    legal = {"name": "Peer", "legal_name": "Peer BV", "registration_no": "12345678"}
    terms = {
        "default": {"percent_bp": 900}, "rules": [], "base": {"tax": False, "shipping": True, "gift_cards": False},
        "window_days": 14, "hold_days": 14, "own_shop": False,
        "effective_from": (clock.now() + dt.timedelta(days=30)).isoformat(),
    }  # fmt: skip
    order = {
        "order_ref": "V-1", "ordered_at": now, "currency": "EUR", "channel": "web", "click_tokens": [],
        "lines": [line("1")],
    }  # fmt: skip
    refund = {
        "refund_ref": "RF-9", "refunded_at": now, "reason": "came back",
        "lines": [{"line_ref": "1", "quantity": 1, "net": money("1.00"), "tax": money("0.21")}],
    }  # fmt: skip
    found: dict[str, dict[str, Any]] = {
        "/accounts/sign-up": person | {"kind": "shop_owner", "name": "Peer", "locale": "nl", "country": "NL"},
        "/accounts/verify": {"token": "t" * 40},
        # Right passwords cost an argon2 each, and whether they are right is not the walk's question.
        "/accounts/sign-in": {"email": "nobody", "password": PASSWORD},
        "/accounts/reauthenticate": {"password": ""},
        "/accounts/password-reset": {"email": "peer@example.test"},
        "/accounts/password-reset/confirm": {"token": "t" * 40, "password": "short"},
        "/accounts/change-password": {"password": "", "new_password": PASSWORD + "?"},
        "/accounts/revoke-everywhere": {"api_keys": False},
        "/totp/confirm": {"code": "x"},
        "/me": {"name": "Peer"},
        "/me/notifications": {"items": []},
        "/adviser-profile": {"display_name": "Peer", "kind": "expert", "country": "NL"},
        "/api-keys": {"name": "k", "mode": "live"},
        "/domains": {"host": "peer.example", "proof": "file"},
        "/domains/<uuid:domain_id>/verify": {"proof": "file"},
        "/invitations": {"email": "peer@example.test", "role": "staff"},
        "/invitations/accept": {"token": ""},
        "/members/<uuid:member_id>/change-role": {"role": "owner"},
        "/shops": legal | {"country": "NL", "currency": "EUR", "consent_mode": "none"},
        "/shops/<uuid:shop_id>": {"name": "Pear"},
        "/offers": {"name": "o", "description": "d", "currency": "EUR"},
        "/offers/<uuid:offer_id>": {"joining": "at_once"},
        "/offers/<uuid:offer_id>/terms": terms,
        "/partnerships": {"message": "m"},
        "/partnerships/<uuid:partnership_id>/decline": {"reason": "other", "note": "n"},
        "/links": {"url": town.a.ids["page"]},
        "/feed-sources": {"url": "https://feeds.example/all.xml", "every": "manual"},
        "/feed-sources/<uuid:feed_source_id>": {"every": "weekly"},
        "/products": {
            "sku": "V-9",
            "title": "Pear",
            "link": "https://peer.example/9",
            "price": money("1.00"),
        },
        "/products/<uuid:product_id>": {"title": "Pear"},
        # The guard refuses this one before anybody is asked.
        "/product-pages": {"url": "https://127.0.0.1/p"},
        "/codes": {"code": "PEER20"},
        "/stores": {
            "code": "AMS1",
            "name": "Peer",
            "street": "Plein 1",
            "postcode": "1011 AA",
            "city": "Amsterdam",
            "country": "NL",
        },
        "/stores/<uuid:store_id>": {"city": "Zeist"},
        "/evidence": {"kind": "user", "statement": "I bought two", "order_ref": "V-7"},
        "/evidence/<uuid:evidence_id>/refuse": {"reason": "no register knows it"},
        "/evidence/<uuid:evidence_id>/deny": {"reason": "not our order"},
        "/advice-pages": {"kind": "single", "language": "nl"},
        "/advice-pages/<uuid:page_id>/draft": {"edit": 1, "title": "Pear"},
        "/advice-pages/<uuid:page_id>/publish": {"edit": 1},
        "/advice-pages/<uuid:page_id>/take-down": {"reason": "it is not so at all"},
        "/advice-pages/<uuid:page_id>/restore": {"reason": "it is so after all"},
        "/questions/page/<uuid:page_id>": {"body": "is it any good then?"},
        "/questions/adviser/<uuid:adviser_id>": {"body": "is it any good then?"},
        "/questions/product/<uuid:product_id>": {"body": "is it any good then?"},
        "/questions/<uuid:question_id>/answers": {"body": "yes it is"},
        "/questions/<uuid:question_id>/set-aside": {"reason": "not now"},
        "/questions/<uuid:question_id>/hide": {"reason": "rude"},
        "/questions/answers/<uuid:answer_id>/hide": {"reason": "rude"},
        "/saved-answers": {"title": "Peer", "body": "yes it is"},
        "/follows/<uuid:adviser_id>": {"email": "peer@example.test"},
        "/follows/confirm": {"token": "t" * 40},
        "/follows/end": {"token": "t" * 40},
        "/reviews/<uuid:product_id>": {
            "stars": 5,
            "title": "Peer",
            "body": "as good as a pear can be",
            "name": "P.",
        },
        "/reviews/<uuid:review_id>/hide": {"reason": "rude"},
        "/page-reports/page/<uuid:page_id>": {"reason": "other", "statement": "it is not so"},
        "/page-reports/<uuid:report_id>/decide": {"outcome": "reject", "reason": "it is so indeed"},
        "/orders": order,
        "/orders/<path:order_ref>/lines": {"lines": [line("9")]},
        "/orders/<path:order_ref>/refunds": refund,
        "/orders/<path:order_ref>/cancel": {"cancelled_at": now, "reason": "r"},
        "/commissions/<uuid:commission_id>/decline": {"reason": "other", "note": "n"},
        "/claims": {
            "bought_on": (clock.now() - dt.timedelta(days=20)).date().isoformat(),
            "statement": "they told me",
            "order_ref": "CLAIM-1",
        },
        "/claims/<uuid:claim_id>/answer": {"answer": "refuse", "reason": "cancelled"},
        "/claims/<uuid:claim_id>/ask": {"statement": "please look"},
        "/claims/<uuid:claim_id>/close": {"statement": "nobody answered"},
        "/disputes": {"statement": "s", "links": ["https://a.example/proof"]},
        "/disputes/<uuid:dispute_id>/answer": {"outcome": "reject", "reason": "outside_terms"},
        "/disputes/<uuid:dispute_id>/escalate": {"statement": "s"},
        "/disputes/<uuid:dispute_id>/decide": {"outcome": "adviser", "reason": "r"},
        "/funding": {"amount": money("100.00")},
        "/payout-account": {"currency": "EUR"},
        "/payout-freeze": {"note": "a restore"},
        "/payout-freeze/transfers/<uuid:break_id>/book": {"note": "a lost payout"},
        "/runs": {"currency": "EUR"},
        "/runs/<uuid:run_id>/approve": {"content_hash": "0" * 64, "total": money("1.00"), "totp": "123456"},
        "/runs/<uuid:run_id>/reject": {"reason": "the month is not closed"},
    }
    return {f"{method} {API}{path}": made for path, made in found.items() for method in ("POST", "PATCH")}
