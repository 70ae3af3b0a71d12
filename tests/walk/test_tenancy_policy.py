"""Limits of tenants stand in `tenancy` alone, each with a name; the page about the matrix says what the files say."""

from __future__ import annotations

import ast

import pytest

from tests.walk import names
from tests.walk.page import PAGE, page

SHOPS, SELF = {"shop_ids", "owned_shop_ids"}, {"adviser_id", "user_id"}
# No tenant is told apart here, each with the reason.
ALLOWED = {
    "marketplace/core/tenancy.py": "the words themselves",
    "marketplace/accounts/members.py": "looks under a lock whether who removes an owner is one still",
    "marketplace/accounts/staff.py": "nobody suspends themselves",
    "marketplace/accounts/agreements.py": "finds the row again that the same call has just written for the actor",
    "payouts/reconciliation/lifting.py": "the second person is another one",
}


def raw_limits(tree: ast.Module) -> list[int]:
    """Return the lines that compare with an actor's shops or identity, or look for something among them."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("in_", "any_", "contains"):
            sides = list(node.args)
        else:
            continue
        looks = any(
            isinstance(op, (ast.Eq, ast.NotEq, ast.In, ast.NotIn)) for op in getattr(node, "ops", [ast.Eq()])
        )
        if looks and any(_of_actor(side) for side in sides):
            found.append(node.lineno)
    return found


def _of_actor(side: ast.expr) -> bool:
    if isinstance(side, ast.Call):
        side = side.func
        return isinstance(side, ast.Attribute) and side.attr in ("adviser", "id_of")
    if not isinstance(side, ast.Attribute):
        return False
    is_actor = isinstance(side.value, ast.Name) and side.value.id == "actor"
    return side.attr in SHOPS or (side.attr in SELF and is_actor)


def test_policy_of_tenants_no_limit_stands_outside_the_vocabulary():
    breaches = [
        f"{file.relative_to(names.ROOT)}:{line}"
        for file, tree in names.modules()
        if str(file.relative_to(names.ROOT)) not in ALLOWED
        for line in raw_limits(tree)
    ]
    assert not breaches, breaches


@pytest.mark.parametrize(
    "source",
    [
        "query.where(Offer.shop_id.in_(actor.shop_ids))",
        "if shop_id not in actor.owned_shop_ids: pass",
        "query.where(Link.adviser_id == actor.adviser_id)",
        "query.where(Link.adviser_id == actor.adviser())",
        "row.user_id != users.id_of(actor)",
    ],
)
def test_policy_of_tenants_sees_a_limit_without_a_name(source):
    assert raw_limits(ast.parse(source)) == [1]


def test_policy_names_of_limits_are_written_out_and_stand_once():
    twice = {name for name, count in names.counted().items() if count > 1}
    assert not twice, f"two places share {sorted(twice)}"
    assert names.every() >= names.INSIDE_A_TENANT
    print(f"\n{len(names.every())} limits: {', '.join(sorted(names.every()))}")


def test_policy_page_says_what_the_data_files_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.walk.page"
