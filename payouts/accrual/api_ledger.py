"""GET /api/v1/ledger: the books for finance. They are shown from here because the ledger knows nothing of the web."""

from __future__ import annotations

from typing import Any

from marketplace.core import db
from marketplace.core.paging import number_after, page
from marketplace.core.policy import policy
from marketplace.core.web import ApiBlueprint
from payouts.accrual import isolation, schemas
from payouts.ledger import reading

blueprint = ApiBlueprint(
    "ledger",
    __name__,
    url_prefix="/api/v1/ledger",
    description="Accounts and entries of the double-entry ledger.",
)


@blueprint.route("/accounts", methods=["GET"])
@policy("ledger", "read")
@blueprint.arguments(schemas.AccountsQuery, location="query")
@blueprint.response(200, schemas.AccountPage)
def list_accounts(query: dict[str, Any]) -> dict[str, Any]:
    """List accounts with their balances."""
    wanted = reading.AccountFilter(query["kind"], query["owner"], query["currency"])
    with db.session() as session:
        rows = reading.accounts(session, wanted, number_after(query["cursor"]) or 0, query["limit"] + 1)
    return page(rows, query["limit"], lambda row: (row["id"],), lambda row: row)


@blueprint.route("/entries", methods=["GET"])
@policy("ledger", "read")
@blueprint.arguments(schemas.EntriesQuery, location="query")
@blueprint.response(200, schemas.EntryPage)
def list_entries(query: dict[str, Any]) -> dict[str, Any]:
    """List entries with their lines, newest first."""
    names = ("account", "kind", "source_type", "source_id", "since", "until")
    wanted = reading.EntryFilter(**{name: query[name] for name in names})
    with db.session() as session:
        rows = reading.entries(session, wanted, number_after(query["cursor"]), query["limit"] + 1)
    return page(rows, query["limit"], lambda row: (row["id"],), lambda row: row)


@blueprint.route("/set-aside", methods=["GET"])
@policy("ledger", "read")
@blueprint.response(200, schemas.SetAsidePage)
def list_set_aside() -> dict[str, Any]:
    """List the moves of commissions that could not be posted and wait, oldest first; at most a hundred."""
    with db.session() as session:
        return {"items": isolation.open_ones(session), "next_cursor": None}
