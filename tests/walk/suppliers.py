"""What each parameter can name: one's own, a colleague's, the neighbour's, another tenant's, what is gone, what never was."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from tests.walk.matrix import Thing, Who
from tests.walk.town import Tenant, Town

NEVER = Thing("never was", str(uuid.UUID(int=7)), exists=False)
Supplier = Callable[[Town, Who], Sequence[Thing]]


def _tenants(town: Town) -> tuple[tuple[str, Tenant], ...]:
    return ("own", town.a), ("neighbour", town.sister), ("other", town.b)


def _of_shops(name: str, *gone: Thing) -> Supplier:
    def supply(town: Town, _who: Who) -> Sequence[Thing]:
        found = [Thing(relation, tenant.ids[name], shop=tenant.shop) for relation, tenant in _tenants(town)]
        return [*found, *gone, NEVER]

    return supply


def _shops(town: Town, _who: Who) -> Sequence[Thing]:
    return [*(Thing(relation, tenant.shop, shop=tenant.shop) for relation, tenant in _tenants(town)), NEVER]


def _advisers(town: Town, _who: Who) -> Sequence[Thing]:
    found = []
    for relation, tenant in _tenants(town):
        found.append(Thing(relation, tenant.anne, advisers=frozenset({tenant.anne})))
    bert = str(town.a.bert.id)
    colleague = Thing("colleague", bert, advisers=frozenset({bert}))
    return [*found, colleague, NEVER]


def _users(town: Town, _who: Who) -> Sequence[Thing]:
    return [
        Thing("own", str(town.a.staff), user=str(town.a.staff)),
        Thing("other", str(town.b.staff), user=str(town.b.staff)),
        NEVER,
    ]


def _sessions(town: Town, who: Who) -> Sequence[Thing]:
    rows = town.a.trade.rows
    of_b = rows("SELECT id FROM auth_session WHERE user_id = :u LIMIT 1", u=town.b.trade.world.owner.user_id)
    of_sister = rows(
        "SELECT id FROM auth_session WHERE user_id = :u LIMIT 1", u=town.sister.trade.world.adviser.user_id
    )
    found = [
        Thing("neighbour", str(of_sister[0]["id"]), user=str(town.sister.trade.world.adviser.user_id)),
        Thing("other", str(of_b[0]["id"]), user=str(town.b.trade.world.owner.user_id)),
        NEVER,
    ]
    if who.user is not None:
        own = rows("SELECT id FROM auth_session WHERE user_id = :u ORDER BY id LIMIT 1", u=who.user)
        found[:0] = [Thing("own", str(row["id"]), user=who.user) for row in own]
    return found


def _keys(town: Town, who: Who) -> Sequence[Thing]:
    found = []
    for relation, tenant in _tenants(town):
        owner = str(tenant.trade.world.owner.user_id)
        found.append(Thing(relation, tenant.ids["key"], shop=tenant.shop, user=owner))
    statement = "SELECT id FROM api_key WHERE user_id = :u AND adviser_id IS NOT NULL LIMIT 1"
    anne = town.a.trade.anne.actor.user_id
    [row] = town.a.trade.rows(statement, u=anne)
    found.append(Thing("of an adviser", str(row["id"]), user=str(anne)))
    if who.user is not None and {"finance", "admin"} & who.columns:
        [row] = town.a.trade.rows("SELECT id FROM api_key WHERE user_id = :u LIMIT 1", u=who.user)
        found.append(Thing("mine", str(row["id"]), user=who.user))
    return [*found, NEVER]


def _domains(town: Town, who: Who) -> Sequence[Thing]:
    return _of_shops("domain")(town, who)


def _members(town: Town, who: Who) -> Sequence[Thing]:
    gone = Thing("gone", town.a.ids["member_gone"], shop=town.a.shop, exists=False)
    return _of_shops("member", gone)(town, who)


def _offers(town: Town, _who: Who) -> Sequence[Thing]:
    found = []
    for relation, tenant in _tenants(town):
        partners = frozenset({tenant.anne, str(tenant.bert.id)})
        found.append(Thing(relation, tenant.ids["offer"], shop=tenant.shop, advisers=partners, state="open"))
        found.append(Thing(f"{relation} draft", tenant.ids["offer_draft"], shop=tenant.shop, state="draft"))
        paused = frozenset({tenant.anne})
        found.append(
            Thing(f"{relation} paused", tenant.ids["offer_paused"], tenant.shop, paused, state="paused")
        )
    return [*found, NEVER]


def _of_advisers(name: str, mode: str | None = None) -> Supplier:
    """Supply what belongs to a shop and to one of its advisers."""

    def supply(town: Town, _who: Who) -> Sequence[Thing]:
        found = []
        for relation, tenant in _tenants(town):
            anne, bert = frozenset({tenant.anne}), frozenset({str(tenant.bert.id)})
            found.append(Thing(relation, tenant.ids[name], tenant.shop, anne, mode=mode))
            found.append(Thing(f"{relation} bert", tenant.ids[f"{name}_bert"], tenant.shop, bert, mode=mode))
        return [*found, NEVER]

    return supply


def _commissions(town: Town, who: Who) -> Sequence[Thing]:
    anne = frozenset({town.a.anne})
    chris = frozenset({town.people["both_ways"].adviser or ""})
    return [
        *_of_advisers("commission", "live")(town, who),
        Thing("test", town.a.ids["commission_test"], town.a.shop, anne, mode="test"),
        Thing("chris", town.a.ids["commission_chris"], town.a.shop, chris, mode="live"),
    ]


def _orders(town: Town, _who: Who) -> Sequence[Thing]:
    found = []
    for relation, tenant in _tenants(town):
        anne, both = frozenset({tenant.anne}), frozenset({tenant.anne, str(tenant.bert.id)})
        found.append(Thing(relation, tenant.ids["order_ref"], tenant.shop, both, mode="live"))
        if tenant is not town.b:
            bert = both - anne
            found.append(
                Thing(f"{relation} bert", tenant.ids["order_ref_bert"], tenant.shop, bert, mode="live")
            )
    return [*found, Thing("never was", "NEVER-1", exists=False)]


def _products(town: Town, _who: Who) -> Sequence[Thing]:
    found = []
    for relation, tenant in _tenants(town):
        found.append(Thing(relation, tenant.ids["product"], shop=tenant.shop, state="open"))
        found.append(Thing(f"{relation} gone", tenant.ids["product_gone"], shop=tenant.shop, state="gone"))
    return [*found, NEVER]


def _pictures(town: Town, _who: Who) -> Sequence[Thing]:
    found = []
    for relation, tenant in _tenants(town):
        anne = frozenset({tenant.anne})
        found.append(Thing(relation, tenant.ids["picture"], advisers=anne, state="open"))
        found.append(
            Thing(
                f"{relation} bert",
                tenant.ids["picture_bert"],
                advisers=frozenset({str(tenant.bert.id)}),
                state="open",
            )
        )
        found.append(
            Thing(f"{relation} removed", tenant.ids["picture_removed"], advisers=anne, state="removed")
        )
        # No shop of the town is live, and pictures of products are shown for live shops only.
        found.append(Thing(f"{relation} product", tenant.ids["picture_product"], state="shut"))
        found.append(Thing(f"{relation} product gone", tenant.ids["picture_product_gone"], state="gone"))
    return [*found, NEVER]


def _advice(town: Town, _who: Who) -> Sequence[Thing]:
    found = []
    for relation, tenant in _tenants(town):
        state = "draft" if tenant is town.b else "open"
        for name, adviser in (("", tenant.anne), ("_bert", str(tenant.bert.id))):
            own = frozenset({adviser})
            found.append(Thing(f"{relation}{name}", tenant.ids[f"advice{name}"], advisers=own, state=state))
            draft = tenant.ids[f"advice_draft{name}"]
            found.append(Thing(f"{relation}{name} draft", draft, advisers=own, state="draft"))
    return [*found, NEVER]


def _slugs(town: Town, _who: Who) -> Sequence[Thing]:
    """Supply addresses of pages that readers see; what was withdrawn is gone for everybody (410), and another test's."""
    found = []
    for relation, tenant in _tenants(town):
        if tenant is not town.b:
            [row] = tenant.trade.rows(
                "SELECT slug FROM advice_page WHERE id = :i", i=uuid.UUID(tenant.ids["advice"])
            )
            found.append(Thing(relation, row["slug"], state="open"))
    return [*found, Thing("never was", "never-was", exists=False)]


def _shop_codes(town: Town, _who: Who) -> Sequence[Thing]:
    [row] = town.a.trade.rows("SELECT code FROM shop WHERE id = :i", i=uuid.UUID(town.a.shop))
    return [Thing("own", row["code"])]


def _offer_codes(town: Town, _who: Who) -> Sequence[Thing]:
    """Offers of that one shop: open to everybody while its shop is live, which no shop of this town is."""
    [row] = town.a.trade.rows("SELECT code FROM offer WHERE id = :i", i=uuid.UUID(town.a.ids["offer"]))
    return [Thing("own", row["code"], state="not live"), Thing("never was", "NEVER", exists=False)]


def _handles(town: Town, _who: Who) -> Sequence[Thing]:
    [row] = town.a.trade.rows("SELECT code FROM adviser WHERE id = :i", i=uuid.UUID(town.a.anne))
    return [Thing("own", row["code"]), Thing("never was", "never-was", exists=False)]


def _topics(_town: Town, _who: Who) -> Sequence[Thing]:
    return [Thing("any", "peren")]


def _questions(town: Town, _who: Who) -> Sequence[Thing]:
    found = []
    for relation, tenant in _tenants(town):
        state = "waiting" if tenant is town.b else "open"
        for name, adviser in (("", tenant.anne), ("_bert", str(tenant.bert.id))):
            own = frozenset({adviser})
            found.append(Thing(f"{relation}{name}", tenant.ids[f"question{name}"], advisers=own, state=state))
        found.append(Thing(f"{relation} shop", tenant.ids["question_shop"], tenant.shop, state="waiting"))
    return [*found, NEVER]


def _shown(name: str) -> Supplier:
    """Supply what readers see of A and its neighbour, and not of B."""

    def supply(town: Town, _who: Who) -> Sequence[Thing]:
        found = [
            Thing(relation, tenant.ids[name], state="hidden" if tenant is town.b else "open")
            for relation, tenant in _tenants(town)
        ]
        return [*found, NEVER]

    return supply


def _widths(_town: Town, _who: Who) -> Sequence[Thing]:
    return [Thing("smallest", "160")]


def _statements(town: Town, _who: Who) -> Sequence[Thing]:
    found = []
    for relation, tenant in _tenants(town):
        anne, bert = frozenset({tenant.anne}), frozenset({str(tenant.bert.id)})
        found.append(Thing(relation, tenant.ids["statement"], advisers=anne))
        found.append(Thing(f"{relation} bert", tenant.ids["statement_bert"], advisers=bert))
    return [*found, NEVER]


def _evidence(town: Town, who: Who) -> Sequence[Thing]:
    of_trade = [
        Thing(f"{relation} trade", tenant.ids["evidence_of_trade"], advisers=frozenset({tenant.anne}))
        for relation, tenant in _tenants(town)
    ]
    return [*_of_advisers("evidence")(town, who), *of_trade]


def _runs(town: Town, _who: Who) -> Sequence[Thing]:
    return [Thing("draft", town.a.ids["run"]), NEVER]


def _breaks(town: Town, _who: Who) -> Sequence[Thing]:
    return [Thing("present", town.a.ids["break"]), NEVER]


def _events(town: Town, _who: Who) -> Sequence[Thing]:
    [row] = town.a.trade.rows("SELECT id FROM stripe_event ORDER BY id LIMIT 1")
    return [Thing("present", str(row["id"])), NEVER]


def _accounts(town: Town, _who: Who) -> Sequence[Thing]:
    """An account is named by kind, owner and currency."""
    return [
        Thing("present", f"adviser:pending/{town.a.anne}/EUR"),
        Thing("never was", f"adviser:pending/{NEVER.value}/EUR", exists=False),
    ]


def _entries(town: Town, _who: Who) -> Sequence[Thing]:
    return [Thing("present", town.a.ids["entry"]), Thing("never was", "999999999999", exists=False)]


def _files(_town: Town, _who: Who) -> Sequence[Thing]:
    return [Thing("present", "app.css")]


def _problems(_town: Town, _who: Who) -> Sequence[Thing]:
    return [Thing("present", "not_found")]


def _owners(town: Town, who: Who) -> Sequence[Thing]:
    return _shops(town, who)


def _sources(town: Town, _who: Who) -> Sequence[Thing]:
    return [Thing(relation, tenant.ids["commission"]) for relation, tenant in _tenants(town)]


SUPPLIERS: dict[str, Supplier] = {
    "shop_id": _shops,
    "adviser_id": _advisers,
    "user_id": _users,
    "session_id": _sessions,
    "key_id": _keys,
    "domain_id": _domains,
    "invitation_id": _of_shops("invitation"),
    "member_id": _members,
    "feed_id": _of_shops("feed"),
    "feed_source_id": _of_shops("feed_source"),
    "product_id": _products,
    "picture_id": _pictures,
    "width": _widths,
    "page_id": _advice,
    "twin_id": _advice,
    "slug": _slugs,
    "shop_code": _shop_codes,
    "offer_code": _offer_codes,
    "handle": _handles,
    "topic": _topics,
    "question_id": _questions,
    "answer_id": _shown("answer"),
    "review_id": _shown("review"),
    "report_id": _shown("report"),
    "saved_answer_id": _of_advisers("saved_answer"),
    "offer_id": _offers,
    "partnership_id": _of_advisers("partnership"),
    "link_id": _of_advisers("link"),
    "code_id": _of_advisers("code"),
    "commission_id": _commissions,
    "order_ref": _orders,
    "store_id": _of_shops("store"),
    "store_adviser_id": _of_shops("store_adviser"),
    "evidence_id": _evidence,
    "dispute_id": _of_advisers("dispute", "live"),
    "claim_id": _of_advisers("claim"),
    "statement_id": _statements,
    "run_id": _runs,
    "break_id": _breaks,
    "event_id": _events,
    "filename": _files,
    "account": _accounts,
    "entry_id": _entries,
    "problem": _problems,
    "owner": _owners,
    "source_id": _sources,
}
