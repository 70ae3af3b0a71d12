"""The inventory: every page of the product once, with who looks at it; axe, the benches and the shots walk it.

Add your page here: a name, the role, and its address. `{offer}` in an address is the id of something of that role,
found by the query of that name in PLACES (`:user`, `:adviser` and `:shop` are the role's own ids), so that the same
line works on the test's fair and on the demo. A page for which nothing is found is a fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One page as one role sees it."""

    name: str
    role: str
    path: str
    status: int = 200
    # full: as somebody in business sees it; empty: with nothing on it; error: a refusal. Benches weigh the full ones.
    state: str = "full"
    # A form on it that can be sent empty and is refused without doing anything, for the picture of its errors.
    form: str = ""


# Ids of things that stand in addresses: the newest that has most to show.
PLACES: dict[str, str] = {
    "link": "SELECT id FROM tracked_link WHERE adviser_id = :adviser AND kind = 'link' ORDER BY created_at LIMIT 1",
    "joined_offer": "SELECT offer_id FROM partnership WHERE adviser_id = :adviser AND state = 'accepted' ORDER BY id LIMIT 1",
    "offer": "SELECT id FROM offer WHERE shop_id = :shop ORDER BY (state = 'open') DESC, created_at LIMIT 1",
    "commission": "SELECT id FROM commission WHERE adviser_id = :adviser AND mode = 'live' ORDER BY id LIMIT 1",
    "shop_commission": "SELECT id FROM commission WHERE shop_id = :shop AND mode = 'live' ORDER BY id LIMIT 1",
    "any_commission": "SELECT id FROM commission WHERE mode = 'live' ORDER BY id LIMIT 1",
    "store": "SELECT id FROM store WHERE shop_id = :shop ORDER BY id LIMIT 1",
    "statement": "SELECT id FROM statement WHERE adviser_id = :adviser ORDER BY id DESC LIMIT 1",
    "dispute": "SELECT id FROM dispute WHERE adviser_id = :adviser ORDER BY id LIMIT 1",
    "shop_dispute": "SELECT id FROM dispute WHERE shop_id = :shop ORDER BY id LIMIT 1",
    "claim": "SELECT id FROM claim WHERE adviser_id = :adviser ORDER BY id LIMIT 1",
    "claimed_shop": "SELECT shop_id FROM partnership WHERE adviser_id = :adviser AND accepted_at IS NOT NULL"
    " ORDER BY id LIMIT 1",
    "shop_claim": "SELECT id FROM claim WHERE shop_id = :shop ORDER BY (state = 'open') DESC, id LIMIT 1",
    "feed": "SELECT id FROM feed_job WHERE shop_id = :shop ORDER BY id DESC LIMIT 1",
    "order": "SELECT o.order_ref FROM shop_order o JOIN commission c ON c.order_id = o.id WHERE o.shop_id = :shop"
    " AND o.mode = 'live' ORDER BY o.id LIMIT 1",
    "advice": "SELECT id FROM advice_page WHERE adviser_id = :adviser AND state = 'published' ORDER BY id LIMIT 1",
    "slug": "SELECT slug FROM advice_page WHERE state = 'published' ORDER BY id LIMIT 1",
    "shop_code": "SELECT s.code FROM shop s JOIN offer o ON o.shop_id = s.id WHERE o.state = 'open' ORDER BY s.id LIMIT 1",
    "offer_code": "SELECT o.code FROM shop s JOIN offer o ON o.shop_id = s.id WHERE o.state = 'open' ORDER BY s.id LIMIT 1",
    "word": "SELECT split_part(p.title, ' ', 2) FROM product p JOIN shop s ON s.id = p.shop_id WHERE s.state = 'live'"
    " AND p.retired_at IS NULL AND p.title LIKE '% %' ORDER BY p.id LIMIT 1",
    "handle": "SELECT a.code FROM adviser a JOIN advice_page p ON p.adviser_id = a.id WHERE p.state = 'published'"
    " ORDER BY p.id LIMIT 1",
    "product": "SELECT p.id FROM product p LEFT JOIN review r ON r.product_id = p.id JOIN shop s ON s.id = p.shop_id"
    " WHERE s.state = 'live' AND p.retired_at IS NULL ORDER BY r.id, p.id LIMIT 1",
    "topic": "SELECT topics[1] FROM advice_page WHERE state = 'published' AND topics <> '{}' ORDER BY id LIMIT 1",
    "run": "SELECT id FROM payout_run WHERE state <> 'draft' ORDER BY id DESC LIMIT 1",
    "draft_run": "SELECT id FROM payout_run ORDER BY (state IN ('draft', 'previewed')) DESC, id DESC LIMIT 1",
    "difference": "SELECT id FROM recon_break ORDER BY id DESC LIMIT 1",
    "entry": "SELECT id FROM entry ORDER BY lines DESC, id DESC LIMIT 1",
    "earner": "SELECT adviser_id FROM payout WHERE currency = 'EUR' ORDER BY id LIMIT 1",
    "account": "SELECT id FROM user_account WHERE role = 'member' ORDER BY id LIMIT 1",
}

# Asked for by a text that somebody gave.
ORDER = Page("shop-order", "owner", "/shop/orders/{order}")

PAGES: tuple[Page, ...] = (
    Page("home", "anonymous", "/"),
    Page("search", "anonymous", "/search?q={word}"),
    Page("find", "adviser", "/find?q=ORDER"),
    Page("find-nothing", "finance", "/find?q=zeppelin", state="empty"),
    Page("search-nothing", "anonymous", "/search?q=zeppelin", state="empty"),
    Page("how-we-earn", "anonymous", "/how-we-earn"),
    Page("privacy", "anonymous", "/privacy"),
    Page("advice", "anonymous", "/a/{slug}"),
    Page("advice-read-by-its-adviser", "adviser", "/a/{slug}"),
    Page("storefront", "anonymous", "/@{handle}"),
    Page("topics", "anonymous", "/topics"),
    Page("topic", "anonymous", "/topics/{topic}"),
    Page("reviews", "anonymous", "/products/{product}/reviews"),
    Page("report", "anonymous", "/report?page={slug}"),
    Page("report-nothing", "anonymous", "/report", state="empty"),
    Page("follow-link", "anonymous", "/follow?token=x", status=410, state="error"),
    Page("problem", "anonymous", "/problems/run_not_approved"),
    Page("admin-home", "admin", "/admin"),
    Page("admin-accounts", "admin", "/admin/accounts"),
    Page("admin-accounts-nobody", "admin", "/admin/accounts?q=zeppelin", state="empty"),
    Page("admin-account", "admin", "/admin/accounts/{account}"),
    Page("admin-evidence", "admin", "/admin/evidence"),
    Page("admin-evidence-verified", "admin", "/admin/evidence?state=verified"),
    Page("offer-terms", "anonymous", "/offers/{shop_code}/{offer_code}"),
    Page("admin-holds", "admin", "/admin/holds"),
    Page("admin-webhooks", "admin", "/admin/webhooks"),
    Page("admin-jobs", "admin", "/admin/jobs"),
    Page("admin-disputes", "admin", "/admin/disputes"),
    Page("admin-reports-all", "admin", "/admin/reports?state=all"),
    Page("admin-disputes-all", "admin", "/admin/disputes?state=all"),
    Page("admin-disputes-none", "admin", "/admin/disputes?state=withdrawn", state="empty"),
    Page("admin-claims", "admin", "/admin/claims"),
    Page("admin-claims-all", "admin", "/admin/claims?state=all"),
    Page("admin-claims-none", "admin", "/admin/claims?state=closed", state="empty"),
    Page("invitation", "anonymous", "/invitations/accept?token=x"),
    Page("sign-in", "anonymous", "/sign-in"),
    Page("sign-up", "anonymous", "/sign-up"),
    Page("sign-up-shop", "anonymous", "/sign-up?kind=shop_owner"),
    Page("verify", "anonymous", "/verify?token=x"),
    Page("forgot", "anonymous", "/forgot"),
    Page("password-reset", "anonymous", "/password-reset?token=x"),
    Page("confirm", "adviser", "/confirm"),
    Page("confirm-staff", "finance", "/confirm"),
    Page("adviser-home", "adviser", "/adviser"),
    Page("adviser-home-new", "new_adviser", "/adviser", state="empty"),
    Page("adviser-links", "adviser", "/adviser/links"),
    Page("adviser-links-new", "new_adviser", "/adviser/links", state="empty"),
    Page("adviser-earnings-new", "new_adviser", "/adviser/earnings", state="empty"),
    Page("adviser-payouts-new", "new_adviser", "/adviser/payouts", state="empty"),
    Page("adviser-offer-new", "new_adviser", "/adviser/offers", state="empty"),
    Page("adviser-link", "adviser", "/adviser/links/{link}"),
    Page("adviser-offers", "adviser", "/adviser/offers"),
    Page("adviser-offer", "adviser", "/adviser/offers/{joined_offer}"),
    Page("adviser-earnings", "adviser", "/adviser/earnings"),
    Page("adviser-earnings-filtered", "adviser", "/adviser/earnings?status=declined"),
    Page("adviser-earning", "adviser", "/adviser/earnings/{commission}"),
    Page("adviser-not-credited", "adviser", "/adviser/not-credited"),
    Page(
        "adviser-not-credited-claim",
        "adviser",
        "/adviser/not-credited?shop_id={claimed_shop}&order_ref=MISSED-7",
    ),
    Page("adviser-claim", "adviser", "/adviser/claims/{claim}"),
    Page("adviser-payouts", "adviser", "/adviser/payouts"),
    Page("adviser-statement", "adviser", "/adviser/statements/{statement}"),
    Page("adviser-payout-account", "adviser", "/adviser/payout-account"),
    Page("adviser-payout-account-new", "new_adviser", "/adviser/payout-account", state="empty"),
    Page("adviser-dispute", "adviser", "/adviser/disputes/{dispute}"),
    Page("adviser-profile", "adviser", "/adviser/profile"),
    Page(
        "adviser-not-found",
        "adviser",
        "/adviser/links/00000000-0000-7000-8000-000000000000",
        status=404,
        state="error",
    ),
    Page("adviser-payout-return", "adviser", "/adviser/payout-account/return"),
    Page("finance-home", "finance", "/finance"),
    Page("finance-runs", "finance", "/finance/runs"),
    Page("finance-run-done", "finance", "/finance/runs/{run}"),
    Page("finance-run", "finance", "/finance/runs/{draft_run}"),
    Page("finance-run-checker", "checker", "/finance/runs/{draft_run}"),
    Page("finance-reconciliation", "finance", "/finance/reconciliation"),
    Page("finance-difference", "finance", "/finance/differences/{difference}"),
    Page("finance-ledger", "finance", "/finance/ledger"),
    Page("finance-ledger-filtered", "finance", "/finance/ledger?kind=reserve"),
    Page("finance-entry", "finance", "/finance/ledger/entries/{entry}"),
    Page("finance-account", "finance", "/finance/ledger/accounts/adviser:available/{earner}/EUR"),
    Page("finance-platform-account", "finance", "/finance/ledger/accounts/stripe:platform_balance/-/EUR"),
    Page("finance-freeze", "finance", "/finance/freeze"),
    Page("adviser-advice", "adviser", "/adviser/advice"),
    Page("adviser-advice-new", "new_adviser", "/adviser/advice", state="empty"),
    Page("adviser-editor", "adviser", "/adviser/advice/{advice}"),
    Page("adviser-questions", "adviser", "/adviser/questions"),
    Page("receipt", "adviser", "/receipts/{commission}"),
    Page("receipt-for-shop", "owner", "/receipts/{shop_commission}"),
    Page("receipt-for-finance", "finance", "/receipts/{any_commission}"),
    Page("shop-home", "owner", "/shop"),
    Page("shop-home-new", "new_owner", "/shop", status=403, state="error"),
    Page("shop-products", "owner", "/shop/products"),
    Page("shop-feed", "owner", "/shop/feeds/{feed}"),
    Page("shop-offers", "owner", "/shop/offers"),
    Page("shop-offer", "owner", "/shop/offers/{offer}"),
    Page("shop-advisers", "owner", "/shop/advisers"),
    Page("shop-dispute", "owner", "/shop/disputes/{shop_dispute}"),
    Page("shop-claims", "owner", "/shop/claims"),
    Page("shop-claims-none", "owner", "/shop/claims?state=closed", state="empty"),
    Page("shop-claim", "owner", "/shop/claims/{shop_claim}"),
    Page("shop-orders", "owner", "/shop/orders"),
    ORDER,
    Page("shop-advice", "owner", "/shop/advice"),
    Page("shop-budget", "owner", "/shop/budget"),
    Page("shop-install", "owner", "/shop/install"),
    Page("shop-received", "owner", "/shop/install/received"),
    Page("shop-members", "owner", "/shop/members"),
    Page("shop-stores", "owner", "/shop/stores"),
    Page("shop-store", "owner", "/shop/stores/{store}"),
    Page("shop-cards", "owner", "/shop/stores/{store}/cards"),
    Page("shop-start-new", "new_owner", "/shop/start/shop"),
    Page("shop-start-domain", "owner", "/shop/start/domain"),
    Page("shop-start-products", "owner", "/shop/start/products"),
    Page("shop-start-terms", "owner", "/shop/start/terms"),
    Page("shop-start-install", "owner", "/shop/start/install"),
    Page("shop-start-test", "owner", "/shop/start/test"),
    Page("shop-start-live", "owner", "/shop/start/live"),
    Page("admin-reports", "admin", "/admin/reports"),
    Page("account", "adviser", "/account"),
    Page("account-finance", "finance", "/account"),
    Page("account-password", "adviser", "/account/password"),
    Page("account-sessions", "adviser", "/account/sessions"),
    Page("account-keys", "owner", "/account/keys"),
    Page("account-agreements", "owner", "/account/agreements"),
    Page("account-second-factor", "adviser", "/account/second-factor"),
    Page("account-second-factor-finance", "finance", "/account/second-factor"),
    Page("account-become-adviser", "owner", "/account/become-adviser"),
    Page("notifications", "adviser", "/account/notifications"),
    Page("notifications-shop", "owner", "/account/notifications"),
    Page("unsubscribe-bad-link", "anonymous", "/unsubscribe?t=x", status=410, state="error"),
    Page("welcome", "new_owner", "/welcome"),
    Page("account-owner", "owner", "/account"),
    Page("become-adviser", "new_owner", "/account/become-adviser"),
    Page("invitation-signed-in", "new_owner", "/invitations/accept?token=x"),
    # Nobody meets it at work, so it has no budget: it shows every part of every page at once.
    Page("styleguide", "anonymous", "/styleguide", state="parts"),
    Page("not-found", "anonymous", "/there-is-no-such-page", status=404, state="error"),
)

# Page routes that are no page of their own to look at, each with the reason.
NOT_PAGES: dict[str, str] = {
    "/static/<path:filename>": "files, not pages",
    "/home": "leads on to the home of whoever asks",
    "/confirm/go-on": "leads home unless a form was filled in a moment ago; its own tests look at it",
    "/sign-in/code": "leads back to the password unless it was given a moment ago; the stories go through it",
    "/pictures/<uuid:picture_id>/<int:width>.webp": "a picture, not a page",
    "/adviser/statements/<uuid:statement_id>.pdf": "paper, not a page",
    "/adviser/links/<uuid:link_id>/qr.svg": "a picture, not a page",
    "/adviser/links/<uuid:link_id>/qr.png": "a picture, not a page",
    "/shop/start": "leads on to the step that comes next",
    "/receipts/<uuid:commission_id>/proof": "a file to work the receipt out with",
    "/receipts/<uuid:commission_id>/file": "a file to work the receipt out with",
    "/sitemap.xml": "for search machines",
    "/robots.txt": "for search machines",
    "/adviser/links/qr-sheet": "paper, not a page",
    "/health": "one word for a load balancer",
    "/api/openapi.json": "the API's description, for programs",
    "/api/docs": "the description of the API, of a library's making, with tests of its own",
}


def matches(rule: str, path: str) -> bool:
    """Tell whether an address of the inventory is one of a route, by the route's text."""
    pattern = re.sub(r"<[^>]+>", "[^/]+", re.sub(r"<path:[^>]+>", ".+", rule))
    return re.fullmatch(pattern, path.partition("?")[0]) is not None
