"""Facts for every template of mail, for tests that draw them; plain ones, and ones that a stranger chose with care."""

from __future__ import annotations

import dataclasses
import email.policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from aiosmtpd.controller import Controller

from marketplace.core import clock, config, mail_kinds, mail_sending, mail_twins
from marketplace.core.mail_twins import Twins
from marketplace.devtools import ports

AT = "2026-11-23T10:41:00+00:00"
LATER = "2026-12-03T09:00:00+00:00"
AMOUNT = {"minor": 18425, "currency": "EUR"}
URL = "https://aanrader.example/page?a=1&b=2"
FOOT: dict[str, Any] = {
    "site": "https://aanrader.example",
    "because": "",
    "title": "Mails",
    "has_account": True,
    "unsubscribe": "https://aanrader.example/unsubscribe?t=abc",
}
# One per cent, and a flat amount an item.
TERMS = {"bp": 800, "flat": None, "per": None, "window_days": 30, "hold_days": 14}
FLAT = {
    "bp": None,
    "flat": {"minor": 250, "currency": "EUR"},
    "per": "item",
    "window_days": 14,
    "hold_days": 30,
}

_COMMON = {"name": "Noor", "url": URL, "at": AT, "shop": "De Kookwinkel", "amount": AMOUNT}
_SOME: dict[str, dict[str, Any]] = {
    "verify_email": {"token": "tok-1"},
    "already_registered": {},
    "password_reset": {"token": "tok-1"},
    "invitation": {"inviter": "Bram", "role": "staff", "token": "tok-1"},
    "security_notice": {"event": "api_key_made"},
    "payout_destination_changed": {"last4": "4321", "until": LATER},
    "payout_sent": {"arrives": "2026-12-03", "run": "R-2026-0007"},
    "payout_failed": {"reason": "account_not_ready", "run": "R-2026-0007"},
    "payout_bank_failed": {"reason": "account_closed"},
    "terms_change": {
        "offer": "Kookoffer",
        "was": TERMS,
        "becomes": TERMS | {"bp": 650, "hold_days": 30},
        "rules_changed": True,
        "effective": LATER,
    },
    "dispute": {
        "side": "adviser",
        "kind": "rejected",
        "party": "shop",
        "outcome": None,
        "reason": "duplicate",
        "order_ref": "B-1001",
        "until": LATER,
    },
    **{
        name: {
            "adviser": "Noor", "kind": kind, "party": party, "reason": "", "statement": "They read it\nwith me.",
            "order_ref": "B-1001", "found_ref": "", "outcome": "", "bought_on": "2026-11-23", "until": LATER,
        }
        for name, kind, party in (("claim_made", "claimed", "adviser"), ("claim_waits", "claimed", "adviser"),
                                  ("claim_answered", "refused", "shop"), ("claim_settled", "found", "clock"))
    },
    "first_click": {"code": "kx7", "product": "Koekenpan", "place": "nieuwsbrief", "window_days": 30},
    "first_order": {"order_ref": "B-1001", "approves": LATER},
    "order_declined": {"order_ref": "B-1001", "reason": "item_returned", "note": "Came back unopened."},
    "question_asked": {"asker": "Kees", "page": "Best pans", "question": "Which one\nfor induction?"},
    "question_answered": {"answerer": "Noor", "page": "Best pans", "question": "Which?", "answer": "The flat one."},
    "page_taken_down": {"page": "Best pans", "reason": "It does not say that it is advertising."},
    "evidence_decided": {"state": "refused", "statement": "Ten years a cook.", "reason": "No proof.", "until": None},
    "feed_errors": {"failure": None, "fix": None, "rows": 1200, "refused": 14, "before": 2},
    "budget_low": {"left": AMOUNT, "budget": {"minor": 100000, "currency": "EUR"}, "used": 8100, "funded": LATER},
    "new_advice": {"adviser": "Noor", "pages": [{"title": "Pans", "url": URL}]},
    "new_advice_to_reader": {"adviser": "Noor", "pages": [{"title": "Pans", "url": URL}], "end": URL},
    "answer_to_reader": {"answerer": "Noor", "page": "Pans", "question": "Which?", "answer": "The flat one."},
    "follow_confirm": {"adviser": "Noor"},
    "report_received": {"page": "Pans", "receipt": "RP-1"},
    "report_decided": {"page": "Pans", "outcome": "upheld", "reason": "It hides that it is advertising."},
    "adviser_applied": {"adviser": "Noor", "offer": "Kookoffer", "message": "I cook\nand write."},
    "taken_on": {"offer": "Kookoffer"},
    "parted": {"offer": "Kookoffer", "reason": "other", "note": "We know you too little.", "has_advised": True},
    "offer_state": {"offer": "Kookoffer", "state": "paused"},
    "orders_waiting": {"orders": 3, "approves": LATER},
    "run_awaits_approval": {"run": "R-2026-0007", "total": AMOUNT, "payouts": 12},
    "run_rejected": {"run": "R-2026-0007", "total": AMOUNT, "reason": "Ruben has a new bank account."},
}  # fmt: skip
# Which facts a template chooses its words by: a stranger has no say in these.
_CHOSEN = {"event", "role", "kind", "party", "outcome", "state", "side", "url", "end", "at", "until", "arrives",
           "approves", "effective", "funded", "bought_on"}  # fmt: skip


def templates() -> list[str]:
    """Return the names of all templates."""
    return list(mail_kinds.by_template())


def facts(template: str, **changes: Any) -> dict[str, Any]:
    """Return facts for a template."""
    return _COMMON | _SOME[template] | changes


def with_strings(template: str, hostile: str) -> dict[str, Any]:
    """Return facts in which each text that comes from people is this one."""
    return {
        name: hostile if isinstance(value, str) and name not in _CHOSEN else value
        for name, value in facts(template).items()
    }


def variants(template: str) -> list[dict[str, Any]]:
    """Return the facts of each way in which a template speaks."""
    more: dict[str, list[dict[str, Any]]] = {
        "security_notice": [
            {"event": one}
            for one in (
                "password_changed",
                "second_factor_on",
                "second_factor_off",
                "second_factor_recovered",
            )
        ],
        "new_advice": [{"pages": [{"title": "Pans", "url": URL}, {"title": "Pots", "url": URL}]}],
        "payout_failed": [
            {"reason": one}
            for one in (
                "destination_changed",
                "cooling_off",
                "no_payout_account",
                "banned",
                "amount_too_small",
            )
        ],
        "payout_bank_failed": [{"reason": "something_new"}],
        "terms_change": [{"was": FLAT, "becomes": TERMS, "rules_changed": False}, {"becomes": FLAT}],
        "dispute": [
            {
                "kind": kind,
                "party": party,
                "outcome": outcome,
                "until": LATER if kind == "opened" else None,
                "reason": reason,
            }
            for kind, party, outcome, reason in (
                ("opened", "adviser", None, ""),
                ("accepted", "shop", None, ""),
                ("escalated", "clock", None, ""),
                ("escalated", "adviser", None, ""),
                ("withdrawn", "adviser", None, ""),
                ("closed", "clock", None, ""),
                ("decided", "clock", "adviser", ""),
                ("decided", "platform", "shop", "The terms\nsay so."),
            )
        ],
        "claim_made": [{"kind": "asked", "party": "platform", "order_ref": "", "amount": None}],
        "claim_answered": [
            {
                "kind": kind,
                "party": party,
                "outcome": outcome,
                "reason": reason,
                "statement": "",
                "found_ref": "B-7",
            }
            for kind, party, outcome, reason in (
                ("found", "shop", "credited", ""),
                ("found", "clock", "elsewhere", ""),
                ("found", "shop", "no_advice", ""),
                ("refused", "shop", "", "cancelled"),
                ("escalated", "clock", "", ""),
                ("closed", "platform", "", ""),
            )
        ],
        "claim_settled": [{"kind": "closed", "party": "platform"}],
        "first_click": [{"window_days": None, "product": None, "place": None}],
        "order_declined": [{"note": None}, {"reason": "some_new_reason"}],
        "evidence_decided": [{"state": "verified", "until": LATER, "reason": None}, {"state": "expired"}],
        "feed_errors": [
            {"failure": "The feed holds no rows.", "fix": "Send a feed with products."},
            {"refused": 1},
        ],
        "invitation": [{"role": "owner"}],
        "offer_state": [{"state": "open"}, {"state": "closed"}],
    }
    return [facts(template), *(facts(template, **one) for one in more.get(template, []))]


def draw(template: str, language: str, said: dict[str, Any]) -> Twins:
    """Return both twins of a mail with a footer of tests."""
    return mail_twins.draw(template, language, said, FOOT)


class _Catcher:
    def __init__(self) -> None:
        self.caught: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name.
        parser = BytesParser(_class=EmailMessage, policy=email.policy.default)
        self.caught.append(parser.parsebytes(envelope.content))
        return "250 ok"


def send_all(database: Any) -> list[EmailMessage]:
    """Send every mail that is due, as the worker, and return those that went out; then act as the web again."""
    catcher = _Catcher()
    controller = Controller(catcher, hostname="127.0.0.1", port=ports.any_free(1)[0])
    controller.start()
    before = config.current()
    database.open("worker")
    try:
        config.use(dataclasses.replace(config.current(), smtp=f"127.0.0.1:{controller.port}"))
        mail_sending.send_due(clock.wall())
    finally:
        controller.stop()
        config.use(before)
        database.open("app")
    return catcher.caught
