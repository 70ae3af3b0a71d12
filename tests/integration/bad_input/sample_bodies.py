"""One right body for every call of the API that takes one, with the person who may send it."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from tests.integration.bad_input.siege import PASSWORD, Siege, line, money

Call = tuple[str, str]


def sample_bodies(siege: Siege) -> dict[Call, tuple[str, dict[str, Any]]]:
    """Return for method and path template: who asks, and a body of which every field is right."""
    things, trade = siege.things, siege.mine
    shop = {"shop_id": things["shop_id"]}
    person = {"email": "perenkoper@example.test", "password": PASSWORD}
    mail = {"email": "peer@example.test"}
    terms = {
        "default": {"percent_bp": 900},
        "rules": [
            {"sku": "sku-1", "rate": {"flat": "1.00", "per": "item"}},
            {"category": "A > B", "exclude": True},
        ],
        "base": {"tax": False, "shipping": True, "gift_cards": False},
        "minimum": "0.50",
        "maximum": "50.00",
        "window_days": 14,
        "hold_days": 14,
        "own_shop": False,
        "effective_from": trade.order()["ordered_at"].replace("2026", "2030"),
    }
    order = trade.order("V-1", "token") | {
        "parent_ref": "V-0",
        "code": "PEER10",
        "store_ref": "s1",
        "customer": {"ref": "c1", "is_new": True, "email_sha256": hashlib.sha256(b"x").hexdigest()},
        "lines": [line("1", category="A", discount=money("1.00"), gift_card=False)],
        "shipping": {"net": money("5.00"), "tax": money("1.05")},
    }
    refund = {
        "refund_ref": "RF-1",
        "refunded_at": order["ordered_at"],
        "reason": "came back",
        "lines": [{"line_ref": "1", "quantity": 1, "net": money("1.00"), "tax": money("0.21")}],
        "shipping": {"net": money("0.00"), "tax": money("0.00")},
    }
    profile = {"display_name": "Peer", "kind": "expert", "country": "NL"}
    legal = {
        "name": "Peer",
        "legal_name": "Peer BV",
        "registration_no": "12345678",
        "vat_no": "NL004495445B01",
    }
    product = {
        "title": "Pear",
        "description": "Ripe",
        "link": "https://peer.example/9",
        "image_link": "https://peer.example/9.jpg",
        "brand": "Peer",
        "gtin": "8710398527042",
        "price": money("2.00"),
        "sale_price": money("1.00"),
        "availability": "in_stock",
        "google_product_category": "Food",
        "product_type": "Fruit",
    }
    approval = {"content_hash": "0" * 64, "total": money("1.00"), "totp": "123456"}
    long_ago = (dt.date.fromisoformat(order["ordered_at"][:10]) - dt.timedelta(days=20)).isoformat()
    pay_in = {"amount": money("100.00")} | shop
    found: dict[Call, tuple[str, dict[str, Any]]] = {
        ("POST", "/accounts/sign-up"): (
            "anonymous",
            person
            | {
                "kind": "adviser",
                "name": "Peer",
                "display_name": "Peer",
                "adviser_kind": "expert",
                "locale": "nl",
            }
            | {"country": "NL", "code": "peertje"},
        ),
        ("POST", "/accounts/verify"): ("anonymous", {"token": "t" * 40}),
        ("POST", "/accounts/sign-in"): (
            "anonymous",
            person | {"totp": "123456", "recovery_code": "abcdefghij", "session": True},
        ),
        ("POST", "/accounts/sign-out"): ("owner", {}),
        ("POST", "/accounts/revoke-everywhere"): ("owner", {"api_keys": False}),
        ("POST", "/accounts/reauthenticate"): (
            "owner",
            {"password": PASSWORD + "!", "totp": "123456", "recovery_code": "abcdefghij"},
        ),
        ("POST", "/accounts/password-reset"): ("anonymous", mail),
        ("POST", "/accounts/password-reset/confirm"): (
            "anonymous",
            {"token": "t" * 40, "password": PASSWORD},
        ),
        ("POST", "/accounts/change-password"): (
            "owner",
            {"password": PASSWORD + "!", "new_password": PASSWORD + "?"},
        ),
        ("POST", "/totp/enrol"): ("owner", {}),
        ("POST", "/totp/confirm"): ("owner", {"code": "123456"}),
        ("POST", "/totp/disable"): ("owner", {}),
        ("POST", "/sessions/{session_id}/revoke"): ("owner", {}),
        ("POST", "/adviser-profile"): ("owner", profile | {"code": "peertje"}),
        ("PATCH", "/adviser-profile"): (
            "adviser",
            profile
            | {"vat_status": "private", "vat_no": "NL004495445B01", "headline": "Pears", "topics": ["pears"]}
            | {"biography": {"nl": "Ik peer.", "en": "I pear."}, "languages": ["nl"]}
            | {"home_page": "https://peer.example/"},
        ),
        ("POST", "/advisers/{adviser_id}/ban"): ("admin", {}),
        ("POST", "/advisers/{adviser_id}/reinstate"): ("admin", {}),
        ("POST", "/users/{user_id}/suspend"): ("admin", {}),
        ("POST", "/users/{user_id}/reinstate"): ("admin", {}),
        ("POST", "/agreements"): (
            "owner",
            {"kind": "terms", "version": 1, "sha256": "0" * 64} | shop,
        ),
        ("POST", "/api-keys"): (
            "owner",
            {"name": "k", "mode": "live", "scopes": ["orders:read"], "bound_to": "shop"} | shop,
        ),
        ("POST", "/api-keys/{key_id}/revoke"): ("owner", {}),
        ("POST", "/domains"): ("owner", {"host": "peer.example", "proof": "file"} | shop),
        ("POST", "/domains/{domain_id}/verify"): ("owner", {"proof": "file"}),
        ("POST", "/invitations"): ("owner", mail | {"role": "staff"} | shop),
        ("POST", "/invitations/accept"): ("owner", {"token": "t" * 40}),
        ("POST", "/invitations/{invitation_id}/revoke"): ("owner", {}),
        ("POST", "/members/{member_id}/remove"): ("owner", {}),
        ("POST", "/members/{member_id}/change-role"): ("owner", {"role": "owner"}),
        ("POST", "/shops"): (
            "adviser",
            legal | {"country": "NL", "currency": "EUR", "consent_mode": "none", "code": "peerhuis"},
        ),
        ("PATCH", "/shops/{shop_id}"): ("owner", legal | {"consent_mode": "none"}),
        ("POST", "/offers"): (
            "owner",
            {"name": "o", "description": "d", "currency": "EUR", "notice_days": 7} | shop,
        ),
        ("PATCH", "/offers/{offer_id}"): ("owner", {"joining": "on_approval"}),
        ("POST", "/offers/{offer_id}/terms"): ("owner", terms),
        ("POST", "/partnerships"): ("adviser", {"offer_id": things["offer_id"], "message": "m"}),
        ("POST", "/partnerships/join"): ("adviser", {"offer_id": things["offer_id"]}),
        ("POST", "/partnerships/{partnership_id}/decline"): ("owner", {"reason": "other", "note": "n"}),
        ("POST", "/links"): (
            "adviser",
            {
                "url": f"https://{trade.world.host}/p/9",
                "offer_id": things["offer_id"],
                "placement": "blog",
            },
        ),
        ("POST", "/codes"): (
            "owner",
            {"code": "PEER20", "adviser_id": things["adviser_id"], "offer_id": things["offer_id"]} | shop,
        ),
        ("POST", "/feed-sources"): (
            "owner",
            {"url": "https://feeds.example/all.xml", "every": "manual", "hour": 4, "complete": True} | shop,
        ),
        ("PATCH", "/feed-sources/{feed_source_id}"): (
            "owner",
            {"url": "https://feeds.example/new.xml", "every": "manual", "hour": 5, "complete": False},
        ),
        # Nothing answers there: the guard refuses it before anybody is asked.
        ("POST", "/product-pages"): ("owner", {"url": "https://127.0.0.1/p"} | shop),
        ("POST", "/products"): ("owner", {"sku": "V-9"} | product | shop),
        ("PATCH", "/products/{product_id}"): ("owner", product),
        ("POST", "/stores"): (
            "owner",
            {
                "code": "AMS1",
                "name": "Peer",
                "street": "Plein 1",
                "postcode": "1011 AA",
                "city": "Amsterdam",
                "country": "NL",
                "latitude": "52.370216",
                "longitude": "4.895168",
                "phone": "+31 20 123 4567",
                "opening_hours": {"monday": [{"from": "09:00", "to": "17:30"}]},
                "opened_at": order["ordered_at"],
            }
            | shop,
        ),
        ("PATCH", "/stores/{store_id}"): (
            "owner",
            {
                "name": "Peer",
                "street": "Plein 2",
                "postcode": "1011 AB",
                "city": "Zeist",
                "country": "NL",
                "latitude": "52.1",
                "longitude": "4.9",
                "phone": "+31 20 123 4568",
                "opening_hours": {"monday": [{"from": "09:00", "to": "17:30"}]},
            },
        ),
        ("POST", "/stores/{store_id}/advisers"): ("owner", {"adviser_id": things["adviser_id"]}),
        ("POST", "/evidence"): (
            "adviser",
            {
                "kind": "user",
                "statement": "I bought two",
                "link": "https://peer.example/2",
                "order_ref": "V-7",
            }
            | shop,
        ),
        ("POST", "/evidence/{evidence_id}/verify"): (
            "admin",
            {"valid_until": trade.order()["ordered_at"].replace("2026", "2030")},
        ),
        ("POST", "/evidence/{evidence_id}/refuse"): ("admin", {"reason": "no register knows it"}),
        ("POST", "/evidence/{evidence_id}/deny"): ("owner", {"reason": "not our order"}),
        ("POST", "/orders"): ("shop_key", order),
        ("POST", "/orders/{order_ref}/lines"): ("shop_key", {"lines": [line("9")]}),
        ("POST", "/orders/{order_ref}/refunds"): ("shop_key", refund),
        ("POST", "/orders/{order_ref}/cancel"): (
            "shop_key",
            {"cancelled_at": order["ordered_at"], "reason": "r"},
        ),
        ("POST", "/commissions/{commission_id}/approve"): ("owner", {}),
        ("POST", "/commissions/{commission_id}/decline"): ("owner", {"reason": "other", "note": "n"}),
        ("POST", "/claims"): (
            "adviser",
            {
                "bought_on": long_ago,
                "amount": money("25.00"),
                "order_ref": "V-8",
                "statement": "they read my page",
            }
            | shop,
        ),
        ("POST", "/claims/{claim_id}/answer"): (
            "owner",
            {"answer": "refuse", "reason": "other", "statement": "no such sale"},
        ),
        ("POST", "/claims/{claim_id}/withdraw"): ("adviser", {}),
        ("POST", "/claims/{claim_id}/ask"): ("admin", {"statement": "please look once more"}),
        ("POST", "/claims/{claim_id}/close"): ("admin", {"statement": "nobody answered"}),
        ("POST", "/disputes"): (
            "adviser",
            {
                "commission_id": things["declined_id"],
                "statement": "I have the chat",
                "links": ["https://peer.example/chat"],
            },
        ),
        ("POST", "/disputes/{dispute_id}/answer"): (
            "owner",
            {"outcome": "reject", "reason": "other", "statement": "nobody clicked"},
        ),
        ("POST", "/disputes/{dispute_id}/escalate"): ("adviser", {"statement": "look at the chat"}),
        ("POST", "/disputes/{dispute_id}/withdraw"): ("adviser", {}),
        ("POST", "/disputes/{dispute_id}/decide"): ("admin", {"outcome": "shop", "reason": "no click"}),
        ("POST", "/funding"): ("owner", pay_in),
        ("POST", "/payout-account"): ("adviser", {"currency": "EUR"}),
        ("POST", "/runs"): ("finance", {"currency": "EUR", "cut_off_on": "2026-01-31"}),
        ("POST", "/runs/{run_id}/approve"): ("checker", approval),
        ("POST", "/runs/{run_id}/reject"): ("checker", {"reason": "the month is not closed"}),
        ("POST", "/payout-freeze"): ("finance", {"note": "a look at the books"}),
        ("POST", "/payout-freeze/transfers/{break_id}/book"): (
            "finance",
            {"adviser_id": things["adviser_id"], "note": "of the lost payout"},
        ),
        **_advice_bodies(things),
    }
    return found


def _advice_bodies(things: dict[str, str]) -> dict[Call, tuple[str, dict[str, Any]]]:
    """Return the bodies of advice, of what readers write under it, and of switches for mail."""
    blocks = [{"id": "t", "type": "text", "text": "Ripe."}]
    page = {
        "kind": "single",
        "language": "nl",
        "title": "Pears",
        "verdict": "Take these.",
        "topics": ["pears"],
    }
    page |= {"blocks": blocks}
    mail = {"email": "peer@example.test"}
    asked = {"body": "is it any good then?", "language": "nl", "name": "Piet"} | mail | {"consent": True}
    review = {
        "stars": 5,
        "title": "Pears",
        "body": "as good as a pear can be",
        "name": "Piet",
        "language": "nl",
    }
    reported = {"reason": "other", "statement": "it is not so at all", "language": "nl"} | mail
    return {
        ("POST", "/advice-pages"): ("adviser", page),
        ("PATCH", "/advice-pages/{page_id}/draft"): ("adviser", {"edit": 1} | page),
        ("POST", "/advice-pages/{page_id}/publish"): ("adviser", {"edit": 1}),
        ("POST", "/advice-pages/{page_id}/twin"): ("adviser", {"twin_id": things["page_id"]}),
        ("POST", "/advice-pages/{page_id}/take-down"): ("admin", {"reason": "it is not so at all"}),
        ("POST", "/advice-pages/{page_id}/restore"): ("admin", {"reason": "it is so after all"}),
        ("POST", "/questions/page/{page_id}"): ("anonymous", asked | {"block": "t"}),
        ("POST", "/questions/adviser/{adviser_id}"): ("anonymous", asked),
        ("POST", "/questions/product/{product_id}"): ("anonymous", asked),
        ("POST", "/questions/{question_id}/answers"): (
            "adviser",
            {"body": "yes it is", "product_id": things["product_id"]},
        ),
        ("POST", "/questions/{question_id}/set-aside"): ("adviser", {"reason": "not now"}),
        ("POST", "/questions/{question_id}/hide"): ("admin", {"reason": "rude"}),
        ("POST", "/questions/answers/{answer_id}/hide"): ("admin", {"reason": "rude"}),
        ("POST", "/saved-answers"): ("adviser", {"title": "Pears", "body": "yes it is"}),
        ("POST", "/votes/page/{page_id}"): ("anonymous", {"is_taken_back": False}),
        ("POST", "/votes/answer/{answer_id}"): ("anonymous", {"is_taken_back": False}),
        ("POST", "/votes/review/{review_id}"): ("anonymous", {"is_taken_back": False}),
        ("POST", "/follows/{adviser_id}"): ("anonymous", mail | {"language": "nl"}),
        ("POST", "/follows/confirm"): ("anonymous", {"token": "t" * 40}),
        ("POST", "/follows/end"): ("anonymous", {"token": "t" * 40}),
        ("POST", "/reviews/{product_id}"): ("anonymous", review | {"order_ref": "V-7"} | mail),
        ("POST", "/reviews/{review_id}/hide"): ("admin", {"reason": "rude"}),
        ("POST", "/page-reports/page/{page_id}"): ("anonymous", reported | {"consent": True}),
        ("POST", "/page-reports/{report_id}/decide"): (
            "admin",
            {"outcome": "reject", "reason": "it is so indeed"},
        ),
        ("PATCH", "/me"): ("adviser", {"name": "Peer"}),
        ("POST", "/me/notifications"): (
            "adviser",
            {"locale": "nl", "items": [{"kind": "first_order", "is_on": False}]},
        ),
    }
