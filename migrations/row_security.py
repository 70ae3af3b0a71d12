"""The words of row-level security: whose rows a transaction may touch, and how a table is put under the lock.

Each transaction says who acts (marketplace.core.db): app.actor, app.shop_ids, app.adviser_id and app.role. Policies
read these through sub-selects, which PostgreSQL evaluates once a statement and not once a row; a setting that is
missing or empty is NULL and matches nothing. Tables are ENABLEd and not FORCEd: functions of the owner, which post
to the ledger and copy touches, must see all rows.
"""

from __future__ import annotations

from typing import Any

from migrations.grants import ROLES

ACTOR = "(SELECT nullif(current_setting('app.actor', true), '')::uuid)"
ADVISER = "(SELECT nullif(current_setting('app.adviser_id', true), '')::uuid)"
SHOPS = "(SELECT nullif(current_setting('app.shop_ids', true), '')::uuid[])::uuid[]"
ROLE = "(SELECT current_setting('app.role', true))"

# Tables that hold no row of a tenant, or that the web role can't reach at all. Partitions go with their table.
EXEMPT = {
    "alembic_version": "the number of the newest migration; no login role may read it",
    "business_clock": "one row for the whole house: how far business time is ahead",
    "heartbeat": "one row for each process of ours",
    "edge_mark": "one row for each edge: up to when its clicks are here",
    "dispute_policy": "the terms of disputes, the same for everybody",
    "useful_vote": "what readers find useful, under digests of random keys that name nobody; counts are public",
    "google_category": "Google's categories, the same for everybody; the web role may only read them",
    "account_kind": "the chart of accounts, the same for everybody",
    "click": "raw clicks, expired after 90 days; the web role has no right on them (decisions D5, D25)",
    "click_first": "raw clicks of two days; the web role has no right on them (decisions D25)",
    "product_word": "words of published and other products, read by a function only; no role has a right on it",
    "feed_staged": "rows of a feed being read, filled by COPY, which PostgreSQL refuses under row-level security; "
    "only the worker has a right on it (decisions D25)",
}
# Views that show rows with the eyes of the owner, on purpose; every other view sees what its reader may see.
OPEN_VIEWS = {
    "edge_link": "all links, for the edge's own role, which has no right on the tables behind it",
    "public_shop": "what everybody may know of a shop: its id and state",
    "public_host": "verified hosts, which stand on the open internet",
    "public_adviser": "what everybody may know of an adviser: the public profile",
    "public_profile": "the same with what an adviser tells readers about themselves",
    "public_shop_name": "what a page says of who sells: the name and country of shops that are in business or were",
    "public_earning": "in which offers an adviser earns now, which every button of an advice page says anyway",
    "public_followers": "how many follow an adviser, without who they are",
    "public_terms": "what open offers of shops in business promise, for who was sent the link and has no account yet",
    "mail_told": "how far each mail is, without its address and its facts; to an admin only",
    "stripe_event_told": "how far each event of Stripe is, without what is in it; to an admin only",
    "sign_in_told": "since when people are signed in, without tokens and networks; to an admin only",
    "public_evidence": "verified evidence without the order that it may name",
    "platform_person": "names of finance and admin, for finance and admin",
}
# What closes the web role in, one row for each policy; those that let everything through are left out.
CLOSED_POLICIES = (
    "SELECT tablename, policyname, cmd, qual, with_check FROM pg_policies WHERE schemaname = 'public'"
    " AND roles = '{aanrader_app}' AND coalesce(nullif(qual, 'true'), nullif(with_check, 'true')) IS NOT NULL"
    " AND policyname NOT LIKE '%\\_tests' ORDER BY policyname"
)


def shop(column: str = "shop_id") -> str:
    """Return the condition that a column names a shop that the actor works for."""
    return f"{column} = ANY ({SHOPS})"


def adviser(column: str = "adviser_id") -> str:
    """Return the condition that a column names the adviser that the actor is."""
    return f"{column} = {ADVISER}"


def person(column: str = "user_id") -> str:
    """Return the condition that a column names the actor."""
    return f"{column} = {ACTOR}"


def role(*names: str) -> str:
    """Return the condition that the transaction acts in one of these roles."""
    listed = ", ".join(f"'{name}'" for name in names)
    return f"{ROLE} IN ({listed})" if len(names) > 1 else f"{ROLE} = {listed}"


def either(*conditions: str) -> str:
    """Return the condition that one of several holds; the cheap and the frequent ones stand first."""
    return " OR ".join(f"({one})" if " " in one else one for one in conditions)


def enable(op: Any, *tables: str) -> None:
    """Put tables under row-level security: without a policy nobody but the owner sees or writes a row."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def permit(
    op: Any, table: str, login: str, kind: str, using: str | None = None, check: str | None = None
) -> None:
    """Make the policy `<table>_<login>_<kind>`.

    login: app, worker or edge; kind: select, insert, update, delete or all; using: which rows are there for it;
    check: which rows it may write, the same as `using` where that is given and `check` is not.
    """
    clauses = (f" USING ({using})" if using else "") + (f" WITH CHECK ({check})" if check else "")
    op.execute(
        f"CREATE POLICY {table}_{login}_{kind} ON {table} FOR {kind.upper()} TO {ROLES[login]}{clauses}"
    )


def open_up(op: Any, *tables: str) -> None:
    """Drop all policies of tables and take them out of row-level security."""
    for table in tables:
        op.execute(
            f"DO $$ DECLARE p name; BEGIN FOR p IN SELECT policyname FROM pg_policies WHERE schemaname = 'public'"
            f" AND tablename = '{table}' LOOP EXECUTE format('DROP POLICY %I ON {table}', p); END LOOP; END $$"
        )
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
