"""Account links (single use, minutes) and dashboard login links."""

from __future__ import annotations

from urllib.parse import urlsplit

from payouts.sandbox import accounts, onboarding
from payouts.sandbox.call import Call
from payouts.sandbox.errors import Body, malformed, missing, refused
from payouts.sandbox.forms import Params
from payouts.sandbox.store import Tx

LINK_SECONDS = 300


def address(params: Params, name: str) -> str | None:
    """Return a parameter that must be an http(s) address."""
    value = params.text(name)
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise malformed("Not a valid URL", param=params.named(name), code="url_invalid")
    return value


def create(call: Call) -> Body:
    """Mint an onboarding address for a connected account; it works once and for five minutes."""
    params = call.params
    params.allow("account", "refresh_url", "return_url", "type", "collect", "collection_options")
    account_id = params.needed("account")
    kind = params.choice("type", "account_onboarding", "account_update")
    if kind is None:
        params.require("type")
    for name in ("refresh_url", "return_url"):
        params.require(name)
    found = call.tx.get(account_id, kind="account")
    if found is None or account_id == call.tx.platform:
        raise missing("account", account_id, param="account", status=400)
    token = call.tx.new_id("", 32)
    expires = call.tx.now + int(call.tx.setting("account_link_seconds", LINK_SECONDS))
    url = f"{call.base_url}/onboard/{token}"
    call.tx.put(
        {
            "id": token,
            "account": account_id,
            "created": call.tx.now,
            "expires_at": expires,
            "used": False,
            "refresh_url": address(params, "refresh_url"),
            "return_url": address(params, "return_url"),
        },
        kind="account_link",
        account=call.account,
    )
    return {"object": "account_link", "created": call.tx.now, "expires_at": expires, "url": url}


def use(tx: Tx, token: str) -> tuple[bool, str] | None:
    """Complete onboarding through a link; return (completed, address to go to), None for an unknown link.

    A link that was used or has expired completes nothing and leads to its refresh_url.
    """
    link = tx.get(token, kind="account_link")
    if link is None:
        return None
    if not alive(tx, link):
        return False, str(link["refresh_url"])
    onboarding.onboard(tx, link["account"])
    tx.save({**link, "used": True})
    return True, str(link["return_url"])


def alive(tx: Tx, link: Body) -> bool:
    """Say whether a link was neither used nor has expired."""
    return not link["used"] and bool(tx.now < link["expires_at"])


def login(call: Call, account_id: str) -> Body:
    """Return an address of the account's own dashboard."""
    call.params.allow()
    found = accounts.visible(call, account_id)
    if not found["details_submitted"]:
        raise refused("Cannot create a login link for an account that has not completed onboarding.")
    return {"object": "login_link", "created": call.tx.now, "url": f"{call.base_url}/dashboard/{account_id}"}
