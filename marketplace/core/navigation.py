"""Where somebody can go: the ways through the product by role, in the order of the rail."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.core.actor import Actor


@dataclass(frozen=True, slots=True)
class Way:
    """One entry of the rail: its address, its English name (translated when shown), its icon and its short-cut.

    key: the letter after "g" that leads there; first: whether it stands in the bottom bar of a phone.
    """

    path: str
    name: str
    icon: str
    key: str = ""
    first: bool = True


@dataclass(frozen=True, slots=True)
class Area:
    """What one role finds: its home and the ways in it."""

    role: str
    path: str
    name: str
    ways: tuple[Way, ...]


AREAS = (
    Area("adviser", "/adviser", "Adviser", (
        Way("/adviser", "Overview", "house", "o"),
        Way("/adviser/links", "Links", "link", "l"),
        Way("/adviser/advice", "Advice", "book-open-text", "a"),
        Way("/adviser/earnings", "Earnings", "wallet", "e"),
        Way("/adviser/offers", "Offers", "store", "f"),
        Way("/adviser/questions", "Questions", "message-circle-question-mark", "q", first=False),
        Way("/adviser/payouts", "Payouts", "banknote", "p", first=False),
        Way("/adviser/profile", "Profile", "badge-check", "r", first=False),
    )),
    Area("shop", "/shop", "Shop", (
        Way("/shop", "Overview", "house", "o"),
        Way("/shop/orders", "Orders", "package-check", "r"),
        Way("/shop/advisers", "Advisers", "users", "a"),
        Way("/shop/offers", "Offers", "handshake", "f"),
        Way("/shop/budget", "Budget", "wallet", "b"),
        Way("/shop/products", "Products", "shopping-bag", "p", first=False),
        Way("/shop/advice", "Advice about you", "book-open-text", "d", first=False),
        Way("/shop/stores", "Stores", "store", "s", first=False),
        Way("/shop/install", "Install", "plug", "i", first=False),
        Way("/shop/members", "Members", "user-plus", "m", first=False),
    )),
    Area("finance", "/finance", "Finance", (
        Way("/finance", "Today", "list-checks", "o"),
        Way("/finance/runs", "Payout runs", "banknote", "r"),
        Way("/finance/reconciliation", "Reconciliation", "scale", "c"),
        Way("/finance/ledger", "Ledger", "book-text", "l"),
        Way("/finance/freeze", "Payout freeze", "snowflake", "z", first=False),
        Way("/find", "Find", "search", "f", first=False),
    )),
    Area("admin", "/admin", "Admin", (
        Way("/admin", "Overview", "house", "o"),
        Way("/admin/accounts", "Accounts", "users", "a"),
        Way("/admin/evidence", "Evidence", "badge-check", "e"),
        Way("/admin/reports", "Reports", "flag", "r"),
        Way("/admin/disputes", "Disputes", "scale", "d"),
        Way("/admin/claims", "Claims", "package-x", "c", first=False),
        Way("/admin/holds", "Holds", "hand", "h", first=False),
        Way("/admin/jobs", "Jobs", "list-checks", "j", first=False),
        Way("/admin/webhooks", "Webhooks", "webhook", "w", first=False),
        Way("/find", "Find", "search", "f", first=False),
    )),
)  # fmt: skip
_ROLES = {"owner": "shop", "staff": "shop", "adviser": "adviser", "finance": "finance", "admin": "admin"}


def areas_of(actor: Actor) -> tuple[Area, ...]:
    """Return the areas that an actor has, in a fixed order."""
    names = {_ROLES[role] for role in actor.roles if role in _ROLES}
    return tuple(area for area in AREAS if area.role in names)


def home_of(actor: Actor) -> str:
    """Return the page where somebody lands after signing in."""
    mine = areas_of(actor)
    return mine[0].path if mine else "/welcome"


def area_at(path: str, actor: Actor) -> Area | None:
    """Return the area in which a page stands, when the actor has it; else the actor's first one, or None."""
    mine = areas_of(actor)
    here = [area for area in mine if path == area.path or path.startswith(area.path + "/")]
    return here[0] if here else (mine[0] if mine else None)


def current_way(area: Area, path: str) -> Way | None:
    """Return the entry of the rail that a page belongs to: the longest address that it begins with."""
    found = [way for way in area.ways if path == way.path or path.startswith(way.path + "/")]
    return max(found, key=lambda way: len(way.path), default=None)
